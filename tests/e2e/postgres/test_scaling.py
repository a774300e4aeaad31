"""Changes of a database under load: writes are refused for seconds, reads are never refused."""

import subprocess

import pytest

from tests.e2e.postgres.conftest import DatabaseStack, Measured
from tests.e2e.postgres.test_server import LONGEST_GAP_S
from tests.e2e.sandbox.cluster import eventually

FORMER_MINOR = "15.18-0+deb12u1"
"""A version that Debian 12 has next to the newest."""


def change(db: DatabaseStack, **settings: object) -> Measured:
    """Change settings of the program under load; no acknowledged write is lost, and no read is refused."""
    for key, value in settings.items():
        db.succeed("config", "set", key, str(value))
    with db.measured() as measured:
        db.up()
    refused = measured.writes.refused
    print(settings, f"{len(refused)} writes refused, gap {measured.writes.longest_gap:.1f} s;", end=" ")
    print(f"{len(measured.reads.refused)} reads refused, gap {measured.reads.longest_gap:.1f} s", flush=True)
    assert measured.writes.longest_gap < LONGEST_GAP_S
    assert not measured.reads.refused
    assert db.lost() == set()
    return measured


def restarts(db: DatabaseStack) -> list[str]:
    """Return the pods that the last update restarted, in order."""
    log = db.kubectl("logs", "--selector=app.kubernetes.io/name=db,batch.kubernetes.io/job-name", "--tail=-1")
    return [line.removeprefix("restart of ") for line in log.splitlines() if line.startswith("restart of")]


def claimed(db: DatabaseStack) -> set[str]:
    sizes = "jsonpath={.items[*].spec.resources.requests.storage}"
    return set(db.kubectl("get", "pvc", f"--output={sizes}").split())


def test_more_memory_restarts_the_standby_first_and_changes_the_primary_once(db: DatabaseStack) -> None:
    primary = db.primary
    [standby] = {"db-0-0", "db-1-0"} - {primary}
    change(db, memory="448Mi")
    assert restarts(db) == [standby, primary]
    assert db.primary == standby
    assert db.sql("SHOW shared_buffers") == "112MB"
    assert db.changes() == []


def test_a_member_more_and_larger_claims_restart_nothing(db: DatabaseStack) -> None:
    primary = db.primary
    measured = change(db, replicas=3, storage="640Mi")
    assert not measured.writes.refused
    assert restarts(db) == []
    assert (db.primary, claimed(db)) == (primary, {"640Mi"})


def test_a_member_less_restarts_nothing(db: DatabaseStack) -> None:
    measured = change(db, replicas=2)
    assert not measured.writes.refused
    assert restarts(db) == []


@pytest.mark.soak
def test_a_primary_that_leaves_hands_its_role_over_first(db: DatabaseStack) -> None:
    change(db, replicas=3, durability="async")  # with sync, only the synchronous standby can take over
    db.switch_over("db-2-0")
    change(db, replicas=2, durability="sync")
    assert db.primary in {"db-0-0", "db-1-0"}


@pytest.mark.soak
def test_a_parameter_that_is_no_longer_asked_for_is_taken_back(db: DatabaseStack) -> None:
    """The members agree on it: Patroni keeps what nobody removes. A smaller one reaches the standby last."""
    script = 'PGUSER=postgres PGDATABASE=app PGPASSWORD="$(cat /etc/postgres/users/superuser)" psql -XAt'
    for connections, expected in (("default", "100"), ("50", "50")):
        db.succeed("config", "set", "connections", connections)
        db.up()
        db.settle()
        for member in ("db-0-0", "db-1-0"):
            assert db.exec(member, f"{script} -h /tmp", "SHOW max_connections").strip() == expected, member
    db.succeed("config", "rm", "connections")
    assert db.lost() == set()


@pytest.mark.soak
def test_another_minor_version_forth_and_back(db: DatabaseStack) -> None:
    db.succeed("config", "set", "client", db.output("image"))  # its records end with its pod
    newest = db.sql("SHOW server_version").partition(" ")[0]
    names = (f"{name}={FORMER_MINOR}" for name in ("postgresql-15", "postgresql-client-15"))
    change(db, packages=" ".join((*names, "--allow-downgrades")))
    assert db.sql("SHOW server_version").partition(" ")[0] == FORMER_MINOR.partition("-")[0]
    db.succeed("config", "rm", "packages")
    change(db)
    assert db.sql("SHOW server_version").partition(" ")[0] == newest
    db.succeed("config", "rm", "client")


@pytest.mark.soak
def test_another_password(db: DatabaseStack) -> None:
    """Another pod of the client follows: what is in the database says how long nothing was written."""
    url = db.exec(db.client, "echo $DATABASE_URL").strip()
    client = db.client
    since = db.sql("SELECT now()")
    db.succeed("config", "set", "passwords", "2")
    db.up()
    db.settle()
    eventually("writes of the new pod", lambda: db.client != client and db.numbers(db.client))
    gaps = f"SELECT at - lag(at) OVER (ORDER BY at) AS gap FROM numbers WHERE at > '{since}'"  # noqa: S608
    gap = db.sql(f"SELECT max(extract(epoch FROM gap)) FROM ({gaps}) AS gaps")  # noqa: S608
    print(f"another password: gap {gap} s", flush=True)
    assert float(gap) < LONGEST_GAP_S
    with pytest.raises(subprocess.CalledProcessError):
        db.exec(db.client, f"psql '{url}' -c 'SELECT 1'")
