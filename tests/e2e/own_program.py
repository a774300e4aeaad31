"""Projects with a program of the tests instead of the repository's."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml

from tests.e2e.program.conftest import PROJECT


def write_project(
    directory: Path, name: str, files: Iterable[Path], folders: Iterable[str] = ("components",)
) -> str:
    """Copy the program's files, link folders of the repository, and return the URL of a backend for it."""
    for folder in folders:
        (directory / folder).symlink_to(PROJECT / folder)
    for file in files:
        shutil.copy(file, directory)
    runtime = {"name": "python", "options": {"virtualenv": str(PROJECT / ".venv")}}
    (directory / "Pulumi.yaml").write_text(yaml.safe_dump({"name": name, "runtime": runtime}))
    state = directory / "state"
    state.mkdir()
    return f"file://{state}"
