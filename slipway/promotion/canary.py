"""The steps of a canary: a second version of a model answers a share of the requests, and is watched."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from slipway import interrupts
from slipway.cluster.kubectl import Object
from slipway.cluster.rollout import pods_of
from slipway.errors import SlipwayError
from slipway.images.model_card import CANARY as LABEL
from slipway.images.model_card import Predictions
from slipway.images.model_image import read_model
from slipway.images.references import Image
from slipway.models.comparison import Verdict
from slipway.models.watch import Answers, Watch, errors, needed_predictions, verdicts
from slipway.promotion.options import CanaryOptions
from slipway.promotion.receipts import CheckResult
from slipway.promotion.verification import Target

PERIOD_S = 1.0


def entry(image: Image, share: int) -> str:
    """Return the value of the key `canary` in a stack file; JSON is YAML too."""
    return json.dumps({"model": str(image), "share": share})


def serving(target: Target, *, canary: bool) -> Object:
    """Return the workload of a stack that serves a model, as its canary or as its first version."""
    for workload in target.workloads():
        if (LABEL in (workload["spec"]["template"]["metadata"].get("labels") or {})) == canary:
            return workload
    name = "canary " if canary else ""
    raise SlipwayError(f"no {name}workload of {target.stack} serves {target.image}: `slipway recover`")


@dataclass(frozen=True)
class Step:
    """A step of a canary: both versions answer requests, and are compared by their metrics."""

    champion: Target
    challenger: Target
    share: int
    options: CanaryOptions

    def run(self, info: Callable[[str], None]) -> list[CheckResult]:
        """Watch until the step can be judged, or has failed; the last result is the failure, if any."""
        first, second = serving(self.champion, canary=False), serving(self.challenger, canary=True)
        pods = [len(pods_of(self.champion.cluster, workload)) for workload in (first, second)]
        info(f"Watching {pods[1]} of {sum(pods)} pods serve {self.challenger.image}…")
        start = time.monotonic()
        found = self._watch(Watch(self.champion.cluster, first), Watch(self.challenger.cluster, second))
        seconds = round(time.monotonic() - start, 1)
        results = []
        for name, verdict in found:
            info(f"{'✓' if verdict.passed else '✗'} {name}: {verdict.detail}")
            detail = f"{verdict.detail} ({pods[1]} of {sum(pods)} pods)" if self.share else verdict.detail
            check = f"{f'canary {self.share} %' if self.share else 'shadow'}: {name}"
            results.append(CheckResult(name=check, passed=verdict.passed, detail=detail, seconds=seconds))
            if not verdict.passed:
                break
        return results

    def _watch(self, champion: Watch, challenger: Watch) -> list[tuple[str, Verdict]]:
        expected = [read_model(target.image).card.predictions for target in (self.champion, self.challenger)]
        champion.begin()
        challenger.begin()
        start = time.monotonic()
        while True:
            interrupts.check()
            time.sleep(PERIOD_S)
            answers = champion.answers(), challenger.answers()
            elapsed = time.monotonic() - start
            if restarted := challenger.restarted():
                return [("restarts", Verdict(False, f"containers restarted: {', '.join(restarted)}"))]
            failing = errors(*answers, self.options)
            if not failing.passed:
                return [("errors", failing)]
            if missing := self._missing(answers[1], expected[1]):
                if elapsed > self.options.patience_s:
                    return [("requests", Verdict(False, f"{missing} within {self.options.patience_s:g} s"))]
            elif elapsed >= self.options.step_s:
                shadow = [] if self.share else [("agreement", Verdict(True, answers[0].agreement))]
                return [*shadow, *verdicts(*answers, self.options, expected)]

    def _missing(self, answers: Answers, expected: Predictions | None) -> str:
        """Return what is missing for a judgement; empty if nothing is."""
        if answers.requests < self.options.min_requests:
            return f"it answered {answers.requests} requests, and a step takes {self.options.min_requests}"
        if answers.predictions < (needed := needed_predictions(expected)):
            return f"it predicted {answers.predictions} rows, and a comparison takes {needed}"
        return ""
