"""The adopted examples on a cluster: they answer, their workers work, and nothing runs twice."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from slipway.adopt import project as adoption
from tests.conftest import SOAK, started
from tests.e2e.conftest import Ending
from tests.e2e.examples.adopted import Example, adopted
from tests.e2e.program.conftest import INSTANCE, PROJECT, Stack

WITHIN_S = 60
ROLLOUTS = 10


def eventually(condition: Callable[[], bool], seconds: float = WITHIN_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(1)


@pytest.fixture(
    scope="module",
    params=["fastapi", *(["flask-redis", "django"] if SOAK else [])],
)
def example(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    ending: Ending,
) -> Iterator[Example]:
    environment = started(*(["--postgres"] if request.param == "django" else []))
    with adopted(request.param, environment, tmp_path_factory.mktemp("examples"), ending) as stack:
        yield stack


def test_it_answers_and_its_worker_works(example: Example) -> None:
    tests = {"flask-redis": visited, "django": ordered, "fastapi": shouted}
    with httpx.Client(base_url=example.url, timeout=10) as client:
        assert client.get("/healthz" if example.directory.name != "flask-redis" else "/").is_success
        tests[example.directory.name](client)


def visited(client: httpx.Client) -> None:
    assert client.get("/").text != client.get("/").text


def ordered(client: httpx.Client) -> None:
    assert client.post("/orders", data={"item": "a pen"}).is_success
    eventually(lambda: client.get("/orders").json()[0]["fulfilled"] is True)
    assert "Log in" in client.get("/admin/", follow_redirects=True).text
    assert client.get("/static/admin/css/base.css").is_success


def test_what_is_ordered_is_in_its_postgres_and_survives_a_restart_of_it(example: Example) -> None:
    if example.directory.name != "django":
        pytest.skip("it has no database")
    with httpx.Client(base_url=example.url, timeout=10) as client:
        before = client.get("/orders").json()
        assert before
        assert rows(example, "shop_order") == len(before)
        example.kubectl("delete", "pod", "db-0-0")
        eventually(lambda: client.get("/orders").is_success)
        assert client.get("/orders").json() == before


def rows(example: Example, table: str) -> int:
    """Return the number of rows, as the database itself knows it."""
    query = f"PGPASSWORD=$(cat /etc/postgres/users/superuser) psql -XAt -U postgres -c 'TABLE {table}' shop"
    return len(example.kubectl("exec", "db-0-0", "--", "sh", "-c", query).splitlines())


def shouted(client: httpx.Client) -> None:
    task = client.post("/tasks", params={"text": "hello"}).json()
    eventually(lambda: client.get(f"/tasks/{task}").json() == "HELLO")


def test_a_task_of_a_killed_worker_is_done_by_another(example: Example) -> None:
    if example.directory.name != "fastapi":
        pytest.skip("its tasks are too short to be interrupted")
    with httpx.Client(base_url=example.url, timeout=10) as client:
        task = client.post("/tasks", params={"text": "again", "seconds": 15}).json()
        time.sleep(1)
        select = ("--selector=app.kubernetes.io/name=worker", "--output=name")
        before = example.kubectl("get", "pods", *select).split()
        example.kubectl("delete", *before, "--grace-period=0", "--force")
        assert client.get(f"/tasks/{task}").json() is None, "it was done before the kill"
        eventually(lambda: client.get(f"/tasks/{task}").json() == "AGAIN", seconds=120)
        assert not {*before} & {*example.kubectl("get", "pods", *select).split()}


def test_a_second_update_changes_nothing(example: Example) -> None:
    """So a migration has run once, and does not run again."""
    jobs = example.kubectl("get", "jobs", "--output=name").split()
    names = sorted(job.rpartition("/")[2].rpartition("-")[0] for job in jobs)
    assert names == (["db-update", "migrate"] if example.directory.name == "django" else [])
    example.succeed("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert example.kubectl("get", "jobs", "--output=name").split() == jobs


def test_rollouts_with_a_migration_each_fail_no_request(example: Example) -> None:
    """A changed variable makes another migration, and another version of the pods."""
    if example.directory.name != "django":
        pytest.skip("it has no migration")
    before = len(example.kubectl("get", "jobs", "--output=name").split())
    with under_load(f"{example.url}/healthz") as statuses:
        for version in range(ROLLOUTS):
            example.succeed("config", "set", "djangoAllowedHosts", f"*,v{version}")
            example.up()
    assert set(statuses) == {"200"}, {status: statuses.count(status) for status in set(statuses)}
    assert len(statuses) > 100
    assert len(example.kubectl("get", "jobs", "--output=name").split()) == before + ROLLOUTS


@contextmanager
def under_load(url: str) -> Iterator[list[str]]:
    """Ask a page all the time, each time by a connection of its own; collect what is answered."""
    statuses: list[str] = []
    stopping = threading.Event()

    def ask() -> None:
        while not stopping.wait(0.02):
            try:
                statuses.append(str(httpx.get(url, timeout=10).status_code))
            except httpx.HTTPError as error:
                statuses.append(repr(error))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        stopping.set()
        thread.join()


def test_what_is_adopted_can_be_previewed(
    sandbox: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The corpus's richest application, by the real engine, with the policy pack's rules tested elsewhere."""
    from tests.unit.slipway.adopt import corpus

    monkeypatch.setenv("API_KEY", "hidden")
    app = corpus.application("django-postgres", tmp_path)
    program = corpus.adopt(app, context=INSTANCE.name)
    adoption.write(program.files(), tmp_path, overwrite=False)
    (tmp_path / ".venv").symlink_to(PROJECT / ".venv")
    (tmp_path / "state").mkdir()
    environment = {**sandbox, "PULUMI_BACKEND_URL": f"file://{tmp_path}/state"}
    stack = Stack("dev", tmp_path, environment)
    stack.succeed("stack", "init")
    stack.succeed("config", "set", "repository", f"{INSTANCE.registry}/shop")
    for key, value in program.translation.settings.secret.items():
        stack.tell_secret(key, value)
    assert "to create" in stack.succeed("preview")
