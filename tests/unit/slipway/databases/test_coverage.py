"""A restore to a moment that no base backup covers is refused before anything is touched."""

import json
from collections.abc import Sequence
from typing import Any, cast
from unittest.mock import MagicMock

import pytest

from slipway.cluster.kubectl import Cluster
from slipway.databases import restore
from slipway.databases.coverage import Finding, Request, check, requests
from slipway.errors import SlipwayError
from slipway.preview import preview
from slipway.preview.rules import Level, Situation, consequences
from slipway.pulumi.changes import UNKNOWN, Change, Op

STORE = ("s3://backups/shop", "http://10.0.0.5:7070")
ENDED = ("2026-01-31T03:00:00+00:00", "2026-01-30T03:00:00+00:00")


def pod_spec(server: str = "", time: str = "", url: str = STORE[0]) -> dict[str, Any]:
    values = {"BACKUP_URL": url, "BACKUP_ENDPOINT": STORE[1], "RESTORE_SERVER": server, "RESTORE_TIME": time}
    variables: list[dict[str, Any]] = [
        {"name": name, "value": value} for name, value in values.items() if value
    ]
    variables.append({"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})
    return {"containers": [{"name": "postgres", "env": variables}]}


def member(op: Op = Op.CREATE, number: int = 0, **restored: str) -> Change:
    labels = {"app.kubernetes.io/name": "db-2"}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": f"db-2-{number}", "namespace": "shop", "labels": labels},
        "spec": {"template": {"spec": pod_spec(**restored)}},
    }
    token = "kubernetes:apps/v1:StatefulSet"  # noqa: S105 # the name of a type
    urn = f"urn:pulumi:prod::shop::slipway:components:Postgres${token}::db-2-{number}"
    return Change(urn, token, op, "", {} if op is Op.CREATE else manifest, manifest, {})


class FakeCluster:
    """A cluster whose database pods list the base backups of the store."""

    def __init__(self, answer: str, pods: Sequence[tuple[str, str]] = (("db", STORE[0]),)) -> None:
        self.answer, self.pods = answer, pods
        self.commands: list[tuple[str, ...]] = []

    def get(self, *_: str) -> list[dict[str, Any]]:
        return [
            {
                "metadata": {"name": f"{name}-0-0", "labels": {"app.kubernetes.io/name": name}},
                "spec": pod_spec(url=url),
                "status": {"phase": "Running"},
            }
            for name, url in self.pods
        ]

    def kubectl(self, *arguments: str) -> str:
        self.commands.append(arguments)
        return self.answer


def listed(*ended: str) -> FakeCluster:
    return FakeCluster(json.dumps([{"id": str(index), "ended": text} for index, text in enumerate(ended)]))


def checked(cluster: FakeCluster, time: str = "LATEST", server: str = "db") -> Finding | None:
    return check(cast(Cluster, cluster), Request("db-2", "shop", server, time, STORE))


def test_only_new_databases_that_are_restored_are_asked_about() -> None:
    new = [member(number=number, server="db", time="20260131T120000Z") for number in (0, 1)]
    assert list(requests(new)) == [Request("db-2", "shop", "db", "20260131T120000Z", STORE, new[0].urn)], (
        "two members are one database"
    )
    assert not list(requests([member(Op.UPDATE, server="db"), member()]))


def test_what_a_preview_does_not_know_is_no_restore() -> None:
    for unknown in (
        {"spec": UNKNOWN},
        {"spec": {"template": {"spec": {"containers": UNKNOWN}}}},
    ):
        change = member(server="db")
        assert not list(requests([Change(change.urn, change.type, Op.CREATE, "", {}, unknown, {})]))


@pytest.mark.parametrize("time", ["LATEST", "20260130T030000Z", "20260130T040000.500000Z"])
def test_a_moment_after_the_first_backup_is_covered(time: str) -> None:
    assert checked(listed(*ENDED), time) is None


def test_a_moment_before_the_first_backup_names_the_earliest() -> None:
    found = checked(listed(*ENDED), "20260130T025959Z")
    assert found and found.known
    assert found.reason == (
        "restored.db-2.time is 20260130T025959Z, but the earliest moment that db can be restored to is"
        " 2026-01-30T03:00:00Z: choose a later one, or LATEST"
    )


def test_a_store_without_backups_covers_nothing_not_even_the_latest() -> None:
    found = checked(listed(), server="dbb")
    assert found and found.known
    assert "restored.db-2.server is dbb, but s3://backups/shop has no base backup of it" in found.reason


@pytest.mark.parametrize(
    ("cluster", "reason"),
    [
        (FakeCluster("[]", [("db", "s3://backups/other")]), "no database that uses s3://backups/shop runs"),
        (FakeCluster("[]", []), "no database that uses s3://backups/shop runs in shop"),
        (FakeCluster(""), "db-0-0 has an image that does not list backups: update the database"),
    ],
)
def test_what_nothing_can_say_is_unknown(cluster: FakeCluster, reason: str) -> None:
    """A lost database has no pod, and can still be restored."""
    found = checked(cluster)
    assert found and not found.known
    assert reason in found.reason


def test_the_database_itself_is_asked_first_and_another_with_its_store_if_it_is_lost() -> None:
    both = FakeCluster("[]", [("a", STORE[0]), ("db", STORE[0])])
    checked(both)
    checked(lost := FakeCluster("[]", [("a", STORE[0])]))
    assert [cluster.commands[0][3] for cluster in (both, lost)] == ["db-0-0", "a-0-0"]


def test_a_preview_asks_the_cluster_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    run = MagicMock()
    run.summary.changes = (member(server="dbb"),)
    monkeypatch.setattr(preview, "cluster_of", lambda *_: listed())
    [found] = preview._restores(MagicMock(), run, ask=True)
    assert found.known
    [found] = preview._restores(MagicMock(), run, ask=False)
    assert not found.known
    assert "--no-capacity" in found.reason
    run.summary.changes = (member(),)
    monkeypatch.setattr(preview, "cluster_of", MagicMock(side_effect=AssertionError("was asked")))
    assert preview._restores(MagicMock(), run, ask=True) == ()


@pytest.mark.parametrize(("known", "level"), [(True, Level.DANGEROUS), (False, Level.ATTENTION)])
def test_a_preview_says_so(known: bool, level: Level) -> None:
    change = member(server="db")
    finding = Finding(next(requests([change])), "REASON", known)
    [found] = [
        item for item in consequences(Situation((change,), restores=(finding,))) if "REASON" in item.reason
    ]
    assert (found.level, found.concern, found.urn) == (level, "data", change.urn)


@pytest.mark.parametrize(("known", "refused"), [(True, True), (False, False)])
def test_a_restore_that_would_fail_changes_nothing(
    known: bool, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = Finding(next(requests([member(server="db")])), "REASON", known)
    result = MagicMock(restores=(finding,))
    result.run.summary.changes = (member(server="db"),)
    result.run.summary.unchanged = ()
    monkeypatch.setattr(restore, "preview", lambda *_: result)
    monkeypatch.setattr(restore, "policy_packs", lambda *_: [])
    monkeypatch.setattr(restore, "Report", MagicMock())
    target, prompter = MagicMock(), MagicMock()
    target.file.text.return_value = "before"
    prompter.confirm.return_value = False
    with pytest.raises(SlipwayError, match="db-2: REASON" if refused else "declined"):
        restore._change(target, {("shop:restored", "db-2", "server"): "db"}, "Restore?", prompter)
    assert prompter.confirm.called is not refused
    assert target.file.write.call_args.args == ("before",), "the stack file is as it was"
    assert not target.stack.up.called
