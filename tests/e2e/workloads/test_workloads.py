"""A whole system from one image on a cluster: what each component promises, and what a failure leaves."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Ending
from tests.e2e.own_program import own_stack, write_project
from tests.e2e.program.conftest import Stack
from tests.e2e.program.test_stacks import REPORTED_WITHIN_S
from tests.e2e.sandbox.cluster import IMAGE, eventually

PASSWORD = "p@ss:w/rd#%25?ü"  # noqa: S105 # made up; every character has a meaning in URLs
HERE = Path(__file__).parent / "project"


class System(Stack):
    """The deployed stack of the program of these tests."""

    def redis(self, *words: str) -> str:
        return self.kubectl("exec", "statefulset/cache", "--", "redis-cli", *words).strip()

    def pods(self, component: str) -> list[str]:
        """The running pods; no label tells those that end from others."""
        selector = f"--selector=app.kubernetes.io/name={component}"
        columns = "custom-columns=:.metadata.name,:.metadata.deletionTimestamp"
        lines = self.kubectl("get", "pods", selector, "--no-headers", f"--output={columns}").splitlines()
        return [line.split()[0] for line in lines if line.endswith("<none>")]

    def answer(self) -> Any:
        """What the Service answers: no controller leads to the Ingress."""
        address = self.kubectl("get", "service/web", "--output=jsonpath={.spec.clusterIP}")
        return httpx.get(f"http://{address}", timeout=5).raise_for_status().json()

    def migrate(self, migration: str) -> None:
        self.succeed("config", "set", "migration", migration)


@pytest.fixture(scope="module")
def system(
    sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory, ending: Ending
) -> Iterator[System]:
    directory = tmp_path_factory.mktemp("workloads")
    write_project(directory, "workloads", HERE.glob("*.py"))
    own = {"image": IMAGE, "migration": "1", "password": PASSWORD}
    config = {**own, "kubernetes:upsertExistingObjects": "true"}
    with own_stack(System, directory, sandbox, **config).while_up(ending) as stack:
        yield stack


def test_the_web_process_has_what_it_asked_for(system: System) -> None:
    """Its probe is answered because it names the host; the port is below 1024, the user no root."""
    assert system.answer() == {
        "user": 12345,
        "writable": ["/srv/media", "/var/cache/shop", "/srv/fast", "/tmp"],  # noqa: S108 # in the pod
    }


def test_a_host_name_leads_to_it(system: System) -> None:
    assert system.output("url") == "http://hits.example.com"
    path = "jsonpath={.spec.rules[0].host} {.spec.rules[0].http.paths[0].backend.service.name}"
    assert system.kubectl("get", "ingress/web", f"--output={path}") == "hits.example.com web"


def test_the_same_migration_never_runs_again(system: System) -> None:
    assert system.redis("get", "migrations") == "1"
    text = system.succeed("up", "--yes", "--skip-preview", "--refresh")
    assert re.search(r"Resources:\n +\d+ unchanged\n", text), text
    assert system.redis("get", "migrations") == "1"


def test_a_task_ends_before_its_worker(system: System) -> None:
    """The worker has SIGTERM in the middle of it."""
    [worker] = system.pods("tasks")
    system.redis("rpush", "tasks", "3")
    eventually("the task has begun", lambda: system.redis("llen", "begun") == "1")
    system.kubectl("delete", "pod", worker, "--wait=false")
    eventually("the task is done", lambda: system.redis("lrange", "done", "0", "-1") == worker)


def test_a_scheduled_job_runs(system: System) -> None:
    system.kubectl("create", "job", "report-now", "--from=cronjob/report")
    ended = "jsonpath={.status.succeeded}{.status.failed}"
    eventually("the job has ended", lambda: system.kubectl("get", "job/report-now", f"--output={ended}"))
    assert "done:" in system.kubectl("logs", "job/report-now")


def test_a_failed_migration_leaves_the_old_version(system: System) -> None:
    before = system.pods("web")
    system.migrate("bad")
    started = time.monotonic()
    failed = system.run("up", "--yes", "--skip-preview")
    text = failed.stdout + failed.stderr
    assert failed.returncode != 0
    assert time.monotonic() - started < REPORTED_WITHIN_S
    assert "the table shop has no column price" in text, text
    assert "delete job/migrate-" in text, text
    assert system.pods("web") == before
    assert system.answer()
    runs = system.redis("get", "migrations")
    assert system.run("up", "--yes", "--skip-preview").returncode != 0, "it fails until something changes"
    assert system.redis("get", "migrations") == runs, "and does not run again"
    system.redis("set", "corrected", "yes")
    [advice] = re.findall(r"kubectl --namespace \S+ (delete job/migrate-\S+) && pulumi (up --refresh)", text)
    system.kubectl(*advice[0].split())
    system.succeed(*advice[1].split(), "--yes", "--skip-preview")
    assert int(system.redis("get", "migrations")) == int(runs) + 1


def test_a_return_to_an_earlier_version_does_not_migrate(system: System) -> None:
    runs = system.redis("get", "migrations")
    system.migrate("1")
    system.up()
    assert system.redis("get", "migrations") == runs
