"""Rules for containers, volumes, networks and ports of a Docker engine."""

from typing import Any

import pytest

from slipway.preview.rules import Consequence, Level, Situation, consequences
from slipway.pulumi.changes import Change, Op

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
    assert (Level.DANGEROUS, "data") in found(replaced(in_memory))
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
