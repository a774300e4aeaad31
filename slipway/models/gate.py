"""The gate of a model: before a promotion changes the stack, the challenger is compared with the champion.

Both run in a pod like those of the service, with its image and its limits, on the held-out rows of the
champion. The program of the comparison is components/model_server/evaluate.py.
"""

import copy
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slipway import interrupts
from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.pods import check_start, exit_code, main_container, one_off_pod, read_pod
from slipway.errors import SlipwayError
from slipway.images.model_card import INTERFACE, Card
from slipway.images.model_image import read_model
from slipway.images.references import Image
from slipway.models.comparison import Verdict, compare_classes, compare_errors
from slipway.promotion.options import GateOptions
from slipway.promotion.receipts import CheckResult

TIMEOUT_S = 300
NOTICEABLE_S = 0.001
"""A challenger that is slower by less is not refused for it: such differences are noise."""
EVALUATE = ("python", "/app/evaluate.py")
CHALLENGER = "challenger"


@dataclass(frozen=True)
class Gate:
    """The comparison of two models."""

    cluster: Cluster
    workload: Object
    """The workload that serves the champion."""
    champion: Image
    challenger: Image
    options: GateOptions
    server: str | None = None
    """The image of the server that is promoted together with the challenger."""

    def run(self, info: Callable[[str], None]) -> list[CheckResult]:
        """Compare the models until a check fails; the last result is the failure, if there is one."""
        results: list[CheckResult] = []
        start = time.monotonic()
        for name, verdict in self._verdicts():
            seconds = round(time.monotonic() - start, 1)
            results.append(
                CheckResult(
                    name=f"gate: {name}", passed=verdict.passed, detail=verdict.detail, seconds=seconds
                )
            )
            info(f"{'✓' if verdict.passed else '✗'} {name}: {verdict.detail}")
            if not verdict.passed:
                break
            start = time.monotonic()
        return results

    def _verdicts(self) -> Iterator[tuple[str, Verdict]]:
        champion, challenger = read_model(self.champion).card, read_model(self.challenger).card
        yield "inputs and outputs", same_interface(champion, challenger)
        yield "held-out rows", same_held_out(champion, challenger)
        measured = self._measure()
        if error := measured.get("error"):
            yield "comparison", Verdict(False, f"the models cannot be compared: {error}")
            return
        yield "leak", no_leak(champion, measured)
        compare = compare_classes if champion.task == "classification" else compare_errors
        outcomes = measured["outcomes"]
        yield "quality", compare(outcomes[0], outcomes[1], self.options.margin, self.options.confidence)
        yield "latency", latency(measured["latencies"], self.options.max_latency)
        yield "size", size(measured["sizes"], self.options.max_size)

    def _measure(self) -> dict[str, Any]:
        """Return what the program of the comparison prints."""
        pod = self.cluster.create(comparing_pod(self.workload, self.champion, self.challenger, self.server))
        metadata = pod["metadata"]
        where = (metadata["name"], "-n", metadata["namespace"])
        try:
            self._wait(pod)
            log = self.cluster.kubectl("logs", *where, "-c", main_container(pod)["name"])
        finally:
            self.cluster.kubectl("delete", "pod", *where, "--ignore-not-found", "--wait=false")
        try:
            measured: dict[str, Any] = json.loads(log.strip().splitlines()[-1])
        except (ValueError, IndexError):
            return {"error": f"the comparison printed {log.strip()[-500:] or 'nothing'}"}
        return measured

    def _wait(self, pod: Object) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            current = read_pod(self.cluster, pod)
            check_start(current)
            if exit_code(current) is not None:
                return
            interrupts.check()
            if time.monotonic() > deadline:
                raise SlipwayError(f"the comparison of the models did not end within {TIMEOUT_S} s")
            time.sleep(0.5)


def comparing_pod(workload: Object, champion: Image, challenger: Image, server: str | None = None) -> Object:
    """Return a pod like those that serve the champion, which has both models and compares them."""
    directory = next(
        (
            variable.get("value", "")
            for variable in main_container(workload["spec"]["template"]).get("env") or ()
            if variable["name"] == "MODEL_DIRECTORY"
        ),
        "",
    )
    pod = one_off_pod(workload, ())
    copying = next(
        (item for item in pod["spec"].get("initContainers") or () if item["image"].endswith(champion.digest)),
        None,
    )
    if not directory or copying is None:
        raise SlipwayError(
            f"{workload['kind']} {workload['metadata']['name']} does not serve its model as ModelService does"
        )
    second = copy.deepcopy(copying)
    target = f"{copying['command'][-1]}/{CHALLENGER}"
    second.update(name=CHALLENGER, image=str(challenger), command=[*copying["command"][:-1], target])
    pod["spec"]["initContainers"].append(second)
    main_container(pod)["command"] = [*EVALUATE, directory, target]
    served_by = main_container(pod)["image"]
    for volume in pod["spec"]["volumes"]:
        volume.get("emptyDir", {}).pop("sizeLimit", None)  # it holds two models
    for container in (*pod["spec"]["initContainers"], *pod["spec"]["containers"]):
        if server and container["image"] == served_by:
            container["image"] = server
        for amounts in (container.get("resources") or {}).values():
            if isinstance(amounts, dict):
                amounts.pop("ephemeral-storage", None)
    return pod


def same_interface(champion: Card, challenger: Card) -> Verdict:
    """Return whether requests to the champion fit the challenger."""
    if champion.task != challenger.task:
        return Verdict(False, f"the task is {challenger.task}, and was {champion.task}")
    for kind in INTERFACE:
        before, after = champion.interface(kind), challenger.interface(kind)
        if before != after:
            return Verdict(
                False,
                f"the {kind} are {after}, and were {before}: callers would fail. Serve it as another"
                " ModelService, and move the callers",
            )
    return Verdict(True, "the same as before")


def same_held_out(champion: Card, challenger: Card) -> Verdict:
    """Return whether both cards name the same held-out rows."""
    if champion.held_out != challenger.held_out:
        return Verdict(
            False,
            f"the challenger's card names the held-out rows {challenger.held_out.sha256[:12]}, and the"
            f" champion's {champion.held_out.sha256[:12]}: compare models on the same rows",
        )
    return Verdict(True, f"{champion.held_out.rows} rows, sha256 {champion.held_out.sha256[:12]}")


def no_leak(champion: Card, measured: dict[str, Any]) -> Verdict:
    """Return whether the rows are the champion's, and the challenger was not trained on them."""
    if measured["held_out"] != champion.held_out.sha256:
        return Verdict(False, "the held-out rows of the champion are not those that its card names")
    if leaked := measured["leaked"]:
        return Verdict(False, f"{leaked} of {measured['rows']} held-out rows are in the training data")
    return Verdict(True, "no held-out row is in the training data")


def latency(seconds: Sequence[float], limit: float) -> Verdict:
    """Return whether the challenger is fast enough, by the 95th percentiles of both."""
    champion, challenger = seconds
    passed = challenger <= champion * limit or challenger - champion <= NOTICEABLE_S
    text = f"p95 of one row {champion * 1000:.2f} ms → {challenger * 1000:.2f} ms"
    return Verdict(passed, text if passed else f"{text}, more than {limit:g} times as long")


def size(sizes: Sequence[int], limit: float) -> Verdict:
    """Return whether the challenger is small enough, by the bytes of both."""
    champion, challenger = sizes
    text = f"{champion} → {challenger} bytes"
    passed = challenger <= champion * limit
    return Verdict(passed, text if passed else f"{text}, more than {limit:g} times as many")
