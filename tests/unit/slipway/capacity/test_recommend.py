"""Recommendations, and how they reach the stack file, the preview and the status."""

import json
import math
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from slipway import status
from slipway.capacity import sampling
from slipway.capacity.recommend import Amounts, Container, as_quantities, containers, recommend
from slipway.capacity.sizing import Prices
from slipway.capacity.usage import Sample, Throttling, Usage
from slipway.cli.capacity import capacity
from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import StackObject
from slipway.errors import SlipwayError
from slipway.preview.rules import Level, Situation
from slipway.preview.rules.usage import requests
from slipway.pulumi.events import summarise
from slipway.pulumi.stack_file import StackFile
from slipway.pulumi.stack_snapshot import StackSnapshot
from tests.unit.slipway.engine import step
from tests.unit.slipway.preview.rules.test_rules import DEPLOYMENT, workload

MIB = 2.0**20
DAY = 86400.0
TODAY = Amounts(cpu_request=0.25, cpu_limit=0.5, memory_request=200 * MIB, memory_limit=256 * MIB)
PRICES = Prices()


def usage(memory: float = 50 * MIB, growth: float = 0.0, **more: Any) -> Usage:
    samples = (
        Sample(1e9 + n * 300, "web-1", 0.05 + n % 5 / 100, memory + n * growth + n % 7) for n in range(300)
    )
    return Usage("web", "web", tuple(samples), **more)


def proposal(measured: Usage | None, prices: Prices = PRICES, today: Amounts = TODAY) -> Any:
    return recommend(Container("web", "web", 3, today), measured, prices, budget=0.01, least_s=DAY)


def throttling(limit: float | None, share: float, seconds: float = DAY) -> Throttling:
    return Throttling(limit, 1000, 1000 * share, seconds)


def test_requests_fall_to_what_is_used() -> None:
    found = proposal(usage(throttling=(throttling(0.5, 0.0),)))
    assert found.proposed.cpu_request == pytest.approx(0.09)
    assert 50 < found.proposed.memory_request / MIB < 200
    assert found.proposed.memory_request == found.proposed.memory_limit
    assert found.proposed.cpu_request <= found.proposed.cpu_limit < TODAY.cpu_limit
    saved = 0.16 * 0.03 + (200 - found.proposed.memory_request / MIB) / 1024 * 0.004
    assert found.saved == pytest.approx(3 * 730 * saved, rel=1e-3)


def test_a_higher_price_of_a_kill_gives_more_memory() -> None:
    sizes = [proposal(usage(), Prices(kill=price)).proposed.memory_request for price in (0.01, 1, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]


def test_the_margin_ends_at_a_limit_that_was_never_reached() -> None:
    assert proposal(usage(200 * MIB), Prices(kill=1e6)).proposed.memory_limit == 256 * MIB
    assert proposal(usage(250 * MIB), Prices(kill=1e6)).proposed.memory_limit > 256 * MIB


def test_a_kill_raises_the_limit() -> None:
    found = proposal(usage(kills={256 * MIB: 1}))
    assert found.proposed.memory_limit == math.ceil(1.2 * 256) * MIB
    assert any("killed for lack of memory 1 times, at a limit of 256Mi" in risk for risk in found.risks)


def applied(measured: Usage) -> list[Any]:
    """Return four proposals, of which each is applied, and nothing new is measured."""
    found = [TODAY]
    for _ in range(4):
        found.append(proposal(measured, Prices(kill=0.0001), found[-1]).proposed)
    return found[1:]


@pytest.mark.parametrize(
    ("at", "limits"), [(256 * MIB, [308] * 4), (200 * MIB, [240] * 4), (None, [256] * 4)], ids=str
)
def test_a_kill_of_the_past_raises_the_limit_once(at: float | None, limits: list[int]) -> None:
    """A kill at an unknown limit, as files of earlier versions have it, keeps the limit of today."""
    assert [item.memory_limit / MIB for item in applied(usage(kills={at: 1}))] == limits


def test_a_kill_under_a_lower_limit_than_that_of_today_does_not_lift_the_cap() -> None:
    today, dear = TODAY.model_copy(update={"memory_limit": 320 * MIB}), Prices(kill=1e9)
    assert proposal(usage(kills={256 * MIB: 1}), dear, today).proposed.memory_limit == 320 * MIB
    assert proposal(usage(kills={320 * MIB: 1}), dear, today).proposed.memory_limit > 1.2 * 320 * MIB


def test_throttling_of_the_past_raises_the_limit_once() -> None:
    found = applied(usage(throttling=(throttling(0.5, 0.2),)))
    assert [item.cpu_limit for item in found] == pytest.approx([0.75] * 4)


def test_a_limit_under_which_it_was_throttled_is_not_proposed_again() -> None:
    """Under 0.75 it is not throttled, and uses little; but that it was throttled under 0.5 is known."""
    measured = usage(throttling=(throttling(0.5, 0.2), throttling(0.75, 0.0)))
    assert [item.cpu_limit for item in applied(measured)] == pytest.approx([0.75] * 4)


@pytest.mark.parametrize(
    ("measured", "risk"),
    [
        ((), "throttling was not measured, so"),
        ((throttling(None, 0.2),), "not measured long enough under the CPU limit of today"),
        ((throttling(0.4, 0.0),), "not measured long enough under the CPU limit of today"),
        ((throttling(0.5, 0.0, seconds=DAY / 2),), "not measured long enough under the CPU limit of today"),
        ((throttling(None, 0.6),), "throttled in 60% of its periods, under an unknown limit"),
        ((throttling(0.5, 0.0),), None),
    ],
    ids=str,
)
def test_the_cpu_limit_stays_unless_throttling_is_known_for_it(
    measured: tuple[Throttling, ...], risk: str | None
) -> None:
    found = proposal(usage(throttling=measured))
    assert (found.proposed.cpu_limit == TODAY.cpu_limit) is (risk is not None)
    assert any(risk in text for text in found.risks) if risk else "throttl" not in str(found.risks)


def test_heavy_throttling_raises_the_limit_however_short_it_was_measured() -> None:
    found = proposal(usage(throttling=(throttling(0.5, 0.6, seconds=DAY / 2),)))
    assert found.proposed.cpu_limit == pytest.approx(0.75)


def test_little_throttling_under_an_unknown_limit_is_no_risk() -> None:
    assert "under an unknown limit" not in str(proposal(usage(throttling=(throttling(None, 0.005),))).risks)


def test_without_measured_throttling_the_cpu_limit_stays() -> None:
    found = proposal(usage())
    assert found.proposed.cpu_limit == TODAY.cpu_limit
    assert "throttling was not measured, so the CPU limit is not lowered" in found.risks


def test_a_container_without_limits_gets_none() -> None:
    found = proposal(usage(), today=Amounts(cpu_request=0.25)).proposed
    assert (found.cpu_limit, found.memory_limit) == (None, None)


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (None, "it was not measured"),
        (Usage("web", "web", ()), "there are no samples"),
        (usage(growth=MIB / 4), "its memory grows by 3Mi an hour without an end"),
    ],
)
def test_no_recommendation_comes_from_nonsense(measured: Usage | None, reason: str) -> None:
    found = proposal(measured)
    assert found.proposed is None
    assert reason in found.refused


def test_amounts_are_written_as_kubernetes_reads_them() -> None:
    written = as_quantities(Amounts(cpu_request=1.0, cpu_limit=0.0255, memory_request=1.5 * MIB))
    assert written == {("requests", "cpu"): "1000m", ("limits", "cpu"): "26m", ("requests", "memory"): "2Mi"}


FILE = "config:\n  slipway:web:\n    replicas: 2 # two\n"


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return a stack with one workload and a day of samples, whose preview succeeds."""
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(FILE)
    manifest = workload()
    item = StackObject("urn", "apps/v1", "Deployment", "shop", "web", manifest)
    run = SimpleNamespace(failure_reason=None)
    fake = SimpleNamespace(
        project="slipway", name="dev", objects=[item], file=StackFile(path, "slipway:image"), run=run,
        stack=SimpleNamespace(
            project=SimpleNamespace(directory=tmp_path),
            preview=lambda: run,
        ),
    )  # fmt: skip
    monkeypatch.setattr(StackSnapshot, "read", lambda *_: fake)
    command = sys.modules["slipway.cli.capacity.recommend"]  # the package has a function of that name
    monkeypatch.setattr(command, "Project", lambda cwd: cwd)
    samples = sampling.file_of(tmp_path, "dev")
    samples.parent.mkdir()
    lines = [
        {
            "time": f"2026-01-{1 + n // 96:02}T{n // 4 % 24:02}:{n % 4 * 15:02}:00Z", "workload": "web",
            "container": "web", "pod": "web-1", "cpu": 0.05, "memory": 50 * MIB,
        }
        for n in range(200)
    ]  # fmt: skip
    samples.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return fake


def run(*arguments: str) -> Result:
    return CliRunner().invoke(capacity, ["recommend", "dev", *arguments])


def test_the_command_prints_today_and_the_proposal(stack: SimpleNamespace) -> None:
    [found] = json.loads(run("--json").stdout)
    assert (found["today"]["cpu_request"], found["proposed"]["cpu_request"]) == (0.5, 0.05)
    output = run().stdout
    assert re.search(r"web +today +500m +none +1024Mi", output)
    assert re.search(r"proposed +50m +none +\d+Mi", output)
    assert "risk: it is killed if it needs" in output


def test_write_adds_lines_and_keeps_comments(stack: SimpleNamespace) -> None:
    assert run("--write").exit_code == 0
    assert re.fullmatch(
        re.escape(FILE) + r"    resources:\n      requests:\n        cpu: 50m\n        memory: \d+Mi\n",
        stack.file.text(),
    )


def test_write_takes_another_key(stack: SimpleNamespace) -> None:
    assert run("--write", "--key", "web=redis.resources").exit_code == 0
    assert "  slipway:redis:\n    resources:\n      requests:\n        cpu: 50m\n" in stack.file.text()


def test_a_file_that_the_program_refuses_is_rolled_back(stack: SimpleNamespace) -> None:
    stack.run.failure_reason = "requests.memory is below what the program needs"
    result = run("--write")
    assert isinstance(result.exception, SlipwayError)
    assert "was not changed, because a preview with these values fails: requests.memory" in str(
        result.exception
    )
    assert stack.file.text() == FILE


def test_a_key_without_a_path_is_refused(stack: SimpleNamespace) -> None:
    assert "--key is 'web', but must be WORKLOAD=KEY" in str(run("--key", "web").exception)


def test_the_page_has_the_numbers_and_a_plot_of_each_resource(stack: SimpleNamespace, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run("--html", str(page)).exit_code == 0
    assert page.read_text().count("<svg") == 2
    assert "<td>500m</td>" in page.read_text() and "<td>50m</td>" in page.read_text()


def test_too_short_a_history_exits_with_2(stack: SimpleNamespace) -> None:
    result = run("--history", "30d")
    assert result.exit_code == 2
    assert "no recommendation: the history covers 2.07 d, but must cover 30 d" in result.stdout


@pytest.mark.parametrize(("history", "code"), [("1d", 0), ("30d", 2)])
def test_measure_prints_the_history_and_whether_it_is_enough(
    stack: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, history: str, code: int
) -> None:
    module = sys.modules["slipway.cli.capacity.measure"]
    monkeypatch.setattr(module, "Project", lambda cwd: cwd)
    monkeypatch.setattr(module, "live_objects", lambda *_: {})
    stack.cluster = Cluster("test")
    result = CliRunner().invoke(capacity, ["measure", "dev", "--history", history], env={"COLUMNS": "200"})
    assert result.exit_code == code
    assert re.search(r"web +2.07 d +200 +50m +50Mi +unknown +0", result.stdout)
    assert ("must cover 30 d" in result.stdout) is (code == 2)


def reasons(peaks: tuple[float, float], cpu: str = "500m", memory: str = "1Gi") -> list[str]:
    new = workload()
    new["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"] = {"cpu": cpu, "memory": memory}
    summary = summarise([step("update", DEPLOYMENT, "web", workload(), new, {"spec.template": "update"})])
    found = list(requests(Situation(summary.changes, peaks={("web", "web"): peaks})))
    assert all(item.level is Level.ATTENTION for item in found)
    return [item.reason for item in found]


def test_a_preview_warns_of_a_new_request_far_from_the_measured_use() -> None:
    assert reasons((0.1, 900 * MIB), cpu="401m") == [
        "Deployment web requests 401m of cpu in container web, but used at most 100m while it was measured:"
        " see `slipway capacity recommend`"
    ]
    assert "requests 512Mi of memory" in reasons((0.1, 600 * MIB), cpu="400m", memory="512Mi")[0]
    assert reasons((0.1, 600 * MIB), cpu="400m", memory="600Mi") == []


def test_a_preview_is_silent_about_a_request_that_stays() -> None:
    assert reasons((0.001, MIB)) == []


def test_status_shows_the_use_next_to_the_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    item = StackObject("urn", "apps/v1", "Deployment", "shop", "web", workload())
    monkeypatch.setattr(status, "current_use", lambda *_: {"web": (2, 0.02, 100 * MIB)})
    assert list(status._usage(Cluster("test"), [item])) == [
        "web uses 20m of 1 CPU and 100Mi of 2Gi memory in 2 pods"
    ]


def test_the_replicas_of_a_workload_without_a_number_are_one() -> None:
    manifest = workload()
    del manifest["spec"]["replicas"]
    assert [item.replicas for item in containers([manifest, {"kind": "Service"}])] == [1]
