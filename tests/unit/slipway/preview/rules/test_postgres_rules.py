"""Rules for databases of the component Postgres."""

import json
from collections.abc import Sequence
from typing import Any

from slipway.preview.rules import Consequence, Level, Situation, consequences
from slipway.pulumi.changes import Change, Op

LABELS = {"app.kubernetes.io/name": "db"}


def part(kind: str, name: str, op: Op, old: Any, new: Any, **options: Any) -> Change:
    group = {"StatefulSet": "apps/v1", "Job": "batch/v1"}.get(kind, "core/v1")
    token = f"kubernetes:{group}:{kind}"
    urn = f"urn:pulumi:dev::hits::slipway:components:Postgres${token}::{name}"
    return Change(urn, token, op, "", old, new, {}, **options)


def member(number: int, memory: str = "1Gi") -> dict[str, Any]:
    container = {
        "name": "db", "image": "i", "readinessProbe": {"httpGet": {"path": "/readiness", "port": 8008}},
        "resources": {"requests": {"memory": memory}, "limits": {"memory": memory}},
    }  # fmt: skip
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": f"db-{number}"}}
    spec = {
        "replicas": 1,
        "updateStrategy": {"type": "OnDelete"},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {"containers": [container], "volumes": [volume]},
        },
    }
    metadata = {"name": f"db-{number}", "namespace": "shop", "labels": LABELS}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}


def claim(size: str) -> dict[str, Any]:
    metadata = {"name": "db-0", "namespace": "shop", "labels": LABELS}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def update(
    synchronous: bool, *users: str, writers: Sequence[str] = (), others: Sequence[str] = ()
) -> dict[str, Any]:
    databases = [
        {"name": "app", "readers": list(users), "writers": list(writers), "extensions": []},
        {"name": "other", "readers": list(others), "writers": [], "extensions": []},
    ]
    settings = json.dumps({"synchronous": synchronous, "databases": databases})
    container = {"name": "apply", "image": "i", "env": [{"name": "DB_SETTINGS", "value": settings}]}
    metadata = {"name": "db-update-1", "namespace": "shop", "labels": LABELS}
    spec = {"template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def about(*changes: Change) -> list[Consequence]:
    return [found for found in consequences(Situation(changes)) if "atabase db" in found.reason]


def reasons(*changes: Change) -> str:
    return "\n".join(found.reason for found in consequences(Situation(changes)))


def test_a_restart_of_two_members_is_a_switchover() -> None:
    changes = [part("StatefulSet", f"db-{n}", Op.UPDATE, member(n), member(n, "2Gi")) for n in (0, 1)]
    [found] = about(*changes)
    assert (found.level, found.concern) == (Level.ATTENTION, "downtime")
    assert "standbys first, then a switchover" in found.reason
    assert "OnDelete" not in reasons(*changes)


def test_a_restart_of_the_only_member_stops_reads_and_writes() -> None:
    [found] = about(part("StatefulSet", "db-0", Op.UPDATE, member(0), member(0, "2Gi")))
    assert found.level is Level.ATTENTION
    assert "reads and writes fail" in found.reason


def test_a_member_less_is_no_lost_database() -> None:
    kept = part("StatefulSet", "db-0", Op.UPDATE, member(0), member(0))
    gone = part("StatefulSet", "db-1", Op.DELETE, member(1), {})
    [found] = about(kept, gone)
    assert found.level is Level.ATTENTION
    assert "loses the member db-1; the claim stays" in found.reason
    assert "with all its pods" not in reasons(kept, gone)


def test_a_deleted_database_is_dangerous() -> None:
    [found] = about(*(part("StatefulSet", f"db-{n}", Op.DELETE, member(n), {}) for n in (0, 1)))
    assert (found.level, found.concern) == (Level.DANGEROUS, "data")
    assert "it has no backups" in found.reason


def test_a_deleted_database_leaves_its_backups() -> None:
    archived = member(0)
    [container] = archived["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "BACKUP_URL", "value": "s3://backups/shop"}]
    [found] = about(part("StatefulSet", "db-0", Op.DELETE, archived, {}))
    assert "its backups stay in s3://backups/shop/db" in found.reason


def test_smaller_storage_is_refused() -> None:
    text = reasons(part("PersistentVolumeClaim", "db-0", Op.UPDATE, claim("2Gi"), claim("1Gi")))
    assert "cannot shrink from 2Gi to 1Gi: the update fails" in text


def test_growing_storage_depends_on_the_class() -> None:
    text = reasons(part("PersistentVolumeClaim", "db-0", Op.UPDATE, claim("1Gi"), claim("2Gi")))
    assert "only some storage classes can grow a volume" in text


def test_less_durability_needs_attention_and_more_does_not() -> None:
    [less] = about(part("Job", "db-update", Op.REPLACE, update(True), update(False)))
    assert (less.level, less.concern) == (Level.ATTENTION, "data")
    [more] = about(part("Job", "db-update", Op.REPLACE, update(False), update(True)))
    assert more.level is Level.SAFE


def test_a_user_who_leaves_may_not_log_in() -> None:
    [found] = about(part("Job", "db-update", Op.REPLACE, update(True, "report"), update(True)))
    assert "no longer lets the user report log in" in found.reason


def test_a_user_with_other_rights_is_named() -> None:
    before, after = update(True, writers=["report"]), update(True, "report")
    [found] = about(part("Job", "db-update", Op.REPLACE, before, after))
    assert found.level is Level.ATTENTION
    assert "makes the user report a reader of app; it was a writer of app" in found.reason
    assert "URL" not in found.reason


def test_the_url_of_a_user_that_moves_is_that_of_its_password() -> None:
    before, after = update(True, "report"), update(True, others=["report"])
    [found] = about(part("Job", "db-update", Op.REPLACE, before, after))
    assert "a reader of other; it was a reader of app. Its URL names app until" in found.reason


def restored(number: int, time: str) -> dict[str, Any]:
    made = member(number)
    [container] = made["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "RESTORE_SERVER", "value": "old"}, {"name": "RESTORE_TIME", "value": time}]
    return made


def test_a_database_that_exists_is_not_restored_again() -> None:
    def changes(before: str, after: str) -> list[Change]:
        return [
            part("StatefulSet", f"db-{n}", Op.UPDATE, restored(n, before), restored(n, after)) for n in (0, 1)
        ]

    [found] = [item for item in about(*changes("LATEST", "20260131T120000Z")) if item.concern == "data"]
    assert found.level is Level.ATTENTION
    assert "is not restored to 20260131T120000Z if it has data" in found.reason
    assert "not restored" not in reasons(*changes("LATEST", "LATEST"))
