"""The promises of Worker and Job on a Docker engine."""

import re
from typing import Any

import pulumi
import pytest

from components import Autoscaling, File, Probe, Volume
from components.docker import Job, Redis, WebService, Worker, process
from components.validation import BadArgument
from tests.unit.components.docker.test_containers import networks
from tests.unit.conftest import Run
from tests.unit.recorder import Recorder

SHOP: dict[str, Any] = {"namespace": "shop", "image": "i"}


def worker(engine: Run, **arguments: Any) -> dict[str, Any]:
    return engine(lambda: Worker("mail", **SHOP, **arguments) and None).one("Container", "mail-1")


def migration(engine: Run, **arguments: Any) -> Recorder:
    return engine(lambda: Job("migrate", **SHOP, **arguments) and None)


def test_a_worker_is_awaited_by_its_probe(engine: Run) -> None:
    made = worker(engine, probe=Probe.exec("celery", "status"), timeout=90, grace=600)
    assert made["healthcheck"]["tests"] == ["CMD", "celery", "status"]
    assert (made["wait"], made["waitTimeout"], made["healthcheck"]["startPeriod"]) == (True, 90, "1m30s")
    assert (made["stopTimeout"], made["destroyGraceSeconds"]) == (600, 600)
    assert made["restart"] == "always"


def test_a_worker_without_a_probe_has_to_run_for_the_time_of_a_first_check(engine: Run) -> None:
    made = worker(engine)
    assert (made["healthcheck"]["tests"], made["healthcheck"]["interval"]) == (["CMD", "true"], "5s")
    assert made["wait"]


def test_a_worker_has_no_port_no_proxy_and_a_container_for_each_replica(engine: Run) -> None:
    recorder = engine(lambda: Worker("mail", **SHOP, replicas=2) and None)
    assert sorted(item.name for item in recorder.of("Container")) == ["mail-1", "mail-2"]
    assert not [item for item in recorder.of("Container") if "ports" in item.inputs]
    assert not recorder.of("Network")


def test_a_process_joins_only_the_networks_that_it_declares(engine: Run) -> None:
    def program() -> None:
        cache = Redis("cache", namespace="shop")
        Worker("mail", **SHOP, env=cache.env)
        Job("migrate", **SHOP, env=cache.env)

    recorder = engine(program)
    for name in ("mail-1", "migrate"):
        assert networks(recorder.one("Container", name)) == {"shop-cache": []}
    alone = worker(engine)
    assert (alone["networkMode"], "networksAdvanced" in alone) == ("none", False)


def test_a_job_ends_and_its_container_stays(engine: Run) -> None:
    made = migration(engine, command=["flask", "db", "upgrade"]).one("Container", "migrate")
    assert made["entrypoints"] == ["flask", "db", "upgrade"]
    assert (made["attach"], made["mustRun"]) == (True, False)
    assert "rm" not in made
    assert "restart" not in made


def test_a_job_has_only_so_much_time(engine: Run) -> None:
    request = migration(engine, timeout=30).request("Container", "migrate")
    assert request.customTimeouts.create == "30s"


def test_what_names_a_job_waits_until_it_has_succeeded(engine: Run) -> None:
    def program() -> None:
        migrate = Job("migrate", **SHOP)
        WebService("web", **SHOP, replicas=1, after=[migrate])

    recorder = engine(program)
    waits = recorder.request("Container", "web-1").dependencies
    assert [urn for urn in waits if urn.endswith(":Stash::migrate-succeeded")]


def test_a_job_that_fails_fails_the_update_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "end_of_log", lambda _: "no column price")
    assert process._succeeded(["migrate-1", 0]) == "migrate-1"
    with pytest.raises(pulumi.RunError) as failed:
        process._succeeded(["migrate-1", 3])
    text = str(failed.value)
    assert "failed with exit code 3" in text
    assert "no column price" in text
    assert "docker rm migrate-1 && pulumi up --refresh" in text


@pytest.mark.parametrize("component", [Worker, Job])
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"service_account_token": True}, "service_account_token must be False"),
        ({"volumes": [Volume.claim("/data", name="data", size="1Gi")]}, "keep data in Redis with storage"),
        ({"files": [File.text("/a", "b")]}, "needs a root that can be written"),
        ({"volumes": [Volume.memory("/a", size="1Mi")] * 2}, "files and volumes name /a 2 times"),
    ],
)
def test_what_an_engine_cannot_do_is_refused(
    engine: Run, component: type[Worker | Job], arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadArgument, match=re.escape(sentence)):
        engine(lambda: component("mail", **SHOP, **arguments) and None)


@pytest.mark.parametrize(
    ("component", "arguments", "sentences"),
    [
        (Worker, {}, 0),
        (Worker, {"replicas": Autoscaling(max_replicas=4)}, 2),
        (Worker, {"probe": Probe.exec("true")}, 1),
        (Job, {}, 0),
        (Job, {"retries": 3, "pull_secret": "key"}, 2),
    ],
)
def test_what_an_engine_does_not_do_is_said_once(
    engine: Run,
    monkeypatch: pytest.MonkeyPatch,
    component: type[Worker | Job],
    arguments: dict[str, Any],
    sentences: int,
) -> None:
    printed: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda text, *_: printed.append(text))
    engine(lambda: component("mail", **SHOP, **arguments) and None)
    assert len("".join(printed).splitlines()[1:]) == sentences
