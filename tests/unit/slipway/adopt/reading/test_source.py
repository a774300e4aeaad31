"""What Compose reads and Slipway does not: files that are included."""

import json
from pathlib import Path

import pytest

from slipway.adopt.program import Program
from tests.unit.slipway.adopt import corpus
from tests.unit.slipway.adopt.conftest import main

INCLUDED = {
    "image": "acme/db-admin:1",
    "ports": [{"mode": "ingress", "target": 80, "published": "8080", "protocol": "tcp"}],
    "volumes": [{"type": "volume", "source": "data", "target": "/data", "volume": {}}],
    "x-new": True,
}


@pytest.fixture
def including(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """An application with a service of another file, as Compose reads it."""
    (directory / "compose.yaml").write_text("include: [admin.yaml]\nservices: {web: {build: .}}\n")
    web = {"build": {"context": str(directory), "dockerfile": "Dockerfile"}}
    model = {"services": {"admin": INCLUDED, "web": web}, "volumes": {"data": {"name": "app_data"}}}
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(model)}\nEND\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{corpus.ENVIRONMENT['PATH']}")
    return corpus.adopt(directory)


def test_services_of_included_files_are_translated(including: Program) -> None:
    assert 'WebService(\n    "admin"' in main(including)
    assert 'Volume.claim("/data", name="data"' in main(including)


def test_their_fields_are_in_the_report(including: Program) -> None:
    report = including.files()["ADOPTED.md"]
    assert "| `services.admin.ports[0]` (target, published, protocol, mode) | changed |" in report
    assert "| `services.admin.x-new` | **left out** | slipway does not know this field" in report
    assert "| `volumes.data` | changed | the claim admin-data |" in report
