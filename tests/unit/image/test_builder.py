"""The search for a builder, and the error if it does not answer."""

import json
import socket
from pathlib import Path

import pytest

from components.image import builder as buildx


@pytest.fixture
def builders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "instances").mkdir()
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("BUILDX_BUILDER", raising=False)
    return tmp_path / "instances"


def make(builders: Path, name: str, endpoint: str, driver: str = "remote") -> None:
    (builders / name).write_text(json.dumps({"Driver": driver, "Nodes": [{"Endpoint": endpoint}]}))


@pytest.mark.parametrize("endpoint", ["unix:///nowhere/buildkitd.sock", "tcp://127.0.0.1:1"])
@pytest.mark.parametrize("asked", ["far", None])
def test_a_builder_that_is_away_is_named_with_its_address(
    builders: Path, endpoint: str, asked: str | None
) -> None:
    make(builders, "far", endpoint)
    with pytest.raises(
        buildx.BuilderUnavailable, match=f"'far' at {endpoint} cannot be reached.*inspect far"
    ):
        buildx.check_reachable(asked)


def test_an_unknown_builder_is_refused_with_what_to_do(builders: Path) -> None:
    with pytest.raises(buildx.BuilderUnavailable, match=r"'typo' does not exist.*buildx ls"):
        buildx.check_reachable("typo")


def test_a_builder_that_listens_is_fine(builders: Path) -> None:
    path = builders.parent / "b.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        make(builders, "near", f"unix://{path}")
        buildx.check_reachable("near")


def test_builders_that_docker_starts_are_left_to_it(builders: Path) -> None:
    make(builders, "container", "unix:///var/run/docker.sock", "docker-container")
    buildx.check_reachable("container")
    buildx.check_reachable("default")


def test_without_any_builder_the_provider_decides(builders: Path) -> None:
    buildx.check_reachable(None)


def docker(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Install a `docker` that writes its arguments and standard input to a file."""
    program = directory / "docker"
    program.write_text(f'#!/bin/sh\necho "$@" >> "{directory}/log"\ncat >> "{directory}/log"\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(directory), prepend=":")
    buildx.stages.cache_clear()
    return directory / "log"


def test_buildkit_lists_the_stages_once_for_a_dockerfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = json.dumps({"targets": [{"name": "base", "base": "scratch"}, {"default": True, "base": "base"}]})
    log = docker(tmp_path, monkeypatch, f"echo '{answer}'")
    for _ in range(2):
        assert buildx.stages(b"FROM scratch AS Base", "lab") == [("base", "scratch"), ("", "base")]
    text = log.read_text()
    assert text == "buildx --builder lab build --call=targets,format=json -\nFROM scratch AS Base"


@pytest.mark.parametrize("script", ["exit 1", "echo no", "echo '{}'", "sleep 9"])
def test_a_builder_that_cannot_list_stages_leaves_it_to_the_build(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker(tmp_path, monkeypatch, script)
    monkeypatch.setattr(buildx, "ANSWER_TIMEOUT", 0.3)
    assert buildx.stages(b"FROM scratch", None) is None


def test_a_builder_that_is_slow_has_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker(tmp_path, monkeypatch, "sleep 9")
    monkeypatch.setattr(buildx, "ANSWER_TIMEOUT", 0.3)
    assert buildx.end_of_log("tag", None) == ""


STAGES = [
    ("builder", "$IMAGE"),
    ("test", "builder"),
    ("", "${IMAGE:-debian:12}"),
    ("builder", "Builder"),
    ("", "builder"),
]


@pytest.mark.parametrize(
    ("target", "arguments", "base"),
    [
        (None, {"IMAGE": "python:3.11"}, "python:3.11"),
        ("Test", {"IMAGE": "python:3.11"}, "python:3.11"),
        ("2", {}, "debian:12"),
        ("3", {"IMAGE": "python:3.11"}, "python:3.11"),
        ("0", {}, None),
        ("9", {}, None),
        ("nowhere", {}, None),
    ],
)
def test_the_base_is_the_image_that_the_target_begins_from(
    target: str | None, arguments: dict[str, str], base: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buildx, "stages", lambda *_: [buildx.Stage(*stage) for stage in STAGES])
    monkeypatch.setattr(buildx, "_arguments", lambda *_: arguments)
    assert buildx.base_image(b"", target, {}, None) == base


@pytest.mark.parametrize("listed", [None, [], [buildx.Stage("", "scratch")]])
def test_an_image_from_scratch_or_without_a_builder_has_no_base(
    listed: list[buildx.Stage] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buildx, "stages", lambda *_: listed)
    assert buildx.base_image(b"", None, {}, None) is None


def test_buildkit_gives_the_values_of_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = json.dumps({"args": [{"name": "IMAGE", "value": "python:3.11"}, {"name": "EMPTY"}]})
    log = docker(tmp_path, monkeypatch, f"echo '{answer}'")
    given = buildx._arguments(b"FROM $IMAGE", "web", {"A": "1"}, None)
    assert given == {"IMAGE": "python:3.11", "EMPTY": ""}
    assert "build --call=outline,format=json --target=web --build-arg=A=1 -\n" in log.read_text()
