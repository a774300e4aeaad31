"""Rules for containers, volumes, networks and ports of a Docker engine."""

from typing import Any

import pytest

from slipway.preview.rules import Consequence, Level, Situation, consequences
from slipway.pulumi.changes import SECRET, UNKNOWN, Change, Op

ON_LOOPBACK = {"external": 5000, "internal": 5000, "ip": "127.0.0.1"}
EVERYWHERE = {**ON_LOOPBACK, "ip": "0.0.0.0"}  # noqa: S104 # as asked


def change(kind: str, op: Op, old: dict[str, Any], new: dict[str, Any], **options: Any) -> Change:
    token = f"docker:index/{kind.lower()}:{kind}"
    return Change(f"urn:pulumi:local::hits::{token}::web", token, op, "", old, new, {}, **options)


def report(*changes: Change) -> list[Consequence]:
    return list(consequences(Situation(changes)))


def found(*changes: Change) -> list[tuple[Level, str]]:
    return [(consequence.level, consequence.concern) for consequence in report(*changes)]


def replaced(old: dict[str, Any], new: dict[str, Any] | None = None, **options: Any) -> Change:
    return change("Container", Op.REPLACE, old, old if new is None else new, **options)


def test_a_container_that_waits_for_its_replacement_is_safe() -> None:
    assert found(replaced({"wait": True})) == [(Level.SAFE, "pods")]


def test_a_replacement_without_a_health_check_needs_attention() -> None:
    assert found(replaced({})) == [(Level.ATTENTION, "downtime")]


def test_a_container_that_stops_first_interrupts_its_clients() -> None:
    assert found(replaced({"wait": True}, deleted_first=True)) == [(Level.ATTENTION, "downtime")]
    with_port = {"wait": True, "ports": [ON_LOOPBACK]}
    [consequence] = report(replaced(with_port, deleted_first=True))
    assert consequence.level is Level.DANGEROUS
    assert "requests to port 5000 fail" in consequence.reason


def test_data_in_memory_goes_with_the_container() -> None:
    in_memory = {"wait": True, "tmpfs": {"/tmp": "", "/data": ""}}  # noqa: S108 # in the container
    assert (Level.DANGEROUS, "data") in found(replaced(in_memory, deleted_first=True))
    assert found(replaced(in_memory)) == [(Level.SAFE, "pods")], "as the pods of a Deployment"
    only_tmp = {"wait": True, "tmpfs": {"/tmp": ""}}  # noqa: S108 # in the container
    assert found(replaced(only_tmp)) == [(Level.SAFE, "pods")]


@pytest.mark.parametrize(
    ("op", "retained", "level"),
    [
        (Op.DELETE, False, Level.DANGEROUS),
        (Op.REPLACE, False, Level.DANGEROUS),
        (Op.DELETE, True, Level.SAFE),
    ],
)
def test_a_volume_holds_data(op: Op, retained: bool, level: Level) -> None:
    assert found(change("Volume", op, {"name": "data"}, {}, retained=retained)) == [(level, "data")]


def test_a_deleted_container_stops_serving() -> None:
    assert found(change("Container", Op.DELETE, {"ports": [ON_LOOPBACK]}, {})) == [
        (Level.DANGEROUS, "downtime")
    ]
    assert found(change("Container", Op.DELETE, {}, {})) == [(Level.ATTENTION, "downtime")]


def test_a_container_that_has_ended_serves_nobody() -> None:
    job = {"attach": True, "mustRun": False, "tmpfs": {"/tmp": "", "/scratch": ""}}  # noqa: S108 # in the container
    [consequence] = report(replaced(job))
    assert (consequence.level, consequence.concern) == (Level.ATTENTION, "downtime")
    assert "its process runs once more" in consequence.reason
    assert found(change("Container", Op.DELETE, job, {})) == []


def test_a_container_that_never_starts_runs_nothing() -> None:
    [consequence] = report(replaced({"start": False, "mustRun": False}))
    assert (consequence.level, consequence.concern) == (Level.ATTENTION, "pods")
    assert "other containers read other files" in consequence.reason


def test_a_port_that_opens_is_exposed() -> None:
    assert found(change("Container", Op.CREATE, {}, {"ports": [EVERYWHERE]})) == [
        (Level.DANGEROUS, "exposure")
    ]
    assert found(change("Container", Op.CREATE, {}, {"ports": [ON_LOOPBACK]})) == []
    open_before = replaced({"wait": True, "ports": [EVERYWHERE]})
    assert found(open_before) == [(Level.SAFE, "pods")]


def test_a_network_that_goes_or_gets_a_way_out() -> None:
    assert found(change("Network", Op.DELETE, {"internal": True}, {})) == [(Level.ATTENTION, "downtime")]
    opened = change("Network", Op.REPLACE, {"internal": True}, {"internal": False})
    assert (Level.DANGEROUS, "exposure") in found(opened)


def test_a_port_that_closes_or_leads_elsewhere() -> None:
    before = {"wait": True, "ports": [ON_LOOPBACK, {**ON_LOOPBACK, "external": 8080}]}
    after = {"wait": True, "ports": [{**ON_LOOPBACK, "internal": 8000}]}
    reasons = {consequence.reason for consequence in report(replaced(before, after))}
    assert "Container web stops serving port 8080 of 127.0.0.1" in reasons
    assert "Container web leads port 5000 of 127.0.0.1 to 8000 instead of 5000" in reasons


@pytest.mark.parametrize(
    "powerful",
    [
        {"privileged": True},
        {"capabilities": {"adds": ["CAP_SYS_ADMIN"]}},
        {"networkMode": "host"},
        {"mounts": [{"type": "bind", "source": "/", "target": "/host"}]},
        {"volumes": [{"hostPath": "/var/run/docker.sock", "containerPath": "/var/run/docker.sock"}]},
        {"devices": [{"hostPath": "/dev/kvm"}]},
    ],
)
def test_power_over_the_machine_is_dangerous(powerful: dict[str, Any]) -> None:
    assert found(change("Container", Op.CREATE, {}, powerful)) == [(Level.DANGEROUS, "privilege")]
    assert (Level.DANGEROUS, "privilege") in found(replaced({"wait": True}, {"wait": True, **powerful}))
    assert found(replaced({"wait": True, **powerful})) == [(Level.SAFE, "pods")]


@pytest.mark.parametrize("kind", ["Container", "Network", "Volume"])
def test_what_is_new_is_safe(kind: str) -> None:
    assert found(change(kind, Op.CREATE, {}, {"name": "web"})) == []


def test_a_kind_without_rules_needs_attention() -> None:
    assert found(change("Service", Op.CREATE, {}, {"name": "web"})) == [(Level.ATTENTION, "configuration")]


def test_a_release_is_safe() -> None:
    """What `pulumi up` changes for a new commit: the image, its id, and the variable with the version."""
    name = "localhost:5001/hits@sha256:"
    token = "docker:index/remoteImage:RemoteImage"  # noqa: S105 # a type of Pulumi
    urn = f"urn:pulumi:local::hits::{token}::web"
    pulled = Change(urn, token, Op.REPLACE, "", {"name": f"{name}{'a' * 64}"}, {"name": UNKNOWN}, {})
    old = {"wait": True, "image": "sha256:" + "a" * 64, "envs": ["APP_VERSION=1", SECRET]}
    new = {"wait": True, "image": UNKNOWN, "envs": [UNKNOWN, SECRET]}
    assert found(pulled, replaced(old, new)) == [(Level.SAFE, "pods")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"memory": 256}, {"memory": 128}),
        ({"envs": ["A=1", "B=1"]}, {"envs": ["A=1"]}),
        ({"envs": ["A=1", SECRET]}, {"envs": ["B=1", SECRET]}),
        ({"envs": SECRET}, {"envs": ["A=1"]}),
        ({"image": "nginx:1"}, {"image": "nginx:2"}),
        ({"user": "10001"}, {"user": "0"}),
        ({"tmpfs": {"/tmp": "size=64m"}}, {"tmpfs": {"/tmp": "size=1m"}}),  # noqa: S108 # in the container
        ({"healthcheck": {"tests": ["CMD", "true"]}}, {"healthcheck": {"tests": ["NONE"]}}),
    ],
)
def test_what_no_rule_knows_needs_attention(old: dict[str, Any], new: dict[str, Any]) -> None:
    changed = change("Container", Op.UPDATE, {"wait": True, **old}, {"wait": True, **new})
    assert found(changed) == [(Level.ATTENTION, "configuration")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"memory": 128}, {"memory": 256}),
        ({"cpus": "0.5"}, {"cpus": "1.0"}),
        ({"envs": ["A=1"]}, {"envs": ["A=2", "B=1"]}),
        ({"waitTimeout": 60}, {"waitTimeout": 10}),
    ],
)
def test_what_is_raised_or_added_is_safe(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert found(change("Container", Op.UPDATE, {"wait": True, **old}, {"wait": True, **new})) == []
