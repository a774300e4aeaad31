"""The order in which an update reaches the members of a database, on members that stand in for pods."""

import time
from collections.abc import Collection
from typing import Any

import pytest
from dbserver import apply
from dbserver.apply import Update, configuration
from dbserver.members import Member, Members, NotReached
from dbserver.server import dynamic_configuration


class Pods:
    """Stands in for the API server and Patroni: a deleted pod is back at once, with the newest revision.

    A deleted primary first hands its role over.
    """

    def __init__(
        self, count: int, leader: int = 0, outdated: bool = True, lost: Collection[str] = ()
    ) -> None:
        """Make pods; those in `lost` do not work until they are replaced, and no other may take over."""
        self.lost = set(lost)
        self.revisions = {f"db-{n}-0": "old" if outdated else "new" for n in range(count)}
        self.uids = dict.fromkeys(self.revisions, 0)
        self.leader = f"db-{leader}-0"
        self.broken: set[str] = set()
        self.states: dict[str, str] = {}
        """What Patroni reports of members that run and are not ready, until they are replaced."""
        self.pending: set[str] = set()
        self.behind = 0
        """How many restarts of a standby come before it has replayed what its primary has."""
        self.late = False
        """Whether Patroni still reports a primary as pending after its restart."""
        self.steps: list[str] = []

    def stateful_set(self, _: str) -> dict[str, Any]:
        status = {"observedGeneration": 1, "updateRevision": "new"}
        return {"metadata": {"generation": 1}, "status": status}

    def delete_pod(self, name: str) -> None:
        self.steps.append(f"restart {name}")
        if others := sorted(self.revisions.keys() - {name} - self.broken):
            self.leader = others[0] if name == self.leader else self.leader
        self.revisions[name] = "new"
        self.uids[name] += 1
        self.lost.discard(name)
        self.states.pop(name, None)


class Standing(Members):
    """Members that ask nothing over the network."""

    def __init__(self, pods: Pods) -> None:
        super().__init__("db", pods, time.monotonic() + 1)  # type: ignore[arg-type] # stands in for it
        self._pods = pods
        self.configuration: dict[str, Any] = {}

    def pods(self) -> dict[str, dict[str, Any]]:
        def status(name: str) -> dict[str, Any]:
            if name in self._pods.lost:
                return {"phase": "Pending"}
            ready = "False" if name in self._pods.states else "True"
            return {
                "conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [{"state": {"running": {}}}],
            }

        return {
            name: {
                "metadata": {"uid": self._pods.uids[name], "labels": {"controller-revision-hash": revision}},
                "status": status(name),
            }
            for name, revision in self._pods.revisions.items()
        }

    def all(self) -> list[Member]:
        def role(name: str) -> str:
            return "leader" if name == self._pods.leader else "sync_standby"

        def state(name: str) -> str:
            if name in self._pods.states:
                return self._pods.states[name]
            failed = name in self._pods.broken and self._pods.revisions[name] == "new"
            return "start failed" if failed else "running" if role(name) == "leader" else "streaming"

        working = [name for name in self._pods.revisions if name not in self._pods.lost]
        return [Member(name, role(name), state(name), 0, name in self._pods.pending) for name in working]

    def switch(self, leader: str, candidate: str) -> None:
        assert leader == self._pods.leader
        self._pods.steps.append(f"switch to {candidate}")
        self._pods.leader = candidate

    def restart(self, name: str) -> None:
        """Restart a server; a standby keeps the values of its primary."""
        self._pods.steps.append(f"restart PostgreSQL of {name}")
        if name == self._pods.leader and self._pods.late:
            return
        if name != self._pods.leader and self._pods.leader not in self._pods.pending and self._pods.behind:
            self._pods.behind -= 1
        elif name == self._pods.leader or self._pods.leader not in self._pods.pending:
            self._pods.pending.discard(name)

    def patch_configuration(self, values: Any) -> None:
        self.configuration = dict(values)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbserver.members.time.sleep", lambda _: None)


def updated(pods: Pods, kept: int, synchronous: bool = True) -> list[str]:
    names = [f"db-{number}" for number in range(kept)]
    Update(Standing(pods), names, synchronous).run({"ttl": 20})
    return pods.steps


@pytest.mark.parametrize("leader", [0, 1])
def test_the_primary_is_last_and_hands_its_role_over_once(leader: int) -> None:
    pods = Pods(2, leader)
    old, new = f"db-{leader}-0", f"db-{1 - leader}-0"
    assert updated(pods, kept=2) == [f"restart {new}", f"restart {old}"]
    assert pods.leader == new


def test_of_three_members_both_standbys_restart_before_the_primary() -> None:
    assert updated(Pods(3, leader=1), kept=3) == [f"restart db-{number}-0" for number in (0, 2, 1)]


def test_a_single_member_restarts_where_it_is() -> None:
    assert updated(Pods(1), kept=1, synchronous=False) == ["restart db-0-0"]


def test_nothing_restarts_without_a_change() -> None:
    assert updated(Pods(2, outdated=False), kept=2) == []


def test_a_primary_that_is_to_go_hands_its_role_over_first() -> None:
    assert updated(Pods(2, leader=1, outdated=False), kept=1, synchronous=True) == ["switch to db-0-0"]


def test_a_standby_that_does_not_come_back_stops_the_update_before_the_primary() -> None:
    pods = Pods(2)
    pods.broken.add("db-1-0")
    with pytest.raises(NotReached, match="db-1-0 to work again: not within the time"):
        updated(pods, kept=2)
    assert pods.steps == ["restart db-1-0"]
    assert pods.leader == "db-0-0"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No failover is waited for."""
    monkeypatch.setattr(apply, "RECOVERY_S", -1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("count", [1, 2])
def test_a_database_that_never_got_a_primary_gets_the_corrected_version(count: int) -> None:
    """The StatefulSet leaves a broken pod as it is: with OnDelete, it has to be deleted."""
    pods = Pods(count, lost={f"db-{number}-0" for number in range(count)})
    assert updated(pods, kept=count) == [f"restart db-{number}-0" for number in range(count)]


@pytest.mark.usefixtures("impatient")
def test_a_lost_primary_is_replaced_and_a_standby_that_answers_is_not_until_then() -> None:
    pods = Pods(3, leader=1, lost={"db-1-0"})
    assert updated(pods, kept=3)[0] == "restart db-1-0"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("state", ["start failed", "restart failed", "crashed"])
def test_a_member_whose_server_cannot_start_is_replaced(state: str) -> None:
    """Patroni runs then, and tries for ever; a standby that waits for a primary stays until it has one."""
    pods = Pods(3, leader=1)
    pods.states = {"db-0-0": "running", "db-1-0": state}
    Update(Standing(pods), ["db-0", "db-1", "db-2"], synchronous=True).primary()
    assert pods.steps == ["restart db-1-0"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "state",
    [
        "starting",
        "initializing new cluster",
        "running custom bootstrap script",
        "stopped",
    ],
)
def test_a_member_that_may_become_the_primary_is_left_alone(state: str) -> None:
    """A deleted restore would never be taken up again, and a deleted standby could not take over."""
    pods = Pods(2)
    pods.states = {"db-0-0": state, "db-1-0": "running"}
    with pytest.raises(NotReached, match="a primary: not within the time"):
        updated(pods, kept=2)
    assert pods.steps == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("state", "replaced"),
    [
        ({"waiting": {"reason": "ImagePullBackOff"}}, True),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, True),
        ({"terminated": {"exitCode": 1}}, True),
        ({"running": {}}, False),
    ],
    ids=str,
)
def test_a_pod_without_a_running_container_is_replaced(
    state: dict[str, Any], replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pods = Pods(1)
    pods.states = {"db-0-0": "stopped"}
    members = Standing(pods)
    [pod] = members.pods().values()
    pod["status"]["containerStatuses"] = [{"state": state}]
    monkeypatch.setattr(members, "pods", lambda: {"db-0-0": pod} if pods.states else Standing.pods(members))
    if replaced:
        assert Update(members, ["db-0"], synchronous=False).primary().name == "db-0-0"
    else:
        with pytest.raises(NotReached):
            Update(members, ["db-0"], synchronous=False).primary()
    assert pods.steps == ["restart db-0-0"] * replaced


@pytest.mark.usefixtures("impatient")
def test_one_look_replaces_one_pod() -> None:
    """The first that is replaced may be the one that becomes the primary."""
    pods = Pods(2, lost={"db-0-0", "db-1-0"})
    pods.broken.add("db-1-0")
    assert Update(Standing(pods), ["db-0", "db-1"], synchronous=True).primary().name == "db-0-0"
    assert pods.steps == ["restart db-0-0"]


@pytest.mark.usefixtures("impatient")
def test_broken_pods_of_the_newest_version_are_left_to_be_examined() -> None:
    pods = Pods(1, outdated=False, lost={"db-0-0"})
    with pytest.raises(NotReached, match="a primary: not within the time"):
        updated(pods, kept=1)
    assert pods.steps == []


def test_a_primary_has_its_time_to_recover_before_anything_is_replaced() -> None:
    pods = Pods(1, lost={"db-0-0"})
    with pytest.raises(NotReached, match="a primary"):
        updated(pods, kept=1)
    assert pods.steps == []


def test_a_smaller_value_reaches_the_standby_after_the_primary() -> None:
    pods = Pods(2, outdated=False)
    pods.pending = {"db-0-0", "db-1-0"}
    names = ("db-1-0", "db-0-0", "db-1-0")
    assert updated(pods, kept=2) == [f"restart PostgreSQL of {name}" for name in names]
    assert not pods.pending


def test_a_primary_restarts_once_for_a_smaller_value() -> None:
    """Patroni reports up to a look later that a restart is not pending any more."""
    pods = Pods(2, outdated=False)
    pods.pending, pods.late = {"db-0-0", "db-1-0"}, True
    assert updated(pods, kept=2).count("restart PostgreSQL of db-0-0") == 1


def test_a_standby_that_has_yet_to_learn_of_a_smaller_value_restarts_again() -> None:
    pods = Pods(2, outdated=False)
    pods.pending, pods.behind = {"db-0-0", "db-1-0"}, 2
    updated(pods, kept=2)
    assert not pods.pending


def test_a_restart_that_is_not_pending_any_more_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    members = Members("db", None, 0)  # type: ignore[arg-type] # asks nothing
    monkeypatch.setattr(members, "pods", lambda: {"db-0-0": {}})
    answers = ["restart conditions are not satisfied", "restart failed"]

    def refuse(*_: object, **__: object) -> None:
        raise OSError(f"POST /restart of db-0-0: {answers.pop(0)}")

    monkeypatch.setattr(members, "_ask", refuse)
    members.restart("db-0-0")
    with pytest.raises(OSError, match="restart failed"):
        members.restart("db-0-0")


def merged(values: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Do what Patroni does with a PATCH: https://patroni.readthedocs.io/en/latest/rest_api.html."""
    values = dict(values)
    for key, value in patch.items():
        if value is None:
            values.pop(key, None)
        elif isinstance(value, dict) and isinstance(values.get(key), dict):
            values[key] = merged(values[key], value)
        else:
            values[key] = value
    return values


def test_a_parameter_that_is_no_longer_asked_for_is_taken_back() -> None:
    before = dynamic_configuration({"max_connections": "400", "wal_level": "logical"})
    after = merged(before, configuration({"wal_level": "logical", "work_mem": "8MB"}, synchronous=True))
    assert after["postgresql"]["parameters"] == {"wal_level": "logical"}
    assert after["synchronous_mode"] is True
    assert merged(before, configuration({}, synchronous=False))["postgresql"]["parameters"] == {}
