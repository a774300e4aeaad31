"""A stack with backups in the sandbox's store, its drills, and its restores."""

import json
import re
import time
import uuid
from pathlib import Path
from typing import Any

from sandbox.platform.object_store import BUCKET
from tests.conftest import started
from tests.e2e.own_program import object_store, own_stack, tell_keys, write_project
from tests.e2e.postgres.conftest import DatabaseStack
from tests.e2e.program.conftest import INSTANCE
from tests.e2e.sandbox.cluster import eventually

PROGRAM = Path(__file__).parent / "restores"
DRILL_S = 300


class RestoreStack(DatabaseStack):
    """The deployed stack of the program with backups."""

    @property
    def archive(self) -> Path:
        """The files of the database `db` in the store."""
        return INSTANCE.store / BUCKET / self.name / "db"

    def in_pod(self, pod: str, *command: str) -> str:
        return self.kubectl("exec", pod, "--", *command).strip()

    def psql(self, database: str, statement: str, name: str = "app") -> str:
        """Run a statement as the superuser of a database; the client's user sees less."""
        script = (
            f'PGUSER=postgres PGPASSWORD="$(cat /etc/postgres/users/superuser)" psql -XAtd {name} -c "$0"'
        )
        return self.in_pod(f"{database}-0-0", "sh", "-c", script, statement)

    def archive_state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(
            self.in_pod("db-0-0", "python3", "-m", "dbserver.archive", "state")
        )
        return state

    def result(self, database: str = "db") -> dict[str, Any]:
        """Return the result of the last drill."""
        data = json.loads(self.kubectl("get", "configmap", f"{database}-drill", "--output=json"))["data"]
        result: dict[str, Any] = json.loads(data["result.json"])
        return result

    def drill(self) -> dict[str, Any]:
        """Run a drill as the CronJob would, and return its result."""
        self._job("drill")
        return self.result()

    def back_up(self) -> None:
        """Make a base backup as the CronJob would."""
        name = self._job("backup")
        assert "backup " in self.kubectl("logs", f"job/{name}")

    def _job(self, kind: str) -> str:
        name = f"{kind}-{uuid.uuid4().hex[:6]}"
        self.kubectl("create", "job", name, f"--from=cronjob/db-{kind}")

        def ended() -> bool:
            status = json.loads(self.kubectl("get", "job", name, "--output=json"))["status"]
            return bool(status.get("succeeded") or status.get("failed"))

        eventually(f"the end of {name}", ended, seconds=DRILL_S)
        return name


def new(directory: Path) -> RestoreStack:
    """Return a stack that is not deployed yet."""
    folders = ("components", "stack", "slipway")
    write_project(directory, "restores", [PROGRAM / "__main__.py"], folders)
    environment = started("--postgres", "--store")
    config = {"repository": f"{INSTANCE.registry}/postgres", "endpoint": object_store().endpoint}
    stack = own_stack(RestoreStack, directory, environment, **config)
    tell_keys(stack)
    return stack


def moment(stack: RestoreStack) -> str:
    """Return the time of the database, with a pause on each side that no clock is too coarse for."""
    time.sleep(1)
    now = stack.psql(
        "db", "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
    )
    assert re.fullmatch(r"[0-9T:.-]+", now), now
    time.sleep(1)
    return f"{now}+00:00"
