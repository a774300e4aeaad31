"""Verification that a stack serves a version: rollout, digest, HTTP, soak, and the user's command."""

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol

import httpx

from slipway import process
from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.objects import StackObject, live_objects
from slipway.cluster.rollout import pods_of, rollout_problems, selects, workloads
from slipway.errors import SlipwayError
from slipway.images.references import Image
from slipway.promotion.receipts import CheckResult

SETTLE_S = 15.0
"""The time that a version has to pass a check after its rollout, because a Service may lag behind."""
REQUEST_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class VerifyOptions:
    """The checks that a version must pass."""

    path: str = "/"
    """The path of the HTTP check, requested through the Service; status 200 to 399 passes."""
    service: str | None = None
    """The name of the Service; by default the Service in front of the image's pods."""
    command: str | None = None
    """A command that runs without a shell, with IMAGE, NAMESPACE and STACK; exit code 0 passes."""
    soak_s: float = 0.0
    """The duration of the soak, in seconds."""
    rate: float = 5.0
    """The requests per second of the soak."""
    max_errors: float = 0.0
    """The share of the soak's requests that may fail: 0.01 is 1 %."""
    command_timeout_s: float = 300.0

    def without_soak(self) -> "VerifyOptions":
        """Return the same options without a soak."""
        return replace(self, soak_s=0.0)


@dataclass(frozen=True)
class Target:
    """A stack and the image that it must serve."""

    stack: str
    cluster: Cluster
    objects: tuple[StackObject, ...]
    image: Image
    info: Callable[[str], None]

    def workload(self) -> Object | None:
        """Return the live workload that runs the image."""
        for live in live_objects(self.cluster, workloads(self.objects)).values():
            containers = live["spec"]["template"]["spec"]["containers"]
            if any(container["image"].endswith(self.image.digest) for container in containers):
                return live
        return None

    def pods(self) -> list[Object]:
        """Return the pods of the workload that runs the image."""
        workload = self.workload()
        return pods_of(self.cluster, workload) if workload else []

    def connect(self, service: str | None) -> AbstractContextManager[httpx.Client] | None:
        """Return a client for a Service, by default the Service in front of the image's pods, or None.

        Raises:
            SlipwayError: the stack has no Service of that name.
        """
        objects = [item for item in self.objects if item.kind == "Service"]
        services = live_objects(self.cluster, objects).values()
        if service:
            matching = [item for item in services if item["metadata"]["name"] == service]
            if not matching:
                raise SlipwayError(f"stack {self.stack} has no Service {service}")
        else:
            workload = self.workload()
            template = workload["spec"]["template"] if workload else {"metadata": {}}
            matching = [item for item in services if selects(item, template)]
        if not matching:
            return None
        metadata, spec = matching[0]["metadata"], matching[0]["spec"]
        return self.cluster.service(metadata["namespace"], metadata["name"], spec["ports"][0]["port"])


@dataclass(frozen=True)
class Finding:
    """The result of a check, without its name and duration."""

    passed: bool
    detail: str


class Check(Protocol):
    """A check of a version; its name is in receipts."""

    name: str

    def run(self, target: Target, options: VerifyOptions) -> Finding | None:
        """Return the finding, or None if the check does not apply."""


def verify(target: Target, options: VerifyOptions) -> list[CheckResult]:
    """Run the checks until a check fails; the last result is the failure, if a check failed."""
    results: list[CheckResult] = []
    for check in CHECKS:
        start = time.monotonic()
        try:
            finding = check.run(target, options)
        except SlipwayError as error:
            finding = Finding(False, str(error))
        if finding is None:
            continue
        results.append(
            CheckResult(
                name=check.name,
                passed=finding.passed,
                detail=finding.detail,
                seconds=round(time.monotonic() - start, 1),
            )
        )
        target.info(f"{'✓' if finding.passed else '✗'} {check.name}: {finding.detail}")
        if not finding.passed:
            break
    return results


class Rollout:
    """Every workload of the stack is rolled out."""

    name = "rollout"

    def run(self, target: Target, options: VerifyOptions) -> Finding:
        """Wait for the rollouts."""
        objects = target.objects
        problems = _settle(lambda: rollout_problems(objects, live_objects(target.cluster, objects)))
        count = len(workloads(objects))
        return Finding(not problems, "; ".join(problems) or f"{count} workloads complete")


class Digest:
    """Every pod of the workload runs the digest."""

    name = "digest"

    def run(self, target: Target, options: VerifyOptions) -> Finding:
        """Wait until no pod runs another image."""
        if target.workload() is None:
            return Finding(False, f"no workload of the stack runs {target.image}")
        problems = _settle(lambda: self._other_images(target.pods(), target.image))
        return Finding(
            not problems, "; ".join(problems) or f"{len(target.pods())} pods run {target.image.digest}"
        )

    @staticmethod
    def _other_images(pods: list[Object], image: Image) -> Iterator[str]:
        """Yield the pods that run another image.

        The runtime's imageID counts if it has the digest. Some runtimes report the digest of the platform's
        manifest, or of the image's configuration; then the image in the pod's spec counts.
        """
        for pod in pods:
            running = [status.get("imageID", "") for status in pod["status"].get("containerStatuses", [])]
            specified = [container["image"] for container in pod["spec"]["containers"]]
            if not any(reference.endswith(image.digest) for reference in (*running, *specified)):
                yield f"pod {pod['metadata']['name']} runs {', '.join(running) or ', '.join(specified)}"


class Http:
    """The Service answers a request."""

    name = "http"

    def run(self, target: Target, options: VerifyOptions) -> Finding | None:
        """Request the path until it answers; None if no Service selects the pods, and no option needs one."""
        connection = target.connect(options.service)
        if connection is None:
            requested = options.soak_s or options.path != VerifyOptions.path
            return Finding(False, "no Service selects the pods of the image") if requested else None
        with connection as client:
            problems = _settle(lambda: filter(None, [_request(client, options.path)]))
        return Finding(not problems, "; ".join(problems) or f"{options.path} answers through the Service")


class Soak:
    """The Service answers at a steady rate, and no container restarts."""

    name = "soak"

    def run(self, target: Target, options: VerifyOptions) -> Finding | None:
        """Request the path for the duration of the soak; None if no soak is requested."""
        connection = target.connect(options.service) if options.soak_s else None
        if connection is None:
            return None
        restarts = self._restarts(target)
        errors: list[str] = []
        total = int(options.soak_s * options.rate) or 1
        start = time.monotonic()
        with connection as client:
            for count in range(1, total + 1):
                if problem := _request(client, options.path):
                    errors.append(problem)
                if len(errors) > options.max_errors * total:
                    return Finding(False, f"{len(errors)} of {count} requests failed; the last: {errors[-1]}")
                time.sleep(max(0.0, start + count / options.rate - time.monotonic()))
        if (increase := self._restarts(target) - restarts) > 0:
            return Finding(False, f"containers restarted {increase} times in {options.soak_s:g} s")
        return Finding(True, f"{len(errors)} of {total} requests failed in {options.soak_s:g} s, no restart")

    @staticmethod
    def _restarts(target: Target) -> int:
        statuses = [status for pod in target.pods() for status in pod["status"].get("containerStatuses", [])]
        return sum(status["restartCount"] for status in statuses)


class Command:
    """The user's command succeeds."""

    name = "command"

    def run(self, target: Target, options: VerifyOptions) -> Finding | None:
        """Run the command; None if the user gave no command."""
        if not options.command:
            return None
        namespace = next((item.namespace for item in workloads(target.objects)), "")
        result = process.run(
            *shlex.split(options.command),
            environment={"STACK": target.stack, "IMAGE": str(target.image), "NAMESPACE": namespace},
            timeout_s=options.command_timeout_s,
        )
        lines = (result.error or result.text.strip()).splitlines()
        detail = f"exit code {result.code}" + (f": {lines[-1]}" if lines else "")
        return Finding(result.code == 0, detail)


CHECKS: tuple[Check, ...] = (Rollout(), Digest(), Http(), Soak(), Command())


def _request(client: httpx.Client, path: str) -> str:
    """Request a path, and return the problem, or an empty text."""
    try:
        response = client.get(path.lstrip("/"), timeout=REQUEST_TIMEOUT_S)
    except httpx.HTTPError as error:
        return f"{path}: {error or type(error).__name__}"
    return "" if response.status_code < 400 else f"{path} answers {response.status_code}"


def _settle(find_problems: Callable[[], Iterator[str]]) -> list[str]:
    """Repeat until there are no problems, or SETTLE_S is over, and return the last problems."""
    deadline = time.monotonic() + SETTLE_S
    while (problems := list(find_problems())) and time.monotonic() < deadline:
        time.sleep(0.5)
    return problems
