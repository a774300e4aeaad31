"""Postgres on the Docker engine: used, replaced, backed up, restored, and protected."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from sandbox.platform.object_store import BUCKET
from tests.conftest import started
from tests.e2e.docker.conftest import PORT, TIMEOUT, DockerStack, engine_answers
from tests.e2e.own_program import object_store, own_stack, tell_keys, write_project
from tests.e2e.program.conftest import INSTANCE
from tests.e2e.sandbox.cluster import eventually

pytestmark = TIMEOUT


class DatabaseStack(DockerStack):
    """The stack of the program of these tests."""

    def set(self, **config: str) -> None:
        own = {
            "repository": f"{INSTANCE.registry}/postgres", "endpoint": object_store().endpoint,
            "port": str(PORT + 3), **config,
        }  # fmt: skip
        kept = yaml.safe_load(self.file.read_text())["config"] if self.file.exists() else {}
        secret = {key: value for key, value in kept.items() if isinstance(value, dict)}
        super().set(**secret, **own)

    @property
    def server(self) -> str:
        [server] = self.containers(f"{self.namespace}-db$")
        return server

    def sql(self, statement: str, url: str = "DATABASE_URL") -> str:
        """Run a statement in the application's container."""
        [web] = self.containers("web-1")
        return self.docker("exec", web, "sh", "-c", f'psql -XAtq "${url}" -c "$0"', statement).strip()

    def superuser(self, database: str, statement: str) -> str:
        """Run a statement as the superuser in the container of a database."""
        [server] = self.containers(f"{self.namespace}-{database}$")
        script = (
            'PGPASSWORD="$(cat /etc/postgres/users/superuser)" psql -XAtq -h /tmp -U postgres app -c "$0"'
        )
        return self.docker("exec", server, "sh", "-c", script, statement).strip()


@pytest.fixture(scope="module")
def database(engine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseStack]:
    directory = tmp_path_factory.mktemp("database")
    program = Path(__file__).parent / "database/__main__.py"
    write_project(directory, "database", [program], ("components", "stack", "slipway"))
    stack = own_stack(DatabaseStack, directory, {**engine, **started("--postgres", "--store")})
    tell_keys(stack)
    try:
        stack.up()
        yield stack
    finally:
        stack.run("state", "unprotect", "--all", "--yes")
        stack.destroy()
        for name in ("db", "restored"):
            stack.docker("volume", "rm", "--force", f"{stack.namespace}-{name}-data")
        shutil.rmtree(INSTANCE.store / BUCKET / stack.name, ignore_errors=True)


def test_the_application_uses_it_and_nothing_is_left_to_do(database: DatabaseStack) -> None:
    assert database.sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "t"
    database.sql("CREATE TABLE notes (text text); INSERT INTO notes VALUES ('kept')")
    assert database.sql("SELECT text FROM notes", "REPORT_URL") == "kept"
    with pytest.raises(Exception, match="non-zero exit status"):
        database.sql("INSERT INTO notes VALUES ('not by a reader')", "REPORT_URL")
    database.unchanged()


def test_an_update_has_proven_a_backup(database: DatabaseStack) -> None:
    drill = json.loads(database.output("drill"))
    assert drill["status"] == "passed"
    assert list((INSTANCE.store / BUCKET / database.name / "db/base").iterdir())


def test_no_password_is_in_arguments_state_or_logs(database: DatabaseStack) -> None:
    files = ("/etc/postgres/users/superuser", "/etc/postgres/store/secret-key")
    secrets = [database.docker("exec", database.server, "cat", file) for file in files]
    secrets.append(database.docker("exec", *database.containers("web-1"), "printenv", "PGPASSWORD").strip())
    assert all(len(secret) > 20 for secret in secrets)
    shown = "".join(path.read_text() for path in (database.directory / "state").rglob("*.json"))
    for container in database.containers(""):
        shown += database.docker("logs", container) + database.docker(
            "inspect", "--format={{.Args}}", container
        )
    shown += database.docker("top", database.server)
    shown += database.docker("exec", database.server, "sh", "-c", "tr '\\0' '\\n' </proc/1/environ")
    assert "archive" in shown
    assert not [secret for secret in secrets if secret in shown]


def test_what_is_written_survives_a_crash(database: DatabaseStack) -> None:
    """The engine starts it again."""
    database.sql("INSERT INTO notes VALUES ('before the crash')")

    def process() -> int:
        return int(database.inspect(f"{database.namespace}-db$")["State"]["Pid"])

    before = process()
    os.kill(before, signal.SIGKILL)
    # Until then, the engine reports the health of the server that has ended.
    eventually("the engine has started it again", lambda: process() not in (0, before))
    eventually("all containers are healthy", lambda: engine_answers(database))
    assert database.sql("SELECT count(*) FROM notes") == "2"


def test_the_volume_does_not_leave_the_stack(database: DatabaseStack) -> None:
    done = database.run("destroy", "--yes")
    assert done.returncode != 0
    assert re.search("db-data.*cannot be deleted", (done.stdout + done.stderr).replace("\n", " "))
    assert database.server


@pytest.mark.soak
def test_a_restored_database_has_what_was_there_at_the_moment(database: DatabaseStack) -> None:
    time.sleep(1)
    moment = datetime.fromisoformat(database.superuser("db", "SELECT clock_timestamp()") + ":00")
    time.sleep(1)
    database.sql("INSERT INTO notes VALUES ('later')")
    database.superuser("db", "SELECT pg_switch_wal()")
    database.set(moment=moment.isoformat())
    database.up()
    assert database.superuser("restored", "SELECT count(*) FROM notes") == "2"
    assert database.sql("SELECT count(*) FROM notes") == "3", "the source is not touched"


@pytest.mark.soak
def test_another_container_has_the_same_data_and_clients_stay(database: DatabaseStack) -> None:
    before, web = database.server, database.containers("web-1")
    database.set(memory="400Mi")
    database.up()
    assert database.server != before
    assert database.containers("web-1") == web
    assert database.sql("SELECT count(*) FROM notes WHERE text = 'kept'") == "1"
    database.unchanged()
