"""What a plan was made from, as hashes: the program, the configuration, the state."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from slipway.errors import CommandFailed
from slipway.process import git
from slipway.pulumi.project import Stack

_NO_PROGRAM = (".md", ".pyc")
_NO_PROGRAM_DIRECTORIES = {".git", ".venv", "venv", "node_modules", "__pycache__"}


def program(directory: Path, without: Path) -> str:
    """Hash every file of the project that git does not ignore, but for documents and stacks' configurations.

    Names, contents and executable bits count. Without git, files in virtualenvs and caches are left out; so
    are those in the directory `without`, where plans lie, unless that is the project's own.
    """
    total = hashlib.sha256()
    without = without.resolve()
    for path in sorted(_files(directory)):
        file = directory / path
        if without != directory and file.is_relative_to(without):
            continue
        if file.is_symlink():
            content = str(file.readlink()).encode()
        elif file.is_file():
            content = file.read_bytes()
        else:
            continue  # removed, but git still has it
        executable = os.access(file, os.X_OK)
        total.update(json.dumps([path, executable, hashlib.sha256(content).hexdigest()]).encode())
    return total.hexdigest()


def configuration(stack: Stack) -> str:
    """Hash what a stack's file says: configuration, secrets as they are encrypted, and environments."""
    said = yaml.safe_load(stack.file.read_text()) if stack.file.is_file() else None
    said = said if isinstance(said, Mapping) else {}
    return _hash({key: said.get(key) for key in ("config", "environment")})


def state(exported: Mapping[str, Any]) -> str:
    """Hash a stack's state, as exported: which resources there are, and how they were last seen.

    Secrets are encrypted anew at each export, so that of them only the place counts.
    """
    deployment = exported.get("deployment") or {}
    return _hash({"resources": _steady(deployment.get("resources"))})


def _files(directory: Path) -> Iterator[str]:
    words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    try:
        listed = git(*words, directory=directory).split("\0")
    except CommandFailed:
        listed = list(_walked(directory))
    for path in filter(None, listed):
        stack_file = "/" not in path and path.startswith("Pulumi.") and path != "Pulumi.yaml"
        if not stack_file and not path.endswith(_NO_PROGRAM):
            yield path


def _walked(directory: Path) -> Iterator[str]:
    for parent, directories, files in os.walk(directory, followlinks=True):
        directories[:] = [name for name in directories if name not in _NO_PROGRAM_DIRECTORIES]
        yield from (str((Path(parent) / name).relative_to(directory)) for name in files)


def _steady(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _steady(item) for key, item in value.items() if key not in ("ciphertext", "modified")}
    if isinstance(value, list):
        return [_steady(item) for item in value]
    return value


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
