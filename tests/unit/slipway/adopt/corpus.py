"""Compose files of public shape, as applications in directories of their own."""

import os
import shutil
from pathlib import Path
from typing import Any

from slipway.adopt import project
from slipway.adopt.program import Program
from slipway.adopt.reading import compose_files
from slipway.adopt.reading.source import Source

CORPUS = Path(__file__).parent / "corpus"
RECORDED = "read.json"
"""What `docker compose config --format json` of release 2.40.3 printed, with DIR for the directory."""
CASES = sorted(path.name for path in CORPUS.iterdir())
ENVIRONMENT = {"API_KEY": "open-sesame-12", "PATH": os.environ["PATH"]}
FAKE = """#!/bin/sh
case "$*" in *config*) sed "s|DIR|$(dirname "$0")/app|" "$(dirname "$0")/read.json" ;; esac
"""


def application(name: str, directory: Path) -> Path:
    """Copy an application, and give each build a Dockerfile."""
    app = directory / "app"
    shutil.copytree(CORPUS / name, app, ignore=shutil.ignore_patterns(RECORDED))
    compose = compose_files.find(app)
    assert compose
    for file in (compose, *app.glob("*/base.yaml")):
        for service in compose_files.load(file)["services"].values():
            build: dict[str, Any] = service.get("build") or {}
            if build:
                context = file.parent / build["context"]
                context.mkdir(parents=True, exist_ok=True)
                dockerfile = context / build.get("dockerfile", "Dockerfile")
                if not dockerfile.exists():
                    dockerfile.write_text('FROM python:3.12-slim\nCMD ["serve"]\n')
    return app


def install_compose(name: str, directory: Path) -> None:
    """Put a `docker` into a directory that prints what Compose printed for an application."""
    shutil.copy(CORPUS / name / RECORDED, directory)
    docker = directory / "docker"
    docker.write_text(FAKE)
    docker.chmod(0o755)


def adopt(app: Path, profiles: tuple[str, ...] = (), **options: Any) -> Program:
    """Adopt an application into the directory that it is in."""
    given: dict[str, Any] = {"files": [], "context": "sandbox", **options}
    return project.adopt(app, app.parent, profiles=profiles, **given)


def secrets(source: Source) -> set[str]:
    """Return the values of an application that no file may have: they are marked by a word."""
    return {text for text in _texts(source.model) if "sesame" in text or text == "not a real key"}


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {text for item in value.values() for text in _texts(item)}
    if isinstance(value, list):
        return {text for item in value for text in _texts(item)}
    return {value} if isinstance(value, str) else set()
