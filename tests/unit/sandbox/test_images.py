"""The images in the registry, and the age of the stand-ins for official ones."""

import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sandbox.platform import images
from sandbox.platform.instance import Instance, SandboxError

IMAGE = images.BASE_IMAGES[0]
DAY_S = 86_400


class Machine:
    """Stands in for mmdebstrap and the registry."""

    def __init__(self, cache: Path) -> None:
        self.instance = cast(Instance, SimpleNamespace(cache_home=cache, registry="localhost:5001"))
        self.annotations: dict[str, str] | None = None
        self.installs = 0
        self.online = True
        self.hub = False
        self.notes: list[str] = []
        self.built: list[dict[str, str]] = []
        (cache / "images").mkdir()

    def run(self, *command: str, **_: Any) -> str:
        if command[0] == "buildx":
            raise SandboxError("429 Too Many Requests")
        assert command[0] == "mmdebstrap"
        if not self.online:
            raise SandboxError("no network")
        self.installs += 1
        Path(command[-1]).write_text(f"packages of install {self.installs}")
        return ""

    def build(self, *arguments: Any) -> None:
        self.annotations = arguments[-1]
        self.built.append(arguments[-1])

    def up(self) -> None:
        images.ensure_base(self.instance, {}, IMAGE, self.notes.append)

    def age(self, days: int) -> None:
        """Let time pass: for the archive, and for the image in the registry."""
        [archive] = self.instance.cache_home.glob("images/*.tar")
        os.utime(archive, 2 * (int(time.time()) - days * DAY_S,))
        if self.annotations and images.CREATED in self.annotations:
            self.annotations[images.CREATED] = images._changed(archive).isoformat()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    monkeypatch.setattr(images, "run", found.run)
    monkeypatch.setattr(images, "reachable", lambda _: found.hub)
    monkeypatch.setattr(images, "_build", found.build)
    monkeypatch.setattr(images, "_annotations", lambda *_: found.annotations)
    return found


def test_a_stand_in_is_kept_for_a_month(machine: Machine) -> None:
    machine.up()
    machine.age(29)
    machine.up()
    assert (machine.installs, len(machine.built)) == (1, 1)


def test_an_old_stand_in_is_renewed(machine: Machine) -> None:
    machine.up()
    machine.age(31)
    machine.up()
    assert (machine.installs, len(machine.built)) == (2, 2)
    created = datetime.fromisoformat(machine.built[-1][images.CREATED])
    assert datetime.now(UTC) - created < timedelta(minutes=5)


def test_an_old_stand_in_is_kept_where_its_packages_cannot_be_reached(machine: Machine) -> None:
    machine.up()
    machine.age(31)
    machine.online = False
    machine.up()
    assert len(machine.built) == 1


def test_another_registry_gets_renewed_packages(machine: Machine) -> None:
    """The archive is shared by instances: it may be newer than the image of one of them."""
    machine.up()
    assert machine.annotations
    machine.annotations[images.CREATED] = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    machine.up()
    assert (machine.installs, len(machine.built)) == (1, 2)


def test_without_packages_there_is_no_stand_in(machine: Machine) -> None:
    machine.online = False
    with pytest.raises(SandboxError):
        machine.up()


@pytest.mark.parametrize("days", [None, 31])
def test_a_docker_hub_that_refuses_is_replaced_by_a_stand_in(machine: Machine, days: int | None) -> None:
    if days:
        machine.up()
        machine.age(days)
    machine.hub = True
    machine.up()
    assert machine.built[-1][images.CONTENT] == images._hash(IMAGE)
    [note] = machine.notes
    assert "python:3.11-slim-bookworm is a stand-in" in note and "429" in note


def test_an_old_stand_in_is_kept_if_neither_docker_hub_nor_packages_are_to_be_had(machine: Machine) -> None:
    machine.annotations = {images.CONTENT: "of an earlier release"}
    machine.hub, machine.online = True, False
    machine.up()
    assert not machine.built
    assert [word for note in machine.notes for word in ("429", "no network") if word in note] == [
        "429",
        "no network",
    ]


def test_a_stand_in_of_another_definition_is_made_again(machine: Machine) -> None:
    machine.up()
    assert machine.annotations
    machine.annotations[images.CONTENT] = "of an earlier release"
    machine.up()
    assert len(machine.built) == 2


def test_the_official_image_is_kept(machine: Machine) -> None:
    machine.annotations = {}
    machine.up()
    assert not machine.built


def test_the_base_of_databases_is_made_only_where_it_was_asked_for(tmp_path: Path) -> None:
    asked, docker = tmp_path / "postgres-base", tmp_path / "docker-engine"
    instance = cast(Instance, SimpleNamespace(postgres=asked, docker=docker))
    assert images.POSTGRES_IMAGE not in images.base_images(instance)
    asked.touch()
    assert images.POSTGRES_IMAGE in images.base_images(instance)


class Registry(BaseHTTPRequestHandler):
    """A registry that has every image."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"annotations": {}}).encode())

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


@pytest.fixture
def serving(instance: Instance) -> Iterator[Instance]:
    """An instance whose registry serves."""
    with HTTPServer(("127.0.0.1", 0), Registry) as server:
        instance.registry_port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield instance
        server.shutdown()


def test_a_proxy_of_the_machine_is_not_asked_for_the_registry(
    serving: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert images.unready(serving) == []
    assert images.origin(serving, IMAGE) == "official, copied from Docker Hub"


def test_a_registry_that_does_not_serve_ends_up_without_a_traceback(instance: Instance) -> None:
    instance.registry_port = 1
    assert "the registry does not serve" in images.unready(instance)[0]
    with pytest.raises(SandboxError, match=r"the registry does not serve .*logs registry"):
        images.ensure_base(instance, {}, IMAGE, print)
