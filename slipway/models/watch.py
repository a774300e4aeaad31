"""What the versions of a model answer next to each other, by the metrics of their pods."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.pods import main_container
from slipway.cluster.rollout import pods_of
from slipway.errors import SlipwayError
from slipway.images.model_card import Predictions
from slipway.models.comparison import Verdict
from slipway.models.gate import latency
from slipway.promotion.options import CanaryOptions

PREDICTIONS_PER_BIN = 20
"""Below, the index is too often high by chance: its mean is about bins by predictions."""
COMPARABLE = 20
"""The answers below which a latency is not compared."""
_SAMPLE = re.compile(
    r"^model_(?:requests_total|request_seconds_bucket|predictions_total|shadow_total)"
    r'\{.*\b(?P<label>code|le|bin|result)="(?P<value>[^"]*)"\} (?P<count>[0-9]+)$',
    re.MULTILINE,
)
_STARTED = re.compile(r"^process_start_time_seconds (?P<time>\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Answers:
    """What a version has answered in a period: numbers by label (code, le, bin or result) and value."""

    counts: Counter[tuple[str, str]]

    @classmethod
    def parse(cls, metrics: str) -> "Answers":
        """Parse the metrics of a model server."""
        found = _SAMPLE.finditer(metrics)
        return cls(Counter({(item["label"], item["value"]): int(item["count"]) for item in found}))

    def _by(self, label: str) -> dict[str, int]:
        return {value: count for (name, value), count in self.counts.items() if name == label}

    @property
    def requests(self) -> int:
        """The number of requests."""
        return sum(self._by("code").values())

    @property
    def failed(self) -> int:
        """The number of requests without an inference."""
        return self.requests - self._by("code").get("200", 0)

    @property
    def predictions(self) -> int:
        """The number of rows that were predicted."""
        return sum(self._by("bin").values())

    @property
    def agreement(self) -> str:
        """How the answers of a shadow agree."""
        counts = self._by("result")
        same, other = counts.get("same", 0), counts.get("other", 0)
        share = f"{same / (same + other):.4f}" if same + other else "unknown"
        return (
            f"{share}: {same} of {same + other} answers are the champion's;"
            f" {counts.get('failed', 0)} copies failed, {counts.get('left out', 0)} requests were not copied"
        )

    def by_bin(self, bins: int) -> list[int]:
        """Return the number of predictions in each bin, and in one more if there were other classes."""
        counts = {int(place): count for place, count in self._by("bin").items() if count}
        return [counts.get(place, 0) for place in range(max(bins, *(place + 1 for place in counts), 0))]

    def quantile(self, share: float) -> float:
        """Return a quantile of the durations in seconds, linear within a bucket of the histogram."""
        rank, low, before = share * self._by("le").get("+Inf", 0), 0.0, 0
        for bound, count in sorted((float(value), count) for value, count in self._by("le").items()):
            if count >= rank and count > before:
                return low if math.isinf(bound) else low + (bound - low) * (rank - before) / (count - before)
            low, before = bound, count
        return 0.0


@dataclass
class Watch:
    """The answers of the pods of a workload since the watch began."""

    cluster: Cluster
    workload: Object
    _total: Counter[tuple[str, str]] = field(default_factory=Counter)
    _latest: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    _started: dict[str, set[str]] = field(default_factory=dict)
    """When the server of each pod has started, by its metrics: each time that was read."""
    _restarts: dict[str, int] = field(default_factory=dict)
    """The restarts of the containers of each pod, when its metrics were last read."""
    _restarts_before: dict[str, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Read the metrics of all pods, from which the watch counts."""
        self._read()
        self._total.clear()
        self._restarts_before = self._restarts

    def answers(self) -> Answers:
        """Read the metrics again; a pod that cannot be reached counts by its last ones."""
        self._read()
        return Answers(self._total.copy())

    def restarted(self) -> list[str]:
        """Return the pods that have restarted between the begin and the last `answers`.

        A server may restart within its container, as the worker of gunicorn does after a crash.
        """
        return [
            pod
            for pod, count in self._restarts.items()
            if count > self._restarts_before.get(pod, 0) or len(self._started.get(pod, ())) > 1
        ]

    def _read(self) -> None:
        port = main_container(self.workload["spec"]["template"])["ports"][0]["containerPort"]
        errors = []
        pods = pods_of(self.cluster, self.workload)
        self._restarts = {
            pod["metadata"]["name"]: sum(
                status["restartCount"] for status in pod["status"].get("containerStatuses") or ()
            )
            for pod in pods
        }
        for pod in pods:
            metadata = pod["metadata"]
            path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}:{port}/proxy/metrics"
            try:
                metrics = self.cluster.kubectl("get", "--raw", path)
            except SlipwayError as error:
                errors.append(error)
            else:
                self._count(metadata["name"], metrics)
        if errors and len(errors) == len(pods):
            raise SlipwayError(
                f"the metrics of {self.workload['metadata']['name']} cannot be read: {errors[0]}"
            )

    def _count(self, pod: str, metrics: str) -> None:
        """Add what a pod has answered since its metrics were last read."""
        counts = Answers.parse(metrics).counts
        # A new pod counts from zero. One that was there at the begin, and could not be read, from now.
        before = self._latest.get(pod, counts if pod in self._restarts_before else Counter())
        if any(counts[key] < count for key, count in before.items()):
            before = Counter()  # the server has restarted, and counts from zero
        # `update` keeps the zeros, which `+` drops: an empty bucket of a histogram is a fact.
        self._total.update({key: count - before[key] for key, count in counts.items()})
        self._latest[pod] = counts
        self._started.setdefault(pod, set()).update(_STARTED.findall(metrics))


def verdicts(
    champion: Answers, challenger: Answers, options: CanaryOptions, expected: Sequence[Predictions | None]
) -> Iterator[tuple[str, Verdict]]:
    """Yield what a period shows of the challenger, by name; `expected` is of the cards of both."""
    yield "errors", errors(champion, challenger, options)
    yield "latency", latencies(champion, challenger, options.max_latency)
    yield "predictions", predictions((champion, challenger), expected, options.max_shift)


def errors(champion: Answers, challenger: Answers, options: CanaryOptions) -> Verdict:
    """Return whether the challenger fails more often, by what is certain even if all else were answered."""
    usual = champion.failed / max(1, champion.requests)
    requests = max(challenger.requests, options.min_requests)
    allowed = (usual + options.max_errors + 2 * math.sqrt(usual * (1 - usual) / requests)) * requests
    text = (
        f"{challenger.failed} of {challenger.requests} requests failed, and"
        f" {champion.failed} of {champion.requests} of the champion"
    )
    return Verdict(challenger.failed <= allowed, text)


def latencies(champion: Answers, challenger: Answers, limit: float) -> Verdict:
    """Return whether the challenger is fast enough, if both answered enough requests for that."""
    fewest = min(champion.requests, challenger.requests)
    if fewest < COMPARABLE:
        return Verdict(True, f"not compared: a version answered {fewest} requests")
    return latency([answers.quantile(0.95) for answers in (champion, challenger)], limit)


def predictions(answers: Sequence[Answers], expected: Sequence[Predictions | None], limit: float) -> Verdict:
    """Return whether the challenger predicts as its card says; the champion's index is for readers."""
    champion, challenger = map(_index, answers, expected)
    if challenger is None:
        return Verdict(True, "not compared: the card of the model has no predictions")
    text = f"population stability index {challenger:.3f} of {answers[1].predictions} predictions"
    if champion is not None:
        text = f"{text}, and {champion:.3f} of the champion's"
    passed = challenger <= limit
    return Verdict(passed, text if passed else f"{text}; the limit is {limit:g}")


def _index(answers: Answers, expected: Predictions | None) -> float | None:
    if expected is None or not answers.predictions:
        return None
    actual = answers.by_bin(len(expected.counts))
    return stability_index([*expected.counts, *([0] * (len(actual) - len(expected.counts)))], actual)


def stability_index(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Return the population stability index of two counts of the same bins, with half a row more in each."""
    totals = [sum(counts) + len(counts) / 2 for counts in (expected, actual)]
    pairs = [((a + 0.5) / totals[0], (b + 0.5) / totals[1]) for a, b in zip(expected, actual, strict=True)]
    return sum((b - a) * math.log(b / a) for a, b in pairs)


def needed_predictions(expected: Predictions | None) -> int:
    """Return the predictions from which on the index is judged."""
    return PREDICTIONS_PER_BIN * len(expected.counts) if expected else 0
