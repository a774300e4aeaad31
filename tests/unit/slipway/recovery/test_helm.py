"""Helm's records of revisions that a killed update had begun."""

import base64
import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slipway.cluster.kubectl import Cluster, Object
from slipway.errors import LockInUse, SlipwayError, StackLocked
from slipway.pulumi.project import Stack
from slipway.pulumi.stack_snapshot import StackSnapshot
from slipway.recovery import helm, repair

TYPE = "kubernetes:helm.sh/v3:Release"
URN = f"urn:pulumi:dev::shop::{TYPE}::cache"
NAMESPACE = "urn:pulumi:dev::shop::kubernetes:core/v1:Namespace::shop"


def resource(kind: str = TYPE, **inputs: Any) -> dict[str, Any]:
    return {"urn": URN, "type": kind, "inputs": {"name": "cache", "namespace": "shop", **inputs}}


def operation(kind: str = "creating", **inputs: Any) -> dict[str, Any]:
    return {"type": kind, "resource": resource(**inputs)}


def secret(status: str, release: str = "cache") -> Object:
    """Return a record as Helm stores it."""
    content = json.dumps({"name": release, "info": {"status": status}, "manifest": "---"}).encode()
    labels = {"owner": "helm", "name": release, "status": status, "version": "1"}
    name = f"sh.helm.release.v1.{release}.v1"
    metadata = {"name": name, "namespace": "shop", "labels": labels, "resourceVersion": "7"}
    data = base64.b64encode(base64.b64encode(gzip.compress(content))).decode()
    return {"kind": "Secret", "metadata": metadata, "data": {"release": data}}


class FakeCluster(Cluster):
    """A cluster with records, which keeps what it was asked."""

    @classmethod
    def having(cls, *secrets: Object) -> "FakeCluster":
        cluster = cls("sandbox")
        cluster.__dict__.update(secrets=list(secrets), asked=[], replaced=[])
        return cluster

    @property
    def asked(self) -> list[tuple[str, ...]]:
        asked: list[tuple[str, ...]] = self.__dict__["asked"]
        return asked

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout_s: int = 0) -> str:
        self.asked.append(arguments)
        return json.dumps({"items": self.__dict__["secrets"]})

    def get(self, *arguments: str, timeout_s: int = 0) -> list[Object]:
        """Select by status, as the API server does."""
        items = super().get(*arguments)
        statuses = arguments[-1].partition("status in (")[2].rstrip(")").split(", ")
        return [item for item in items if item["metadata"]["labels"]["status"] in statuses]

    def replace(self, manifest: Object) -> Object:
        self.__dict__["replaced"].append(manifest)
        return manifest


class FakeStack:
    """A stack whose refresh drops pending operations apart from creations; a new state has none at all."""

    name = "dev"

    def __init__(self, directory: Path, *pending: dict[str, Any], locked: str = "") -> None:
        self.project = SimpleNamespace(working_directory=directory)
        self.locked = locked
        self.refreshes: list[tuple[str, ...]] = []
        self.failure = ""
        updated = [item["resource"] for item in pending if item["type"] == "updating"]
        self.kept: dict[str, Any] = {"deployment": {"resources": updated, "pending_operations": pending}}

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The resources of the state."""
        resources: list[dict[str, Any]] = self.kept["deployment"]["resources"]
        return resources

    def command(self, *arguments: str) -> None:
        if self.locked:
            raise StackLocked("dev", self.locked)
        deployment = self.kept["deployment"]
        pending = deployment.get("pending_operations", ())
        kept = [item for item in pending if item["type"] == "creating"]
        deployment["pending_operations"] = [] if "--clear-pending-creates" in arguments else kept
        self.refreshes.append(arguments[3:])
        if self.failure:
            raise SlipwayError(self.failure)

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(json.dumps(self.kept))
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        self.kept = {"deployment": {"resources": state["deployment"]["resources"]}}


def recovered(stack: FakeStack, cluster: Cluster) -> Iterator[str]:
    """Repair a stack, and yield what is printed."""
    lines: list[str] = []
    snapshot = StackSnapshot(cast(Stack, stack), "shop", {}, cluster, stack.state())
    repair.repair(snapshot, lines.append)
    yield from lines


@pytest.mark.parametrize("status", ["deployed", "failed"])
def test_a_release_that_was_installed_after_the_kill_is_added_to_the_state(
    tmp_path: Path, status: str
) -> None:
    """The next update upgrades it; an installation would find the name in use."""
    stack, cluster = FakeStack(tmp_path, operation()), FakeCluster.having(secret(status))
    [line] = recovered(stack, cluster)
    assert line == "Helm release cache was installed but is not in the state: it will be added to the state"
    [added] = stack.resources
    assert (added["urn"], added["id"]) == (URN, "shop/cache")
    assert added["outputs"] == {"name": "cache", "namespace": "shop", "version": "unfinished"}
    assert {words[0] for words in cluster.asked} == {"get"} and not cluster.__dict__["replaced"]


def test_a_release_with_an_automatic_name_keeps_its_name(tmp_path: Path) -> None:
    """Helm upgrades a release whose installation has failed, and nothing else of its record changes."""
    name = "cache-1a2b3c4d"
    stack, cluster = (
        FakeStack(tmp_path, operation(name=name)),
        FakeCluster.having(secret("pending-install", name)),
    )
    [line] = recovered(stack, cluster)
    assert line.startswith(f"Helm release {name} was being installed but is not in the state")
    assert [item["id"] for item in stack.resources] == [f"shop/{name}"]
    [record] = cluster.__dict__["replaced"]
    expected = secret("failed", name)
    content = [base64.b64decode(base64.b64decode(item["data"]["release"])) for item in (record, expected)]
    assert record["metadata"] == expected["metadata"]
    assert json.loads(gzip.decompress(content[0])) == json.loads(gzip.decompress(content[1]))


@pytest.mark.parametrize(
    ("kind", "status"),
    [("creating", "pending-install"), ("updating", "pending-upgrade"), ("updating", "pending-rollback")],
)
def test_the_record_of_an_unfinished_revision_is_deleted(tmp_path: Path, kind: str, status: str) -> None:
    stack, cluster = FakeStack(tmp_path, operation(kind)), FakeCluster.having(secret(status))
    line = next(recovered(stack, cluster))
    assert line == (
        "the record sh.helm.release.v1.cache.v1 of an unfinished revision of Helm release cache:"
        " it will be deleted"
    )
    assert cluster.asked[-1] == (
        "delete", "secret", "sh.helm.release.v1.cache.v1", "-n", "shop", "--ignore-not-found",
    )  # fmt: skip
    versions = [item["outputs"]["version"] for item in stack.resources]
    assert versions == (["unfinished"] if kind == "updating" else [])


def test_a_release_that_was_being_upgraded_is_in_the_state(tmp_path: Path) -> None:
    """Its finished revisions are no remains."""
    stack, cluster = FakeStack(tmp_path, operation("updating")), FakeCluster.having(secret("deployed"))
    assert list(recovered(stack, cluster)) == ["cache was being updated: its state will be refreshed"]
    assert stack.resources == [resource()]


def test_a_release_that_a_later_update_has_installed_stays(tmp_path: Path) -> None:
    """Pulumi keeps a pending creation through later updates."""
    stack = FakeStack(tmp_path, operation(name="cache-1a2b3c4d"))
    healthy = {**resource(name="cache-5e6f7a8b"), "id": "shop/cache-5e6f7a8b"}
    stack.resources.append(healthy)
    assert list(recovered(stack, FakeCluster.having(secret("deployed", "cache-1a2b3c4d")))) == [
        "cache was being created and is in the state: its pending operation will be dropped"
    ]
    assert stack.kept == {"deployment": {"resources": [healthy]}}


def test_a_release_with_two_records_is_added_once(tmp_path: Path) -> None:
    stack = FakeStack(tmp_path, operation(), operation())
    assert len(list(recovered(stack, FakeCluster.having(secret("deployed"), secret("failed"))))) == 1
    assert [(item["id"], item.get("delete")) for item in stack.resources] == [("shop/cache", None)]


@pytest.mark.parametrize("kind", ["creating", "updating"])
def test_a_refresh_that_fails_leaves_the_records_to_the_next_repair(tmp_path: Path, kind: str) -> None:
    stack = FakeStack(tmp_path, operation(kind))
    status = "deployed" if kind == "creating" else "pending-upgrade"
    cluster = FakeCluster.having(secret(status))
    stack.failure = "the cluster is unreachable"
    with pytest.raises(SlipwayError, match="unreachable"):
        list(recovered(stack, cluster))
    stack.failure = ""
    list(recovered(stack, cluster))
    assert [item["outputs"]["version"] for item in stack.resources] == ["unfinished"]


def test_a_lock_at_the_end_leaves_the_records_to_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try reads the records again: the first one has changed them."""
    name = "cache-1a2b3c4d"
    stack, cluster = (
        FakeStack(tmp_path, operation(name=name)),
        FakeCluster.having(secret("pending-install", name)),
    )
    set_state = stack.set_state

    def refuse_once(state: dict[str, Any]) -> None:
        monkeypatch.setattr(stack, "set_state", set_state)
        cluster.__dict__["secrets"][:] = cluster.__dict__["replaced"]
        raise StackLocked("dev", f"created by me@{socket.gethostname()} (pid {2**22 + 1}) at now")

    monkeypatch.setattr(stack, "set_state", refuse_once)
    monkeypatch.setattr(stack, "cancel", lambda: None, raising=False)
    list(recovered(stack, cluster))
    assert len(cluster.__dict__["replaced"]) == 1
    assert [item["id"] for item in stack.resources] == [f"shop/{name}"]


def test_a_release_that_waits_for_its_update_is_not_refreshed(tmp_path: Path) -> None:
    """A refresh would write secrets among its values in plain text."""
    stack = FakeStack(tmp_path, operation())
    cluster = FakeCluster.having(secret("deployed"))
    list(recovered(stack, cluster))
    list(recovered(stack, cluster))
    assert stack.refreshes == [(), ("--exclude", URN)]


def test_no_record_is_touched_while_another_operation_runs(tmp_path: Path) -> None:
    """That operation may be about to end the revision."""
    stack = FakeStack(tmp_path, operation("updating"), locked="created by me@elsewhere (pid 1) at now")
    cluster = FakeCluster.having(secret("pending-upgrade"))
    with pytest.raises(LockInUse):
        list(recovered(stack, cluster))
    assert {words[0] for words in cluster.asked} == {"get"}


@pytest.mark.parametrize(
    "other",
    [
        resource("kubernetes:core/v1:Secret"),
        resource(name={"ciphertext": "v1:x"}),
        {"urn": URN, "type": TYPE},
    ],
)
def test_other_resources_and_unreadable_names_have_no_record(other: dict[str, Any]) -> None:
    cluster = FakeCluster.having(secret("deployed"))
    pending = [{"type": "creating", "resource": other}]
    assert list(helm.records(cluster, {"deployment": {"pending_operations": pending}})) == []
    assert cluster.asked == []


def test_a_dependency_that_is_gone_does_not_keep_a_release_out_of_the_state() -> None:
    """Pulumi refuses a state with a dependency on a resource that the state does not have."""
    release = {
        **resource(),
        "dependencies": [NAMESPACE, "gone"],
        "propertyDependencies": {"values": ["gone"]},
    }
    record = helm.Record(release, secret("deployed"), creating=True)
    [added] = helm.adopted({"deployment": {"resources": [{"urn": NAMESPACE}]}}, [record])
    assert added["dependencies"] == [NAMESPACE]
    assert added["propertyDependencies"] == {"values": []}


def test_a_release_with_an_unfinished_revision_differs_from_any_program() -> None:
    """The program may say what the last finished revision had."""
    outputs = {"version": "0.1.0", "name": "cache"}
    other = {"urn": "other", "inputs": {}, "outputs": {}}
    before = {"version": 3, "deployment": {"resources": [{**resource(), "outputs": outputs}, other]}}
    record = helm.Record(resource(), secret("pending-upgrade"), creating=False)
    [release, same] = helm.outdated(before, [record])["deployment"]["resources"]
    assert release["outputs"] == {"version": "unfinished", "name": "cache"}
    assert same == other
