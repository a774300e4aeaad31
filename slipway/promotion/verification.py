"""Verification that a stack serves a version: rollout, digest, HTTP, soak, and the user's command."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Protocol

from slipway import masking, process
from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.objects import StackObject, live_objects
from slipway.cluster.rollout import FINISHED, pods_of, rollout_problems, selects, settle, workloads
from slipway.cluster.service_ports import http_ports
from slipway.errors import SlipwayError
from slipway.images import references
from slipway.images.references import Image
from slipway.promotion import service_client
from slipway.promotion.options import VerifyOptions
from slipway.promotion.receipts import MAX_TEXT, CheckResult


@dataclass(frozen=True)
class Target:
    """A stack and the image that it must serve."""

    stack: str
    cluster: Cluster
    objects: tuple[StackObject, ...]
    image: Image
    info: Callable[[str], None]

    def workloads(self) -> list[Object]:
        """Return the live workloads with a container of the image."""
        live = live_objects(self.cluster, workloads(self.objects)).values()
        return [workload for workload in live if self.containers(workload["spec"]["template"])]

    def containers(self, pod: Object) -> list[str]:
        """Return the names of the containers of a pod, or template, whose spec names the image.

        The image of a model is that of an init container.
        """
        containers = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())]
        return [item["name"] for item in containers if item["image"].endswith(self.image.digest)]

    def pods(self) -> list[tuple[Object, Object]]:
        """Return the pods of these workloads that have not ended, each with its workload."""
        return [
            (workload, pod)
            for workload in self.workloads()
            for pod in pods_of(self.cluster, workload)
            if pod["status"].get("phase") not in FINISHED
        ]

    def services(self, name: str | None) -> list[Object]:
        """Return the Service with a name, by default the Services in front of pods of the image."""
        objects = [item for item in self.objects if item.kind == "Service"]
        services = live_objects(self.cluster, objects).values()
        if name:
            matching = [item for item in services if item["metadata"]["name"] == name]
            if not matching:
                raise SlipwayError(f"stack {self.stack} has no Service {name}")
            return matching
        templates = self.templates()
        return [
            item
            for item in services
            if http_ports(item) and any(selects(item, template) for template in templates)
        ]

    def templates(self) -> list[Object]:
        """Return the pod templates of these workloads."""
        return [workload["spec"]["template"] for workload in self.workloads()]


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
    """Run the checks until a check fails; the last result is the failure, if a check failed.

    A check that raises an error has failed.
    """
    results: list[CheckResult] = []
    for check in CHECKS:
        start = time.monotonic()
        try:
            finding = check.run(target, options)
        except SlipwayError as error:
            finding = Finding(False, str(error))
        except Exception as error:  # a version that could not be checked is rolled back too
            finding = Finding(False, repr(error))
        if finding is None:
            continue
        detail = masking.message(finding.detail)[:MAX_TEXT]
        results.append(
            CheckResult(
                name=check.name,
                passed=finding.passed,
                detail=detail,
                seconds=round(time.monotonic() - start, 1),
            )
        )
        target.info(f"{'✓' if finding.passed else '✗'} {check.name}: {detail}")
        if not finding.passed:
            break
    return results


class Rollout:
    """Every workload of the stack is rolled out."""

    name = "rollout"

    def run(self, target: Target, options: VerifyOptions) -> Finding:
        """Wait for the rollouts."""
        cluster, objects = target.cluster, target.objects
        problems = settle(lambda: rollout_problems(cluster, objects, live_objects(cluster, objects)))
        count = len(workloads(objects))
        return Finding(not problems, "; ".join(problems) or f"{count} workloads complete")


class Digest:
    """Every pod of the image's workloads runs the digest."""

    name = "digest"

    def run(self, target: Target, options: VerifyOptions) -> Finding:
        """Wait until no pod runs another image."""
        workloads = target.workloads()
        if not workloads:
            return Finding(False, f"no workload of the stack runs {target.image}")
        is_reported = cache(partial(references.is_reported, target.image))
        problems = settle(lambda: self._other_images(target, is_reported))
        names = ", ".join(workload["metadata"]["name"] for workload in workloads)
        running = f"{len(target.pods())} pods of {names} run {target.image.digest}"
        return Finding(not problems, "; ".join(problems) or running)

    @staticmethod
    def _other_images(target: Target, is_reported: Callable[[str], bool]) -> Iterator[str]:
        """Yield the containers that run another image, by the report of the container runtime.

        A container that has not started counts by its spec.
        """
        for workload, pod in target.pods():
            status = pod["status"]
            statuses = [*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())]
            reported = {status["name"]: status.get("imageID", "") for status in statuses}
            for name in target.containers(workload["spec"]["template"]):
                image = reported.get(name, "")
                digest = re.search(r"[0-9a-f]{64}$", image)
                if is_reported(f"sha256:{digest[0]}") if digest else name in target.containers(pod):
                    continue
                yield f"container {name} of pod {pod['metadata']['name']} runs {image or 'another image'}"


class Http:
    """The Service answers a request."""

    name = "http"

    def run(self, target: Target, options: VerifyOptions) -> Finding | None:
        """Request the path until it answers; None if no Service selects the pods, and no option needs one."""
        if not target.services(options.service):
            problem = Finding(False, "no Service selects the pods of the image")
            return problem if options.requires_service else None
        problems = settle(lambda: self._problems(target, options))
        status = options.status or "200 to 299"
        return Finding(not problems, "; ".join(problems) or f"{options.path} answers {status}")

    @staticmethod
    def _problems(target: Target, options: VerifyOptions) -> Iterator[str]:
        templates = target.templates()
        chosen = service_client.choose(target.cluster, target.services(options.service), templates, options)
        if chosen is None:
            yield "no Service selects the pods of the image any more"
            return
        with service_client.connect(target.cluster, chosen, templates, options.host) as client:
            if problem := service_client.request(client, options):
                yield f"{problem}, through the Service {chosen['metadata']['name']}"


class Soak:
    """The Service answers at a steady rate, and no container restarts."""

    name = "soak"

    def run(self, target: Target, options: VerifyOptions) -> Finding | None:
        """Request the path for the duration of the soak; None if no soak is requested."""
        services = target.services(options.service) if options.soak_s else []
        templates = target.templates() if services else []
        chosen = service_client.choose(target.cluster, services, templates, options)
        if chosen is None:
            return None
        restarts = self._restarts(target)
        errors: list[str] = []
        total = int(options.soak_s * options.rate) or 1
        start = time.monotonic()
        with service_client.connect(target.cluster, chosen, templates, options.host) as client:
            for count in range(1, total + 1):
                if problem := service_client.request(client, options):
                    errors.append(problem)
                if len(errors) > options.max_errors * total:
                    return Finding(False, f"{len(errors)} of {count} requests failed; the last: {errors[-1]}")
                time.sleep(max(0.0, start + count / options.rate - time.monotonic()))
        if (increase := self._restarts(target) - restarts) > 0:
            return Finding(False, f"containers restarted {increase} times in {options.soak_s:g} s")
        return Finding(True, f"{len(errors)} of {total} requests failed in {options.soak_s:g} s, no restart")

    @staticmethod
    def _restarts(target: Target) -> int:
        statuses = [
            status for _, pod in target.pods() for status in pod["status"].get("containerStatuses", [])
        ]
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
            *options.arguments(),
            environment={"STACK": target.stack, "IMAGE": str(target.image), "NAMESPACE": namespace},
            timeout_s=options.command_timeout_s,
        )
        lines = (result.error or result.text.strip()).splitlines()
        detail = f"exit code {result.code}" + (f": {lines[-1]}" if lines else "")
        return Finding(result.code == 0, detail)


CHECKS: tuple[Check, ...] = (Rollout(), Digest(), Http(), Soak(), Command())
