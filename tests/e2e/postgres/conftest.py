"""A database with a standby under a load of writes and reads, on the real cluster."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.conftest import started
from tests.e2e.conftest import Ending
from tests.e2e.own_program import own_stack, write_project
from tests.e2e.postgres.attempts import Attempts
from tests.e2e.program.conftest import INSTANCE, Stack
from tests.e2e.sandbox.cluster import eventually

if TYPE_CHECKING:
    from tests.e2e.postgres.restoring import RestoreStack

HERE = Path(__file__).parent / "project"
LIST = ("patronictl", "-c", "/tmp/patroni.json", "list", "--format=json")  # noqa: S108 # in the pod


@dataclass
class Measured:
    """What clients noticed of a change or a fault."""

    writes: Attempts
    reads: Attempts


class DatabaseStack(Stack):
    """The deployed stack of the program of these tests."""

    def pod_of(self, *labels: str) -> str:
        """Return the only pod with these labels that is not being deleted."""
        pods = json.loads(self.kubectl("get", "pods", "-l", ",".join(labels), "--output=json"))["items"]
        [name] = [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return str(name)

    @property
    def primary(self) -> str:
        return self.pod_of("app.kubernetes.io/component=server", "role=primary")

    @property
    def client(self) -> str:
        return self.pod_of("app.kubernetes.io/name=client")

    def sql(self, statement: str, url: str = "DATABASE_URL") -> str:
        """Run a statement from the client's pod."""
        script = f'PGCONNECT_TIMEOUT=3 psql --no-psqlrc -v ON_ERROR_STOP=1 -At "${url}"'
        done = subprocess.run(
            ("kubectl", "--namespace", self.namespace, "exec", "-i", self.client, "--", "sh", "-c", script),
            env=self.environment, input=statement, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return (done.stdout + done.stderr).strip()

    def attempts(self, kind: str) -> Attempts:
        """Return the client's writes or reads, none before the first; the last line may be incomplete."""
        return Attempts.parse(self.exec(self.client, f"sed '$d' /tmp/{kind} 2>/dev/null || :"))

    def lost(self) -> set[int]:
        """Return the client's writes that were acknowledged, and are not in the database."""
        acknowledged = self.attempts("writes").acknowledged
        assert acknowledged
        return acknowledged - self.numbers(self.client)

    def numbers(self, run: str) -> set[int]:
        """Return the numbers in the database that a client has written."""
        rows = self.sql(f"SELECT number FROM numbers WHERE run = '{run}'").split()  # noqa: S608
        return set(map(int, rows))

    def restart_client(self) -> None:
        """Begin with empty records."""
        self.kubectl("delete", "pod", self.client, "--now")
        eventually("a client that writes", lambda: self.attempts("writes").acknowledged)

    @contextmanager
    def written_on(self, pod: str) -> Iterator[Callable[[], Attempts]]:
        """Write to a member from its own pod, and give what was recorded there, as the run `local`.

        The records are on the claim: a pod that is cut off may be replaced.
        """
        program = (HERE / "client.py").read_text()
        records = "/var/lib/postgresql/data"
        begin = f"""
            cat >/tmp/client.py; export HOSTNAME=local DATABASE_URL='host=/tmp user=postgres dbname=app'
            export RECORDS={records}
            export PGPASSWORD="$(cat /etc/postgres/users/superuser)"
            nohup python3 /tmp/client.py >/dev/null 2>&1 & echo $! >/tmp/client.pid"""
        self.sql("DELETE FROM numbers WHERE run = 'local'")
        self.exec(pod, begin, program)
        try:
            yield lambda: Attempts.parse(self.exec(pod, f"sed '$d' {records}/writes"))
        finally:
            self.exec(pod, "kill $(cat /tmp/client.pid) 2>/dev/null || :")

    def exec(self, pod: str, script: str, input: str = "") -> str:
        """Run a script in a pod."""
        command = ("kubectl", "--namespace", self.namespace, "exec", "-i", pod, "--", "sh", "-c", script)
        return subprocess.check_output(command, env=self.environment, input=input, text=True)

    def settled(self) -> bool:
        """Return whether there are a primary and standbys that follow it.

        With `sync`, one of them has all that was acknowledged: no other may take over.
        """
        synchronous = yaml.safe_load(self.file.read_text())["config"].get("postgres:durability") != "async"
        for member in ("db-0-0", "db-1-0"):
            done = subprocess.run(
                ("kubectl", "--namespace", self.namespace, "exec", member, "--", *LIST),
                env=self.environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                members = json.loads(done.stdout)
                states = sorted(item.get("State", "") for item in members)
                follows = len(states) > 1 and states == ["running", *["streaming"] * (len(states) - 1)]
                takes_over = any(item["Role"] == "Sync Standby" for item in members)
                return follows and (takes_over or not synchronous)
        return False

    def settle(self, seconds: float = 180) -> None:
        eventually("a primary and a standby that follows", self.settled, seconds)

    def node_of(self, pod: str) -> str:
        return self.kubectl("get", "pod", pod, "--output=jsonpath={.spec.nodeName}").strip()

    def switch_over(self, standby: str = "") -> None:
        """Make a standby the primary, by default the only one."""
        primary = self.primary
        if not standby:
            [standby] = {"db-0-0", "db-1-0"} - {primary}
        words = ("switchover", "--leader", primary, "--candidate", standby, "--force")
        self.kubectl("exec", primary, "--", *LIST[:3], *words)
        eventually("the other primary", lambda: self.primary == standby)
        self.settle()

    @contextmanager
    def measured(self) -> Iterator[Measured]:
        """Record the attempts from now until the database is settled after the block."""
        begun = time.time()
        measured = Measured(Attempts(()), Attempts(()))
        yield measured
        self.settle()
        time.sleep(2)
        measured.writes = self.attempts("writes").since(begun - 1)
        measured.reads = self.attempts("reads").since(begun - 1)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory, ending: Ending) -> Iterator[DatabaseStack]:
    directory = tmp_path_factory.mktemp("postgres")
    write_project(directory, "postgres", HERE.glob("*.py"), ("components", "stack"))
    config = {"repository": f"{INSTANCE.registry}/postgres", "durability": "sync"}
    with own_stack(DatabaseStack, directory, started("--postgres"), **config).while_up(ending) as stack:
        yield stack


@pytest.fixture(scope="session")
def backed_up(tmp_path_factory: pytest.TempPathFactory, ending: Ending) -> Iterator["RestoreStack"]:
    """A database whose backups are in the sandbox's store."""
    from tests.e2e.postgres.restoring import new

    with new(tmp_path_factory.mktemp("restores")).while_up(ending) as stack:
        yield stack
