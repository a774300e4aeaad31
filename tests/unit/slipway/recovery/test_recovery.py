"""The owner of a lock, orphaned plugins, and drift."""

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slipway.cluster.kubectl import Cluster
from slipway.errors import LockInUse, SlipwayError, StackLocked
from slipway.pulumi.operations import Run
from slipway.pulumi.project import Stack
from slipway.pulumi.stack_snapshot import StackSnapshot
from slipway.recovery import orphans as plugins
from slipway.recovery import repair as module
from slipway.recovery.drift import differences
from slipway.recovery.repair import repair
from tests.unit.slipway.engine import step

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
HERE = socket.gethostname()


class LockedStack:
    """A stack with a lock that `cancel` removes."""

    name = "dev"

    def __init__(self, project: Path, owner: str) -> None:
        self.project = SimpleNamespace(working_directory=project)
        self.owner = owner
        self.commands: list[str] = []

    def command(self, *arguments: str) -> None:
        if "cancel" not in self.commands:
            raise StackLocked("dev", f"error: the stack is locked\n{self.owner}")
        self.commands.append(arguments[0])

    def cancel(self) -> None:
        self.commands.append("cancel")

    def state(self) -> dict[str, Any]:
        return {"deployment": {}}


def repair_locked(stack: LockedStack, force: bool = False) -> list[str]:
    snapshot = StackSnapshot(cast(Stack, stack), "shop", {}, Cluster("sandbox"), stack.state())
    repair(snapshot, lambda text: None, force)
    return stack.commands


def created_by(pid: int, host: str = HERE) -> str:
    return f"  lock.json: created by me@{host} (pid {pid}) at now"


def test_lock_of_a_dead_process(tmp_path: Path) -> None:
    assert repair_locked(LockedStack(tmp_path, created_by(2**22 + 1))) == ["cancel", "refresh"]


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        (created_by(1, "elsewhere"), "cannot be checked from here"),
        ("", "does not name the owner"),
    ],
)
def test_lock_of_an_unknown_process(tmp_path: Path, owner: str, reason: str) -> None:
    """The lock stays unless the user forces its removal."""
    stack = LockedStack(tmp_path, owner)
    with pytest.raises(LockInUse, match=reason):
        repair_locked(stack)
    assert stack.commands == []
    assert repair_locked(stack, force=True) == ["cancel", "refresh"]


def test_lock_of_a_running_process(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "60"]) as process:
        try:
            with pytest.raises(LockInUse, match=f"process {process.pid}"):
                repair_locked(LockedStack(tmp_path, created_by(process.pid)))
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_orphaned_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin in the project's directory without an engine is found and ended."""
    monkeypatch.setattr(plugins, "GRACE_S", 0.1)
    plugin, project = tmp_path / "pulumi-resource-test", tmp_path / "project"
    shutil.copy("/bin/sleep", plugin)
    project.mkdir()
    with subprocess.Popen([plugin, "60"], cwd=project) as process:
        try:
            while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
                time.sleep(0.01)  # the kernel sets it a moment after Popen returns
            assert list(plugins.orphans(project)) == [process.pid]
            assert list(plugins.orphans(tmp_path)) == []
            plugins.end([process.pid])
            assert process.wait() != 0
        finally:
            process.kill()


def test_objects_of_an_orphaned_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster is compared after the plugin has ended: until then, it may create more."""
    steps: list[str] = []
    monkeypatch.setattr(module, "orphans", lambda directory: [7])
    monkeypatch.setattr(module, "end", lambda processes: steps.append(f"end {list(processes)}"))
    find = module.find_damage

    def find_damage(snapshot: StackSnapshot) -> module.Damage:
        steps.append("find")
        return find(snapshot)

    monkeypatch.setattr(module, "find_damage", find_damage)
    repair_locked(LockedStack(tmp_path, created_by(2**22 + 1)))
    assert steps[:2] == ["end [7]", "find"]


class ComparedStack:
    """A stack whose refreshes have the given events."""

    name = "dev"

    def __init__(self, failure: str = "") -> None:
        old, live = {"spec": {"replicas": 1}}, {"spec": {"replicas": 5}}
        begin = step("refresh", DEPLOYMENT, "web", old, old)
        found = step("update", DEPLOYMENT, "web", old, old, event="resOutputsEvent", outputs=(old, live))
        update = step("update", DEPLOYMENT, "web", old, old, {"spec.replicas": "update"})
        new = step("create", DEPLOYMENT, "worker", None, old)
        self.run = Run([begin, found, update, new], failure)

    def preview(self, refresh: bool) -> Run:
        return self.run


def test_drift() -> None:
    """Each resource has its differences in the cluster and in the program, and the operation of `up`."""
    stack = ComparedStack()
    assert [str(item) for item in differences(cast(Stack, stack))] == [
        "Deployment web: cluster: spec.replicas: 1 → 5 → `up` would update",
        "Deployment worker: program: it is new → `up` would create",
    ]


def test_drift_of_a_program_that_fails() -> None:
    with pytest.raises(SlipwayError, match="dev cannot be compared with its cluster: no luck"):
        differences(cast(Stack, ComparedStack(failure="no luck")))
