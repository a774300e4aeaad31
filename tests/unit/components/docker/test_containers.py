"""The promises of the components on a Docker engine."""

import re
from typing import Any

import pulumi
import pytest

from components import (
    Autoscaling,
    Compute,
    Endpoint,
    EnvVar,
    Exposure,
    PodSecurity,
    Probe,
    Probes,
    Resources,
    Rollout,
)
from components.docker import Namespace, Redis, WebService, health
from components.validation import BadArgument
from tests.unit.conftest import Run
from tests.unit.recorder import DIGEST, Recorder

IMAGE = f"localhost:5001/hits:abc@{DIGEST}"


def web(engine: Run, **arguments: Any) -> Recorder:
    given = {"namespace": "shop", "image": IMAGE, "replicas": 1, **arguments}
    return engine(lambda: WebService("web", **given) and None)


def redis(engine: Run, **arguments: Any) -> Recorder:
    return engine(lambda: Redis("cache", namespace="shop", **arguments) and None)


def shop(engine: Run) -> Recorder:
    def program() -> None:
        cache = Redis("cache", namespace="shop")
        WebService("web", namespace="shop", image=IMAGE, replicas=1, env=cache.env)

    return engine(program)


def variables(inputs: dict[str, Any]) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in inputs["envs"])


def networks(inputs: dict[str, Any]) -> dict[str, list[str]]:
    return {network["name"]: network.get("aliases", []) for network in inputs["networksAdvanced"]}


def test_an_image_is_pulled_by_digest_and_run_by_its_id(engine: Run) -> None:
    recorder = web(engine, platform="linux/arm64")
    pulled = recorder.one("RemoteImage", "web")
    assert pulled == {"name": f"localhost:5001/hits@{DIGEST}", "keepLocally": True, "platform": "linux/arm64"}
    assert recorder.one("Container", "web-1")["image"] == DIGEST


def test_a_new_image_does_not_delete_the_containers_of_the_old(engine: Run) -> None:
    """The provider asks for deletion first, and whatever runs the image would be deleted with it."""
    pulled = web(engine).request("RemoteImage", "web")
    assert pulled.deleteBeforeReplaceDefined
    assert not pulled.deleteBeforeReplace


def test_containers_are_limited_without_swap(engine: Run) -> None:
    resources = Resources(requests=Compute(cpu="250m", memory="64Mi"), limits=Compute(cpu="1", memory="1Gi"))
    made = web(engine, resources=resources).one("Container", "web-1")
    limits = {"cpus": "1.0", "cpuShares": 256, "memory": 1024, "memorySwap": 1024, "memoryReservation": 64}
    assert {key: made[key] for key in limits} == limits


def test_containers_have_no_more_privileges_than_pods(engine: Run) -> None:
    for name in ("web-1", "web-proxy"):
        made = web(engine, security=PodSecurity(user=20000)).one("Container", name)
        assert made["user"] == ("20000:20000" if name == "web-1" else "10001:10001")
        assert made["readOnly"]
        assert made["capabilities"] == {"drops": ["ALL"]}
        assert made["securityOpts"] == ["no-new-privileges:true"]
        assert made["tmpfs"] == {"/tmp": "size=64m"}  # noqa: S108 # in the container
    assert "user" not in web(engine, security=None).one("Container", "web-1")


def test_an_update_awaits_the_ready_probe(engine: Run) -> None:
    probes, rollout = Probes(ready=Probe.exec("true"), startup=90), Rollout(timeout=50, termination_grace=9)
    made = web(engine, probes=probes, rollout=rollout).one("Container", "web-1")
    assert made["healthcheck"]["tests"] == ["CMD", "true"]
    assert made["healthcheck"]["startPeriod"] == "1m30s"
    assert (made["wait"], made["waitTimeout"]) == (True, 50)
    assert (made["stopTimeout"], made["destroyGraceSeconds"]) == (9, 9)
    assert made["restart"] == "always"
    assert "healthcheck" not in web(engine, probes=None).one("Container", "web-1")


@pytest.mark.parametrize(("seconds", "text"), [(5, "5s"), (60, "1m0s"), (3661, "1h1m1s")])
def test_times_are_written_as_the_engine_answers_them(seconds: int, text: str) -> None:
    assert health.duration(seconds) == text


def test_new_containers_start_next_to_the_old_and_only_the_proxy_has_a_port(engine: Run) -> None:
    recorder = web(engine, replicas=2, expose=Exposure(port=5000))
    for name in ("web-1", "web-2"):
        made = recorder.one("Container", name)
        assert "ports" not in made
        assert "name" not in made, "Pulumi deletes a container with a fixed name before it creates the next"
    [port] = recorder.one("Container", "web-proxy")["ports"]
    assert port == {"internal": 5000, "external": 5000, "ip": "127.0.0.1"}


def test_a_port_is_open_to_others_only_if_the_program_says_so(engine: Run) -> None:
    expose = Exposure(type="NodePort", public="the shop's page")
    made = web(engine, expose=expose).one("Container", "web-proxy")
    assert made["ports"][0]["ip"] == "0.0.0.0"  # noqa: S104 # as asked
    assert {"label": "slipway/public", "value": "the shop's page"} in made["labels"]


def test_only_who_declared_the_connection_joins_a_network(engine: Run) -> None:
    recorder = shop(engine)
    assert networks(recorder.one("Container", "cache")) == {"shop-cache": ["cache"]}
    assert networks(recorder.one("Container", "web-1")) == {"shop-web": ["backends"], "shop-cache": []}
    assert networks(recorder.one("Container", "web-proxy")) == {"shop": [], "shop-web": ["web"]}
    for name in ("web", "cache"):
        assert recorder.one("Network", name)["internal"]


def test_the_network_of_published_ports_connects_nothing_else(engine: Run) -> None:
    options = engine(lambda: Namespace("shop") and None).one("Network")["options"]
    assert options["com.docker.network.bridge.enable_icc"] == "false"
    assert options["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    assert not engine(lambda: Namespace("shop", create=False) and None).of("Network")


def test_an_address_outside_takes_a_network_with_a_way_out(engine: Run) -> None:
    reaches = [
        Endpoint(port=443, cidr="192.0.2.0/24"),
        Endpoint(port=80, pods={"app.kubernetes.io/name": "api"}),
    ]
    recorder = web(engine, reaches=reaches)
    assert set(networks(recorder.one("Container", "web-1"))) == {"shop-web", "shop-api", "shop-web-outside"}
    assert not recorder.one("Network", "web-outside").get("internal")


def test_web_waits_for_redis(engine: Run) -> None:
    recorder = shop(engine)
    [cache] = [urn for urn in recorder.requests if urn.endswith(":Container::cache")]
    assert cache in recorder.request("Container", "web-1").dependencies
    assert recorder.one("Container", "cache")["wait"]


def test_a_password_is_made_once_and_is_a_secret(engine: Run) -> None:
    recorder = shop(engine)
    stash = recorder.request("Stash", "cache-password")
    assert list(stash.ignoreChanges) == ["input"]
    made = recorder.one("Stash")["input"]
    assert variables(recorder.one("Container", "web-1"))["REDIS_PASSWORD"] == made
    for name in ("cache", "web-1"):
        envs = recorder.request("Container", name).object["envs"]
        assert [one for one in envs if "4dabf18193072939515e22adb298388d" in str(one)], (
            "no value is marked secret"
        )


def test_no_command_shows_the_password(engine: Run) -> None:
    recorder = redis(engine, password="canary-7f3a-password")  # noqa: S106 # searched for below
    for made in recorder.of("Container"):
        shown = {key: value for key, value in made.inputs.items() if key != "envs"}
        assert "canary" not in str(shown)
    assert not recorder.of("Stash")


def test_a_volume_outlives_the_stack_and_belongs_to_the_user(engine: Run) -> None:
    recorder = redis(engine, storage="1Gi")
    assert recorder.one("Volume")["name"] == "shop-cache-data"
    assert recorder.request("Volume", "cache-data").retainOnDelete
    assert recorder.one("Container", "cache")["mounts"] == [
        {"type": "volume", "source": "shop-cache-data", "target": "/data"}
    ]
    assert recorder.one("Container", "cache-owner")["entrypoints"][-1].endswith("chown -R 10001:10001 /data")
    assert "appendonly yes" in variables(recorder.one("Container", "cache"))["REDIS_CONFIG"]
    without = redis(engine)
    assert not without.of("Volume")
    assert "uid=10001" in without.one("Container", "cache")["tmpfs"]["/data"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"env": [EnvVar.secret("KEY", "keys", "key")]}, "is in a cluster: give the value"),
        ({"rollout": Rollout(min_ready=5)}, "rollout.min_ready must be 0"),
        ({"service_account_token": True}, "service_account_token must be False"),
        ({"reaches": [Endpoint(port=80, pods={"tier": "api"})]}, "must be a component's selector"),
        ({"replicas": 11}, "replicas is 11, but must not be above 10"),
    ],
)
def test_what_an_engine_cannot_do_is_refused_before_anything_is_touched(
    engine: Run, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadArgument, match=re.escape(sentence)):
        web(engine, **arguments)


@pytest.mark.parametrize(
    ("arguments", "sentences"),
    [
        ({}, []),
        ({"replicas": 2}, ["disruption_budget has no use", "spread has no use"]),
        (
            {"replicas": Autoscaling(max_replicas=4), "spread": False, "disruption_budget": False},
            ["min_replicas"],
        ),
        (
            {"network_policy": False, "pull_secret": "key"},
            ["network_policy changes nothing", "pull_secret is not"],
        ),
        ({"reaches": [Endpoint(port=443, cidr="192.0.2.0/24")]}, ["opens every address"]),
        ({"rollout": Rollout(pre_stop=1)}, ["rollout.pre_stop is not waited"]),
    ],
)
def test_what_an_engine_does_not_do_is_said_once(
    engine: Run, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], sentences: list[str]
) -> None:
    printed: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda text, *_: printed.append(text))
    web(engine, **arguments)
    assert len(printed) == (1 if sentences else 0)
    assert [sentence for sentence in sentences if sentence not in "".join(printed)] == []


def test_transform_changes_a_container(engine: Run) -> None:
    def transform(kind: str, args: dict[str, Any]) -> None:
        if kind == "Container":
            args["log_driver"] = "local"

    assert web(engine, transform=transform).one("Container", "web-1")["logDriver"] == "local"
