"""The steps to start and stop an instance."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from sandbox.platform import docker_engine, environment, images, lifecycle, object_store, readiness
from sandbox.platform.instance import Instance, SandboxError
from sandbox.platform.processes import Process, Supervisor
from sandbox.progress import Progress
from sandbox.tools.toolchain import Toolchain


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the steps that follow the start of processes; the servers respond at the second request."""
    recorded: list[str] = []

    def records(name: str) -> Any:
        return lambda *_: recorded.append(name)

    def responds(name: str) -> Any:
        def unready(*_: object) -> list[str]:
            recorded.append(name)
            return [f"{name} is silent"] if recorded.count(name) == 1 else []

        return unready

    monkeypatch.setattr(Supervisor, "alive", lambda _: True)
    monkeypatch.setattr(lifecycle, "_start", records("start"))
    monkeypatch.setattr(environment, "ensure_builder", records("builder"))
    monkeypatch.setattr(lifecycle, "_fill_registry", records("fill the registry"))
    for module, function in (
        ("addons", "ensure"),
        ("ingress_controller", "deploy"),
        ("prometheus", "deploy"),
    ):
        monkeypatch.setattr(getattr(lifecycle, module), function, records(module))
    monkeypatch.setattr(readiness, "api_unready", responds("API server"))
    monkeypatch.setattr(images, "unready", responds("registry"))
    monkeypatch.setattr(docker_engine, "unready", responds("Docker engine"))
    monkeypatch.setattr(object_store, "unready", responds("store"))
    return recorded


@pytest.mark.parametrize("server", ["API server", "registry", "Docker engine", "store"])
def test_up_waits_for_the_servers_that_its_next_steps_and_the_user_need(
    instance: Instance, steps: list[str], server: str
) -> None:
    serve(instance)
    assert steps.index("fill the registry") > [at for at, step in enumerate(steps) if step == server][1]


def test_up_does_not_succeed_while_a_process_ends_again_and_again(
    instance: Instance, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = [Process("buildkitd", "BACKOFF", 0, 0, 1), Process("late-tools", "EXITED", 0, 0, 1)]
    monkeypatch.setattr(Supervisor, "processes", lambda _: processes)
    monkeypatch.setattr(lifecycle, "SERVERS_TIMEOUT_S", 1)
    with pytest.raises(SandboxError, match=r"buildkitd is BACKOFF: run .*logs buildkitd`$"):
        serve(instance)


def test_packages_that_are_not_to_be_had_do_not_end_up_before_the_registry_is_asked(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rootfs(*_: object) -> None:
        raise SandboxError("no network")

    monkeypatch.setattr(images, "rootfs", rootfs)
    monkeypatch.setattr(lifecycle, "reachable", lambda _: False)
    lifecycle._base_archives(instance)


def test_no_other_user_reaches_the_state(instance: Instance) -> None:
    """Its volumes are open to every user."""
    instance.state.chmod(0o755)
    with lifecycle.lock(instance):
        assert instance.state.stat().st_mode & 0o777 == 0o700


def test_purge_leaves_nothing(instance: Instance) -> None:
    (instance.state / "volumes/data").mkdir(parents=True)
    (instance.state / "link").symlink_to(instance.state / "volumes")
    with lifecycle.lock(instance):
        lifecycle.purge(instance, tools=True)
    assert not instance.state.exists()


def serve(instance: Instance) -> None:
    tools = cast(Toolchain, SimpleNamespace(link=lambda: None, has=lambda _: False))
    lifecycle._serve(instance, tools, Progress(Console(quiet=True)))
