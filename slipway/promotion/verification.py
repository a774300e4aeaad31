"""Proof that a version serves: rollout, digest of each pod, answers of the Service, the user's own check."""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx

from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.objects import StackObject, live_objects
from slipway.cluster.rollout import pods_of, rollout_problems, selects, workloads
from slipway.errors import SlipwayError
from slipway.images.references import Image
from slipway.promotion.receipts import Check

SETTLE_S = 15.0
"""How long a version may take to pass a check after its rollout: a Service may lag behind it for a moment."""
REQUEST_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class VerifyOptions:
    """What has to be seen before a version counts as verified."""

    path: str = "/"
    """Asked through the Service; an answer from 200 to 399 passes."""
    service: str | None = None
    """The Service; by default the one that sends requests to the pods of the image."""
    command: str | None = None
    """Run without a shell; exit code 0 passes. It is told IMAGE, NAMESPACE and STACK."""
    soak_s: float = 0.0
    """For how long it is asked on, in seconds."""
    rate: float = 5.0
    """Requests in a second during that time."""
    max_errors: float = 0.0
    """The share of them that may fail: 0.01 is one in a hundred."""
    command_timeout_s: float = 300.0


@dataclass(frozen=True)
class Target:
    """Where it has to be seen."""

    stack: str
    cluster: Cluster
    objects: tuple[StackObject, ...]
    image: Image
    tell: Callable[[str], None]


def verify(target: Target, wanted: VerifyOptions) -> list[Check]:
    """Make every check until one fails; the last is the one that failed, if one did."""
    done: list[Check] = []
    for check in (_rollout, _digest, _answers, _soak, _command):
        begun = time.monotonic()
        try:
            result = check(target, wanted)
        except SlipwayError as error:
            result = (check.__name__[1:], False, str(error))
        if result is None:
            continue
        name, passed, detail = result
        done.append(
            Check(name=name, passed=passed, detail=detail, seconds=round(time.monotonic() - begun, 1))
        )
        target.tell(f"{'✓' if passed else '✗'} {name}: {detail}")
        if not passed:
            break
    return done


Result = tuple[str, bool, str] | None


def _rollout(target: Target, wanted: VerifyOptions) -> Result:
    def problems() -> list[str]:
        return list(rollout_problems(target.objects, live_objects(target.cluster, target.objects)))

    left = _until_none(problems)
    return "rollout", not left, "; ".join(left) or f"{len(workloads(target.objects))} workloads complete"


def _digest(target: Target, wanted: VerifyOptions) -> Result:
    owner = running(target)
    if owner is None:
        return "digest", False, f"no workload of the stack runs {target.image}"

    def problems() -> list[str]:
        return list(_other_images(pods_of(target.cluster, owner), target.image))

    left = _until_none(problems)
    count = len(pods_of(target.cluster, owner))
    return "digest", not left, "; ".join(left) or f"{count} pods run {target.image.digest}"


def _other_images(pods: list[Object], image: Image) -> Iterator[str]:
    """Yield the pods that run something else.

    The runtime's imageID is believed where it names the digest; some runtimes name the platform's manifest,
    or the configuration, instead: then what the pod was told to run has to do.
    """
    for pod in pods:
        running = [one.get("imageID", "") for one in pod["status"].get("containerStatuses", [])]
        told = [one["image"] for one in pod["spec"]["containers"]]
        if not any(one.endswith(image.digest) for one in (*running, *told)):
            yield f"pod {pod['metadata']['name']} runs {', '.join(running) or ', '.join(told)}"


def running(target: Target) -> Object | None:
    """Return the workload that the image belongs to."""
    live = live_objects(target.cluster, workloads(target.objects))
    for found in live.values():
        containers = found["spec"]["template"]["spec"]["containers"]
        if any(one["image"].endswith(target.image.digest) for one in containers):
            return found
    return None


def service_of(target: Target, wanted: VerifyOptions) -> Object | None:
    """Return the Service to ask; None when the pods have none."""
    services = live_objects(target.cluster, [one for one in target.objects if one.kind == "Service"])
    named = [one for one in services.values() if one["metadata"]["name"] == wanted.service]
    if wanted.service and not named:
        raise SlipwayError(f"stack {target.stack} has no Service {wanted.service}")
    owner = running(target)
    template = owner["spec"]["template"] if owner else {"metadata": {}}
    return next((one for one in named or services.values() if named or selects(one, template)), None)


def _asking(target: Target, wanted: VerifyOptions) -> Any:
    service = service_of(target, wanted)
    if service is None:
        return None
    metadata = service["metadata"]
    return target.cluster.service(
        metadata["namespace"], metadata["name"], service["spec"]["ports"][0]["port"]
    )


def _answers(target: Target, wanted: VerifyOptions) -> Result:
    asking = _asking(target, wanted)
    if asking is None:
        return None
    with asking as client:
        left = _until_none(lambda: [one] if (one := _problem(client, wanted.path)) else [])
    return "http", not left, "; ".join(left) or f"{wanted.path} answers through the Service"


def _soak(target: Target, wanted: VerifyOptions) -> Result:
    asking = _asking(target, wanted) if wanted.soak_s else None
    if asking is None:
        return None
    restarts = _restarts(target)
    errors: list[str] = []
    total = int(wanted.soak_s * wanted.rate) or 1
    begun = time.monotonic()
    with asking as client:
        for done in range(1, total + 1):
            if problem := _problem(client, wanted.path):
                errors.append(problem)
            if len(errors) > wanted.max_errors * total:
                return "soak", False, f"{len(errors)} of {done} requests failed; the last: {errors[-1]}"
            time.sleep(max(0.0, begun + done / wanted.rate - time.monotonic()))
    if (again := _restarts(target) - restarts) > 0:
        return "soak", False, f"containers restarted {again} times in {wanted.soak_s:g} s"
    return "soak", True, f"{len(errors)} of {total} requests failed in {wanted.soak_s:g} s, no restart"


def _restarts(target: Target) -> int:
    owner = running(target)
    pods = pods_of(target.cluster, owner) if owner else []
    return sum(one["restartCount"] for pod in pods for one in pod["status"].get("containerStatuses", []))


def _command(target: Target, wanted: VerifyOptions) -> Result:
    if not wanted.command:
        return None
    namespace = next((one.namespace for one in workloads(target.objects)), "")
    told = {"STACK": target.stack, "IMAGE": str(target.image), "NAMESPACE": namespace}
    words = shlex.split(wanted.command)
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            timeout=wanted.command_timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "command", False, f"{wanted.command} did not end within {wanted.command_timeout_s:g} s"
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    detail = f"exit code {done.returncode}" + (f": {said[-1]}" if said else "")
    return "command", done.returncode == 0, detail


def _problem(client: httpx.Client, path: str) -> str:
    try:
        answer = client.get(path.lstrip("/"), timeout=REQUEST_TIMEOUT_S)
    except httpx.HTTPError as error:
        return f"{path}: {error or type(error).__name__}"
    return "" if answer.status_code < 400 else f"{path} answers {answer.status_code}"


def _until_none(problems: Callable[[], list[str]]) -> list[str]:
    """Look until there is no problem, or the time to settle is over; return what is left."""
    until = time.monotonic() + SETTLE_S
    while (left := problems()) and time.monotonic() < until:
        time.sleep(0.5)
    return left


def without_soak(wanted: VerifyOptions) -> VerifyOptions:
    """Return the same checks, each made once."""
    return replace(wanted, soak_s=0.0)
