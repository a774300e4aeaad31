"""The promises of Postgres on a Docker engine."""

import json
import re
from typing import Any

import pytest

from components import Backups, Compute, Database, Resources, Restore
from components.docker import Postgres, WebService, postgres
from components.validation import BadArgument
from tests.unit.components.docker.test_containers import networks, variables
from tests.unit.conftest import Run
from tests.unit.recorder import Recorder

STORE = Backups(url="s3://archive/shop", access_key="canary-key", secret_key="canary-hush")  # noqa: S106 # made up
GIVEN: dict[str, Any] = {"namespace": "shop", "image": "acme/postgres", "storage": "1Gi"}


def made(engine: Run, **arguments: Any) -> Recorder:
    return engine(lambda: Postgres("db", **{**GIVEN, **arguments}) and None)


def secrets(recorder: Recorder, container: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(variables(recorder.one("Container", container))["DB_SECRETS"])
    return found


def test_the_volume_outlives_the_stack_and_is_protected(engine: Run) -> None:
    request = made(engine).request("Volume", "db-data")
    assert request.retainOnDelete
    assert request.protect
    assert not made(engine, protect=False).request("Volume", "db-data").protect
    recorder = made(engine)
    mount = {"type": "volume", "source": "shop-db-data", "target": "/var/lib/postgresql/data"}
    assert recorder.one("Container", "db")["mounts"] == [mount]
    assert "chown -R 10001:10001" in recorder.one("Container", "db-owner")["entrypoints"][-1]


def test_the_server_stops_cleanly_and_is_awaited(engine: Run) -> None:
    server = made(engine, timeout=90).one("Container", "db")
    assert (server["stopSignal"], server["stopTimeout"]) == ("SIGINT", 120)
    assert (server["wait"], server["waitTimeout"], server["restart"]) == (True, 90, "always")
    assert server["healthcheck"]["tests"] == ["CMD", "pg_isready", "--quiet", "--host=/tmp"]
    assert server["name"] == "shop-db", "the old server is gone before the next one starts"


def test_each_container_has_the_secrets_that_it_needs_and_shows_none(engine: Run) -> None:
    recorder = made(engine, backups=STORE, databases=[Database(name="app", readers=["report"])])
    server, update = secrets(recorder, "db"), secrets(recorder, "db-update")
    assert set(server) == {"users/superuser", "store/access-key", "store/secret-key"}
    assert set(update) == {*server, "users/app", "users/report"}
    hidden = {*update.values()}
    assert len(hidden) == 5
    for container in recorder.of("Container"):
        plain = {"envs": [], **container.inputs}
        kept = [entry for entry in plain.pop("envs") if not entry.startswith("DB_SECRETS=")]
        assert not [secret for secret in hidden if secret in f"{plain}{kept}"]
    marked = recorder.request("Container", "db").object["envs"]
    assert [entry for entry in marked if "4dabf18193072939515e22adb298388d" in str(entry)]


def test_a_client_gets_a_url_its_parts_and_the_way(engine: Run) -> None:
    def program() -> None:
        db = Postgres("db", **GIVEN, databases=[Database(name="app", readers=["report"])])
        env = [*db.env, db.url("READ_URL", user="report", read=True), db.password("DB_PASSWORD")]
        WebService("web", namespace="shop", image="w", replicas=1, env=env)

    recorder = engine(program)
    container = recorder.one("Container", "web-1")
    found = variables(container)
    password = recorder.one("Stash", "db-user-app")["input"]
    report = recorder.one("Stash", "db-user-report")["input"]
    assert found["DATABASE_URL"] == f"postgresql://app:{password}@db:5432/app"
    assert found["READ_URL"] == f"postgresql://report:{report}@db-read:5432/app"
    assert found["PGPASSWORD"] == found["DB_PASSWORD"] == password
    assert (found["PGSSLMODE"], found["PGCHANNELBINDING"]) == ("require", "require")
    assert "shop-db" in networks(container)
    assert networks(recorder.one("Container", "db")) == {"shop-db": ["db", "db-read"]}
    dependencies = recorder.request("Container", "web-1").dependencies
    assert [urn for urn in dependencies if urn.endswith(":Stash::db-update-succeeded")]


def test_passwords_are_made_once_for_each_version(engine: Run) -> None:
    for version, name in ((1, "db-user-app"), (2, "db-user-2-app")):
        stash = made(engine, password_version=version).request("Stash", name)
        assert list(stash.ignoreChanges) == ["input"]


def test_no_version_of_a_password_is_that_of_another_user(engine: Run) -> None:
    databases = [Database(name="app"), Database(name="app_2")]
    first, second = (
        {
            item.name
            for item in made(engine, databases=databases, password_version=version).of("Stash")
            if "-user-" in item.name
        }
        for version in (1, 2)
    )
    assert (len(first), len(second)) == (2, 2)
    assert not first & second


def test_other_users_restart_no_server(engine: Run) -> None:
    less, more = (
        made(engine, databases=[Database(name="app", readers=readers)]) for readers in ([], ["report"])
    )
    assert [variables(item.one("Container", "db")).keys() for item in (less, more)]
    settings = [variables(item.one("Container", "db-update"))["DB_SETTINGS"] for item in (less, more)]
    assert settings[0] != settings[1]
    plain = [{**variables(item.one("Container", "db")), "DB_SECRETS": ""} for item in (less, more)]
    assert plain[0] == plain[1]


def test_only_a_database_with_backups_has_a_way_out(engine: Run) -> None:
    assert [item.name for item in made(engine).of("Network")] == ["db"]
    recorder = made(engine, backups=STORE)
    assert set(networks(recorder.one("Container", "db"))) == {"shop-db", "shop-db-outside"}
    assert set(networks(recorder.one("Container", "db-update"))) == {"shop-db"}
    times = variables(recorder.one("Container", "db-backups"))
    assert (times["BACKUP_SCHEDULE"], times["DRILL_SCHEDULE"]) == ("30 1 * * *", "30 3 * * 0")
    assert not [item for item in made(engine).of("Container") if item.name in ("db-drill", "db-backups")]


def test_backups_on_schedule_wait_for_a_drill_that_passed(engine: Run) -> None:
    recorder = made(engine, backups=STORE)
    dependencies = recorder.request("Container", "db-backups").dependencies
    assert [urn for urn in dependencies if urn.endswith(":Stash::db-drill-succeeded")]


def test_the_result_of_a_drill_is_the_last_line_of_its_log() -> None:
    log = '\x01\x00\x00{"status": "failed"}\nbackup\n\x01\x00\x00{"status": "passed", "rows": 3}\n'
    assert postgres._result(log) == {"status": "passed", "rows": 3}
    assert postgres._result(None) == {}


def test_a_database_begins_with_the_archive_of_another(engine: Run) -> None:
    recorder = made(engine, backups=STORE, restore=Restore(server="old"))
    for container in ("db", "db-update"):
        found = variables(recorder.one("Container", container))
        assert (found["RESTORE_SERVER"], found["RESTORE_TIME"]) == ("old", "LATEST")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"replicas": 2}, "replicas must be 1: a standby on the same machine"),
        ({"durability": "sync"}, "durability must be async"),
        ({"storage_class": "fast"}, "storage_class has no use: an engine has no classes"),
        ({"databases": []}, "databases is empty"),
        ({"storage": "10"}, "storage is '10'"),
        ({"restore": Restore(server="old")}, "restore is given, but backups is not"),
        ({"restore": Restore(server="db"), "backups": STORE}, "restore.server is 'db', the database itself"),
        ({"parameters": {"fsync": "off"}}, "must not have fsync"),
        ({"resources": Resources(requests=Compute(memory="64Mi"), limits=Compute(memory="128Mi"))}, "256Mi"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_touched(
    engine: Run, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadArgument, match=re.escape(sentence)):
        made(engine, **arguments)


def test_a_user_who_is_unknown_is_named(engine: Run) -> None:
    with pytest.raises(ValueError, match="'reporter' is not a user of db, which has: app"):
        engine(lambda: Postgres("db", **GIVEN).env_of("reporter") and None)
