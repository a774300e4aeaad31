"""Fingerprints, which detect that a preview is out of date before it is applied."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from slipway.cluster import objects
from slipway.errors import CommandFailed, CommandNotFound, OutOfDate, SlipwayError
from slipway.images import references
from slipway.images.references import Image
from slipway.process import git_bytes
from slipway.pulumi.project import Stack
from slipway.pulumi.stack_file import stack_files
from slipway.pulumi.stack_snapshot import StackSnapshot

_DOCUMENTS = (".md", ".pyc")
_CACHES = {".git", ".venv", "venv", "node_modules", "__pycache__"}


class Fingerprint(BaseModel):
    """Hashes of everything that a preview depends on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    program: str
    configuration: str
    state: str
    cluster: str = ""
    """The stack's objects in the cluster; empty for a plan, which compares them by a refresh."""
    image: str = ""
    """The promoted image, and the digest behind its tag; empty for a plan."""

    @classmethod
    def from_stack(cls, stack: Stack, plans: Path) -> "Fingerprint":
        """Take the fingerprint of a stack for a plan in the directory `plans`."""
        return cls(
            program=hash_program(stack.project.directory, plans),
            configuration=hash_configuration(stack),
            state=hash_state(stack.state()),
        )

    @classmethod
    def from_snapshot(cls, target: StackSnapshot, *images: Image) -> "Fingerprint":
        """Take the fingerprint of a stack and of the images that are promoted to it."""
        for image in images:
            references.manifest(image)
        directory = target.stack.project.directory
        return cls(
            program=hash_program(directory, directory),
            configuration=hash_configuration(target.stack),
            state=hash_state(target.state),
            cluster=objects.fingerprint(objects.live_objects(target.cluster, target.objects)),
            image=" ".join(f"{image} {references.tag_digest(image)}" for image in images),
        )

    def differences(self, now: "Fingerprint") -> list[str]:
        """Name the parts that differ from another fingerprint."""
        return [name for field, name in _NAMES.items() if getattr(self, field) != getattr(now, field)]

    def check_unchanged(self, target: StackSnapshot, *images: Image) -> None:
        """Compare with the present; `target` is a snapshot from after the preview.

        Raises:
            OutOfDate: something differs. Nothing was changed.
        """
        if changed := self.differences(Fingerprint.from_snapshot(target, *images)):
            raise OutOfDate(
                f"the preview of {target.name} is out of date: {' and '.join(changed)} changed since it was"
                " made. Nothing was applied. Run the same command again"
            )


_NAMES = {
    "program": "the program",
    "configuration": "the stack file's configuration",
    "state": "the stack's state",
    "cluster": "an object in the cluster",
    "image": "the digest of the image's tag",
}


def hash_program(directory: Path, plans: Path) -> str:
    """Hash the names, contents and executable bits of a project's files, without documents and stack files.

    Files that git ignores do not count; without git, virtualenvs and caches do not. Files in the directory
    `plans` do not count either, unless it is the project's own directory.
    """
    total = hashlib.sha256()
    plans = plans.resolve()
    for path in sorted(_program_files(directory)):
        file = directory / path
        if plans != directory and file.is_relative_to(plans):
            continue
        if file.is_symlink():
            content = os.fsencode(file.readlink())
        elif file.is_file():
            content = file.read_bytes()
        else:
            continue  # git still lists a file that was removed
        executable = os.access(file, os.X_OK)
        total.update(json.dumps([path, executable, hashlib.sha256(content).hexdigest()]).encode())
    return total.hexdigest()


def hash_configuration(stack: Stack) -> str:
    """Hash the configuration, with encrypted secrets, and the environments in a stack file."""
    content = yaml.safe_load(stack.file.read_text()) if stack.file.is_file() else None
    content = content if isinstance(content, Mapping) else {}
    return _hash({key: content.get(key) for key in ("config", "environment")})


def hash_state(state: Mapping[str, Any]) -> str:
    """Hash the resources in an exported state, without ciphertexts: each export encrypts secrets again."""
    deployment = state.get("deployment") or {}
    return _hash({"resources": _without_ciphertexts(deployment.get("resources"))})


def _program_files(directory: Path) -> Iterator[str]:
    own = stack_files(directory)
    for path in _files(directory):
        name = Path(path).name
        stack_file = (directory / path).parent == own and name.startswith("Pulumi.")
        if (not stack_file or name == "Pulumi.yaml") and not path.endswith(_DOCUMENTS):
            yield path


def _files(directory: Path) -> Iterator[str]:
    """Yield the files that git does not ignore, also those of submodules; without git, all files.

    Raises:
        SlipwayError: git refuses to list the files, such as those of another user. All files would include
            ignored files, so the fingerprint would differ although the program is the same.
    """
    arguments = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
    try:
        paths = os.fsdecode(git_bytes(*arguments, directory=directory)).split("\0")
    except CommandNotFound:
        paths = _walk(directory)
    except CommandFailed as error:
        if "not a git repository" not in str(error):
            raise SlipwayError(f"git cannot list the files of {directory}: {error}") from None
        paths = _walk(directory)
    for path in filter(None, paths):
        if (directory / path / ".git").exists():  # a submodule, or another repository
            yield from (f"{path.rstrip('/')}/{file}" for file in _files(directory / path))
        else:
            yield path


def _walk(directory: Path) -> list[str]:
    paths: list[str] = []
    for parent, directories, files in os.walk(directory, followlinks=True):
        directories[:] = [name for name in directories if name not in _CACHES]
        paths += [str((Path(parent) / name).relative_to(directory)) for name in files]
    return paths


def _without_ciphertexts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _without_ciphertexts(item)
            for key, item in value.items()
            if key not in ("ciphertext", "modified")
        }
    if isinstance(value, list):
        return [_without_ciphertexts(item) for item in value]
    return value


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
