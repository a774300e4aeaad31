"""Stacks of programs of the tests instead of the repository's."""

import configparser
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import yaml

from sandbox.platform.object_store import Store, find
from tests.e2e.program.conftest import INSTANCE, PROJECT, Stack

OwnStack = TypeVar("OwnStack", bound=Stack)


def write_project(
    directory: Path, name: str, files: Iterable[Path], folders: Iterable[str] = ("components",)
) -> None:
    """Copy the program's files, link folders of the repository, and make room for the state."""
    for folder in folders:
        (directory / folder).symlink_to(PROJECT / folder)
    for file in files:
        shutil.copy(file, directory)
    runtime = {"name": "python", "options": {"virtualenv": str(PROJECT / ".venv")}}
    (directory / "Pulumi.yaml").write_text(yaml.safe_dump({"name": name, "runtime": runtime}))
    (directory / "state").mkdir()


def own_stack(
    kind: type[OwnStack], directory: Path, environment: dict[str, str], name: str = "test", **config: object
) -> OwnStack:
    """Return a stack of a written project that is not deployed yet, with this configuration."""
    own = {"PULUMI_BACKEND_URL": f"file://{directory}/state"}
    stack = kind(f"{name}-{uuid.uuid4().hex[:6]}", directory, {**environment, **own})
    stack.set(**config)
    stack.succeed("stack", "init")
    return stack


def object_store() -> Store:
    """Return the sandbox's store, which has to run."""
    store = find(INSTANCE)
    assert store is not None
    return store


def tell_keys(stack: Stack) -> None:
    """Give a stack the keys of the sandbox's store."""
    keys = configparser.ConfigParser()
    keys.read(object_store().credentials)
    stack.tell_secret("accessKey", keys["default"]["aws_access_key_id"])
    stack.tell_secret("secretKey", keys["default"]["aws_secret_access_key"])
