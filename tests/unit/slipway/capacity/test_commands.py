"""The commands that read files."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from slipway.cli.capacity import capacity
from slipway.cli.capacity.options import seconds
from slipway.errors import SlipwayError


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(capacity, [str(argument) for argument in arguments])


def output(*arguments: str | Path) -> Any:
    result = run(*arguments, "--json")
    assert result.exception is None or result.exit_code == 2, result.output
    return json.loads(result.stdout)


ROUTE = """\
backends: {small: 50, large: 100}
load:
  all: 60
  images: {load: 30, backends: [small]}
"""
NODES = """\
types:
  - {name: s, cpu: 2, memory: 4Gi, price: 0.1}
  - {name: l, cpu: 4, memory: 8Gi, price: 0.15, pods: 20, most: 3}
workloads:
  - {name: web, cpu: 500m, memory: 1Gi, replicas: 3, perNode: 1}
  - {name: cache, cpu: 250m, memory: 2Gi}
daemons:
  - {cpu: 100m, memory: 200Mi}
"""


def test_route_prints_shares(tmp_path: Path) -> None:
    file = tmp_path / "route.yaml"
    file.write_text(ROUTE)
    facts = output("route", file)
    assert (facts["utilisation"], facts["equal"]) == (pytest.approx(0.6), pytest.approx(1.2))
    assert facts["shares"]["images"] == {"small": pytest.approx(1)}
    assert "The largest utilisation is 60.0%; with equal shares it is 120.0%." in run("route", file).stdout


def test_a_load_that_does_not_fit_exits_with_2(tmp_path: Path) -> None:
    file = tmp_path / "route.yaml"
    file.write_text(ROUTE.replace("all: 60", "all: 600"))
    result = run("route", file)
    assert (result.exit_code, "The load does not fit" in result.stdout) == (2, True)


def test_pack_prints_nodes_and_the_proof(tmp_path: Path) -> None:
    file = tmp_path / "nodes.yaml"
    file.write_text(NODES)
    facts = output("pack", "--nodes", file, "--loss", "none")
    assert facts["cost"] == pytest.approx(0.3)
    assert facts["gap"] == pytest.approx(0)
    assert sum(count for node in facts["nodes"] for count in node["pods"].values()) == 4
    assert output("pack", "--nodes", file)["cost"] == pytest.approx(0.4)  # three web pods need a fourth node
    assert "which is optimal" in run("pack", "--nodes", file, "--loss", "none").stdout


def test_schedule_prints_the_minimum_of_each_hour(tmp_path: Path) -> None:
    file = tmp_path / "load.csv"
    lines = [
        f"2026-11-{day:02}T{hour:02}:{minute:02}:00,{80 if 9 <= hour < 17 else 5}"
        for day in (1, 2)
        for hour in range(24)
        for minute in range(0, 60, 15)
    ]
    file.write_text("time,load\n" + "\n".join(lines))
    facts = output("schedule", file, "--replica", "10", "--slot", "15m")
    # The hour before also has eight replicas: they start a slot before the load.
    assert facts["minReplicas"] == [1] * 8 + [8] * 9 + [1] * 7
    assert facts["cost"]["plan"] < facts["cost"]["constant peak"]
    assert "09:00  8" in run("schedule", file, "--replica", "10", "--slot", "15m").stdout


@pytest.mark.parametrize(
    ("command", "content", "message"),
    [
        ("route", "[]", "must be a mapping with the keys backends, load"),
        ("route", "back: {}", "the key 'back' is unknown; the keys are backends, load"),
        ("route", "backends: {a: x}", "backends.a is 'x', but must be a number"),
        ("route", "backends: {a: 1}\nload: {b: {lod: 1}}", "load.b: the key 'lod' is unknown"),
        ("route", "backends: {a: 1}\nload: {b: {load: 1, backends: a}}", "load.b.backends is 'a'"),
        ("pack", "types: {}", "types is {}, which is of the wrong type"),
        ("pack", "types: [{name: a, cpu: 1, memory: 1Gi}]", r"types\[0\] has no price"),
        ("pack", NODES.replace("4Gi", "4 gigs"), r"types\[0\].memory is '4 gigs'"),
        ("pack", NODES.replace("price: 0.1}", "price: free}"), r"types\[0\].price is 'free'"),
        ("pack", NODES.replace("most: 3", "most: .nan"), r"types\[1\].most is nan, but must be a number"),
        ("pack", NODES.replace("pods: 20", "pods: .inf"), r"types\[1\].pods is inf, but must be a number"),
        ("pack", NODES.replace("500m", "50"), "a pod of web .* fits on no node type"),
        ("pack", NODES.replace("replicas: 3", "replica: 3"), r"workloads\[0\]: the key 'replica' is unknown"),
        ("pack", NODES.replace("perNode: 1}", "apart: cache}"), r"workloads\[0\].apart is 'cache'"),
        (
            "pack",
            NODES.replace("perNode: 1}", "apart: [cahce]}"),
            "workload web: apart names cahce, but the workloads are cache, web",
        ),
        ("schedule", "time,load\nnoon,1", "line 2: 'noon,1' is not a time and a number"),
        ("schedule", "time,load\n2026-01-01,nan", "line 2: the load is nan"),
        ("schedule", "time,load\n", "has no load"),
        ("schedule", "time,load\n2026-01-01T00:00:00,1", "slot 1 has no demand"),
    ],
)
def test_bad_files_are_refused_by_key_and_value(
    tmp_path: Path, command: str, content: str, message: str
) -> None:
    file = tmp_path / "file"
    file.write_text(content)
    options = {"route": (), "pack": ("--nodes",), "schedule": ("--replica", "1")}[command]
    result = run(command, *options, file)
    assert isinstance(result.exception, SlipwayError)
    with pytest.raises(SlipwayError, match=message):
        raise result.exception


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("20m", 1200), ("1.5h", 5400), ("7d", 604800)])
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "7", "d", "-1h", "0s", "1 week"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(SlipwayError, match="is not a duration"):
        seconds(text)
