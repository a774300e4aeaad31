"""The canary of a model: its Deployment, its steps, and what becomes of the stack file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from components import Autoscaling, Canary, ModelService
from components.kubernetes import model_reference
from components.validation import BadArgument
from slipway.cli import main
from slipway.cluster.kubectl import Cluster
from slipway.errors import SlipwayError
from slipway.images.model_card import CANARY as LABEL
from slipway.images.model_card import CARD
from slipway.images.model_image import Published
from slipway.images.references import Image
from slipway.models.watch import Answers, Watch
from slipway.promotion import canary, phases
from slipway.promotion.canary import Step
from slipway.promotion.lease import Lease
from slipway.promotion.options import CanaryOptions, PromotionOptions
from slipway.promotion.phases import Promotion, Prompter
from slipway.promotion.receipts import CheckResult, Outcome, Phase, Receipt, now
from slipway.promotion.verification import Target
from slipway.pulumi.operations import Run
from slipway.pulumi.project import Stack
from slipway.pulumi.stack_snapshot import StackSnapshot, stack_file
from tests.unit.conftest import Run as Engine
from tests.unit.models.making import DIGEST, card
from tests.unit.models.test_watch import answers
from tests.unit.recorder import Recorder

OLD, NEW = f"r/m@{DIGEST}", f"r/m@sha256:{'c' * 64}"


def served(engine: Engine, monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> Recorder:
    """Return what a service makes whose card has the digest of its model as name."""

    def read(image: Image, client: object) -> Published:
        return Published(card(name=image.digest[7:17]), 1)

    monkeypatch.setattr(model_reference, "read_model", read)
    given = {"namespace": "n", "model": OLD, "server": "s@sha256:1", **arguments}
    return engine(lambda: ModelService("scorer", **given) and None)


def test_the_second_version_has_pods_of_its_own_behind_the_same_service(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = served(engine, monkeypatch, canary=Canary(model=NEW, share=10), replicas=20)
    first, second = (item.inputs for item in recorder.of("Deployment"))
    assert [item["metadata"]["name"] for item in (first, second)] == ["scorer", "scorer-canary"]
    assert [item["spec"]["replicas"] for item in (first, second)] == [20, 2]
    labels = second["spec"]["template"]["metadata"]["labels"]
    assert labels.items() >= recorder.one("Service")["spec"]["selector"].items()
    assert LABEL in second["spec"]["selector"]["matchLabels"]
    assert LABEL not in first["spec"]["template"]["metadata"]["labels"]
    for deployment, model in ((first, OLD), (second, NEW)):
        pod, digest = deployment["spec"]["template"]["spec"], model.partition("@")[2]
        assert [item["image"] for item in pod["initContainers"]] == ["s@sha256:1", model]
        assert deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/scrape"] == "true"
        assert {"name": "MODEL_DIGEST", "value": digest} in pod["containers"][0]["env"]
        assert json.loads(deployment["metadata"]["annotations"][CARD])["name"] == digest[7:17]


@pytest.mark.parametrize(
    ("replicas", "share", "pods"), [(2, 10, 1), (2, 50, 2), (9, 10, 1), (20, 10, 2), (1, 99, 99), (3, 75, 9)]
)
def test_the_pods_of_a_share(replicas: int, share: int, pods: int) -> None:
    assert Canary(model=NEW, share=share).replicas(replicas) == pods


def test_with_an_autoscaler_the_share_is_of_its_fewest_pods(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = Autoscaling(min_replicas=4, max_replicas=9)
    recorder = served(engine, monkeypatch, canary=Canary(model=NEW, share=50), replicas=scale)
    assert [item.inputs["spec"].get("replicas") for item in recorder.of("Deployment")] == [None, 4]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"model": NEW, "share": -1}, "share"),
        ({"model": NEW, "share": 100}, "share"),
        ({"model": NEW, "share": "10"}, "share"),
        ({"model": "r/m:v1", "share": 10}, "must name one version by digest"),
        ({"model": NEW}, "share"),
        ({"model": NEW, "share": 10, "weight": 1}, "weight"),
    ],
)
def test_bad_canaries(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Canary(**arguments)


def test_a_canary_that_is_not_a_model_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(image: Image, client: object) -> Published:
        if str(image) == NEW:
            raise SlipwayError("it is not a model")
        return Published(card(), 1)

    monkeypatch.setattr(model_reference, "read_model", read)
    arguments: dict[str, Any] = {"namespace": "n", "model": OLD, "server": "s@sha256:1"}
    with pytest.raises(BadArgument, match=r"canary\.model is refused: it is not a model"):
        engine(lambda: ModelService("a", **arguments, canary=Canary(model=NEW, share=1)) and None)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--canary", "add --model"),
        ("--model --canary --pull-request", "choose one"),
        ("--model --canary --no-roll-back", "leave out --no-roll-back"),
        ("--model --canary --shares 10,x", "--shares is '10,x'"),
        ("--model --canary --shares 50,10", "--shares is '50,10'"),
        ("--model --canary --shares 100", "--shares is '100'"),
        ("--model --canary --step 60 --patience 60", "--patience is 60"),
        ("--model --with-model", "leave out --model"),
        ("--shadow", "add --model"),
        ("--model --shadow --step 900", "--patience is 900"),
    ],
)
def test_options_that_do_not_go_together(words: str, problem: str) -> None:
    main.load("promote")
    result = CliRunner().invoke(main.app, ["promote", "dev", "prod", *words.split()])
    assert isinstance(result.exception, SlipwayError)
    assert problem in str(result.exception)


class Steps:
    """A promotion by a canary, without a cluster: each step of it has a result."""

    name, project = "prod", "digits"

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, results: Iterator[bool]) -> None:
        self.receipt = Receipt(
            number=1, stack="prod", source="dev", setting="model", image=NEW, previous=OLD,
            previous_setting=OLD, who="me", started=now(), options=PromotionOptions(canary=CanaryOptions()),
        )  # fmt: skip
        path = tmp_path / "Pulumi.prod.yaml"
        path.write_text(f"config:\n  digits:model: {OLD}\n  digits:other: 1\n")
        self.stack: Any = SimpleNamespace(
            name="prod", file=path, project=SimpleNamespace(name="digits", directory=tmp_path), up=self.up
        )
        self.file = stack_file(cast(Stack, self.stack), "model")
        self.updates: list[str] = []
        self.changes, self.asked = 1, 0

        def preview(stack: Any, options: Any, save_plan: Path) -> Any:
            save_plan.write_text("{}")
            run = SimpleNamespace(
                check=lambda text: None, summary=SimpleNamespace(changes=[1] * self.changes)
            )
            return SimpleNamespace(run=run, report=None)

        def watch(step: Step, info: Any) -> list[CheckResult]:
            return [CheckResult(name=f"canary {step.share} %: errors", passed=next(results), detail="d")]

        monkeypatch.setattr(phases, "preview", preview)
        monkeypatch.setattr(phases, "Report", lambda stacks: None)
        fingerprint = SimpleNamespace(check_unchanged=lambda *_: None)
        monkeypatch.setattr(phases, "Fingerprint", SimpleNamespace(from_snapshot=lambda *_: fingerprint))
        monkeypatch.setattr(Promotion, "_compare_models", lambda self: None)
        monkeypatch.setattr(Promotion, "_checked", lambda self, image: image)
        monkeypatch.setattr(Promotion, "_verify", lambda *_: "")
        monkeypatch.setattr(Step, "run", watch)

    def up(self, **_: Any) -> Run:
        self.updates.append(" ".join(self.stack.file.read_text().split()[1:]))
        return Run([])

    def reload(self) -> "Steps":
        return self

    def record(self, **changes: Any) -> None:
        self.receipt = self.receipt.model_copy(update=changes)

    @property
    def closed(self) -> bool:
        return self.receipt.outcome is not Outcome.OPEN

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        yield

    def close(self, outcome: Outcome, reason: str = "") -> None:
        self.record(outcome=outcome, reason=reason)

    def run(self, agrees: bool = True) -> Receipt:
        def confirm(question: str) -> bool:
            self.asked += 1
            return agrees

        prompter = Prompter(lambda text: None, lambda report: None, confirm)
        options = self.receipt.options or PromotionOptions()
        return Promotion(cast(StackSnapshot, self), cast(Lease, self), options, prompter).run()


def configuration(model: str, share: int | None = None) -> str:
    entry = f" digits:canary: {json.dumps({'model': NEW, 'share': share})}" if share else ""
    return f"digits:model: {model} digits:other: 1{entry}"


def test_a_canary_advances_by_itself_and_asks_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(tmp_path, monkeypatch, iter([True, True]))
    receipt = steps.run()
    assert receipt.outcome is Outcome.VERIFIED
    assert steps.updates == [configuration(OLD, 10), configuration(OLD, 50), configuration(NEW)]
    assert [check.name for check in receipt.checks] == ["canary 10 %: errors", "canary 50 %: errors"]
    assert steps.asked == 1


@pytest.mark.parametrize("results", [(False,), (True, False)])
def test_a_canary_rolls_back_by_itself(
    results: tuple[bool, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps(tmp_path, monkeypatch, iter(results))
    receipt = steps.run()
    shares = (10, 50)[: len(results)]
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert receipt.reason == f"canary {shares[-1]} %: errors: d"
    assert steps.updates == [*(configuration(OLD, share) for share in shares), configuration(OLD)]


def test_a_declined_canary_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(tmp_path, monkeypatch, iter([]))
    before = steps.file.text()
    assert steps.run(agrees=False).outcome is Outcome.ABANDONED
    assert (steps.updates, steps.file.text()) == ([], before)


def test_a_program_without_canaries_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(tmp_path, monkeypatch, iter([]))
    before, steps.changes = steps.file.text(), 0
    with pytest.raises(SlipwayError, match="makes nothing of digits:canary"):
        steps.run()
    assert (steps.updates, steps.file.text(), steps.receipt.outcome) == ([], before, Outcome.ABANDONED)


def test_an_interrupted_canary_begins_again_without_a_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps(tmp_path, monkeypatch, iter([True, True]))
    steps.record(phase=Phase.CANARY)
    steps.file.change({"digits:canary": canary.entry(Image.parse(NEW), 50)})
    assert steps.run().outcome is Outcome.VERIFIED
    assert steps.updates == [configuration(OLD, 10), configuration(OLD, 50), configuration(NEW)]
    assert steps.asked == 0


def test_an_interrupted_canary_is_rolled_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(tmp_path, monkeypatch, iter([]))
    steps.file.change({"digits:canary": canary.entry(Image.parse(NEW), 50)})
    steps.record(phase=Phase.ROLLING_BACK, reason="interrupted")
    assert steps.run().outcome is Outcome.ROLLED_BACK
    assert steps.updates == [configuration(OLD)]


QUICK = CanaryOptions(step_s=0, min_requests=100, patience_s=0.05)


@pytest.mark.parametrize(
    ("challenger", "restarted", "result"),
    [
        (answers(), [], ("predictions", True)),
        (answers(good=99), [], ("requests", False)),
        (answers(good=200, bins=(10, 0)), [], ("requests", False)),
        (answers(bad=50), [], ("errors", False)),
        (answers(), ["scorer-canary-1"], ("restarts", False)),
    ],
)
def test_the_end_of_a_step(
    challenger: Answers, restarted: list[str], result: tuple[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = card(predictions={"classes": [0, 1], "counts": [1, 1]})
    monkeypatch.setattr(canary, "read_model", lambda image: Published(expected, 1))
    monkeypatch.setattr(canary, "PERIOD_S", 0.01)
    monkeypatch.setattr(canary, "pods_of", lambda *_: [1])
    monkeypatch.setattr(canary, "serving", lambda target, canary: {"canary": canary})
    monkeypatch.setattr(Watch, "begin", lambda self: None)
    monkeypatch.setattr(Watch, "answers", lambda self: challenger if self.workload["canary"] else answers())
    monkeypatch.setattr(Watch, "restarted", lambda self: restarted if self.workload["canary"] else [])
    first, second = (
        Target("prod", Cluster("nowhere"), (), Image.parse(image), print) for image in (OLD, NEW)
    )
    last = Step(first, second, 10, QUICK).run(lambda text: None)[-1]
    assert (last.name, last.passed) == (f"canary 10 %: {result[0]}", result[1])
    assert last.detail.endswith("(1 of 2 pods)")
