"""The preflight check reports every problem, and changes nothing."""

import socket
from pathlib import Path

import pytest

from sandbox import preflight
from sandbox.platform.instance import Instance, SandboxError


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance("preflight-test", tmp_path / "state", tmp_path / "cache")


def test_all_problems_are_reported_with_their_solutions(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(preflight, "MEMORY_GIB", 10**6)
    monkeypatch.setattr(preflight, "DISK_GB", 10**9)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SandboxError) as caught:
        preflight.check(instance, to_build=True)
    message = str(caught.value)
    for words in (
        "run as root",
        "GiB are needed",
        "GB are needed",
        "sandbox/packages.sh",
        "etcd-server",
        "Go",
    ):
        assert words in message
    assert not instance.state.exists(), "the check creates nothing"


def test_a_taken_port_is_reported(instance: Instance) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", instance.registry_port))
        listener.listen()
        with pytest.raises(SandboxError, match=f"port {instance.registry_port} .* is taken"):
            preflight.check(instance, to_build=False)


@pytest.mark.parametrize("state", ["/var/lib/x", "/run/x"])
def test_state_in_an_overlaid_directory_is_refused(state: str, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="set XDG_STATE_HOME elsewhere"):
        preflight.check(Instance("a", Path(state), tmp_path), to_build=False)


def test_an_old_go_is_reported(instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go1.19.8\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(SandboxError, match=r"Go is too old \(go1.19.8\)"):
        preflight.check(instance, to_build=True)


def test_too_few_inotify_instances_are_reported(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_spare_inotify_instances", lambda: 3)
    with pytest.raises(SandboxError, match=r"only 3 inotify .* `sysctl fs.inotify.max_user_instances=1024`"):
        preflight.check(instance, to_build=False)


def test_low_memory_names_the_other_sandboxes(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "FREE_MEMORY_GIB", 10**6)
    monkeypatch.setattr("sandbox.platform.cgroups.instances", lambda: {"sandbox", instance.name})
    monkeypatch.setattr("shutil.which", lambda name: None if name == "sandbox" else f"/bin/{name}")
    stop = r"`SANDBOX_NAME=sandbox \.venv/bin/sandbox down` stops another"
    with pytest.raises(SandboxError, match=rf"GiB of memory are free.*; {stop}"):
        preflight.check(instance, to_build=False)
