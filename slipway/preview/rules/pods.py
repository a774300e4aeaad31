"""Pods that restart, and the order in which they do."""

from collections.abc import Iterator

from slipway.cluster import quantities
from slipway.preview.rules import postgres
from slipway.preview.rules.consequence import Consequence, Level, Object, Situation, count, get, items
from slipway.preview.rules.workloads import Workload, has_service, persisting, restarting, workloads
from slipway.pulumi.changes import Op


def rollouts(situation: Situation) -> Iterator[Consequence]:
    """Yield the workloads whose pods restart: one after another, or all at once."""
    for old, new in restarting(situation):
        if postgres.is_member(new.object.change):
            continue
        level, reason = _rollout(old, new)
        yield new.object.consequence(level, "pods", reason)
        yield from _early_and_late_requests(situation, old, new)


def _rollout(old: Workload, new: Workload) -> tuple[Level, str]:
    pods = count(old.replicas, "pod")
    if new.strategy == "OnDelete":
        return Level.ATTENTION, f"keeps its {pods} unchanged until they are deleted (strategy OnDelete)"
    if new.strategy == "Recreate":
        return Level.ATTENTION, f"stops its {pods} at once, then starts new ones"
    if new.object.kind == "DaemonSet":
        return Level.SAFE, f"restarts its pods, {count(new.unavailable, 'node')} at a time"
    if new.object.kind == "StatefulSet":
        number = "one by one" if new.unavailable == 1 else f"up to {new.unavailable} at a time"
        return Level.SAFE, "restarts its pod" if old.replicas == 1 else f"restarts its {pods} {number}"
    if new.unavailable and new.unavailable * 2 >= new.replicas:
        return Level.ATTENTION, f"replaces its {pods}, up to {new.unavailable} missing meanwhile"
    extra = new.requests() * new.surge
    capacity = f"CPU {quantities.cpu(extra.cpu)}, memory {quantities.memory(extra.memory)}"
    missing = f"up to {new.unavailable} missing" if new.unavailable else "none missing"
    return (
        Level.SAFE,
        f"replaces its {pods} one after another: up to {new.surge} extra meanwhile ({capacity}), {missing}",
    )


def _early_and_late_requests(situation: Situation, old: Workload, new: Workload) -> Iterator[Consequence]:
    """Yield reasons why a rollout fails requests: no readiness probe, or no preStop hook any longer."""
    if not has_service(situation, new):
        return
    if not all(get(container, "readinessProbe") for container in new.containers):
        reason = "has a container without a readiness probe: its pods get requests before they are ready"
        yield new.object.consequence(Level.ATTENTION, "pods", reason)
    if _has_pre_stop(old) and not _has_pre_stop(new):
        reason = "loses its preStop hook: its pods stop while requests still arrive"
        yield new.object.consequence(Level.ATTENTION, "pods", reason)


def probes(situation: Situation) -> Iterator[Consequence]:
    """Yield probes that name a port that their container does not have."""
    before = {
        (old.object.change.urn, problem)
        for old, _ in restarting(situation)
        for problem in _impossible_probes(old)
    }
    for _, new in restarting(situation):
        for problem in _impossible_probes(new):
            if (new.object.change.urn, problem) not in before:
                yield new.object.consequence(Level.DANGEROUS, "pods", problem)


def _impossible_probes(workload: Workload) -> Iterator[str]:
    for container in workload.containers:
        names = {get(port, "name") for port in items(get(container, "ports"))}
        for probe in ("readiness", "liveness", "startup"):
            for action in ("httpGet", "tcpSocket"):
                port = get(container, f"{probe}Probe", action, "port")
                if isinstance(port, str) and not port.isdigit() and port not in names:
                    yield f"has a {probe} probe on port {port}, which its container lacks: it cannot succeed"


def _has_pre_stop(workload: Workload) -> bool:
    return any(get(container, "lifecycle", "preStop") for container in workload.containers)


def scaling(situation: Situation) -> Iterator[Consequence]:
    """Yield the workloads that get fewer pods, or stop setting their number."""
    for old, new in persisting(situation):
        found = _fewer(old, new)
        if found and new.object.kind in ("Deployment", "StatefulSet", "ReplicaSet"):
            level, reason = found
            yield new.object.consequence(level, "downtime", reason)


def _fewer(old: Workload, new: Workload) -> tuple[Level, str] | None:
    fixed = get(old.object.manifest, "spec", "replicas") is not None
    if new.replicas == 0 and old.replicas:
        return Level.DANGEROUS, "is scaled to 0 pods: requests to it fail"
    if fixed and get(new.object.manifest, "spec", "replicas") is None and old.replicas > 1:
        return Level.ATTENTION, f"stops setting `replicas`: it may drop from {old.replicas} to 1 briefly"
    if new.replicas == 1 and old.replicas > 1:
        return Level.ATTENTION, "may have a single pod: requests fail whenever that pod stops"
    if new.replicas < old.replicas:
        return Level.ATTENTION, f"is scaled down from {old.replicas} to {count(new.replicas, 'pod')}"
    return None


def scalers(situation: Situation) -> Iterator[Consequence]:
    """Yield autoscalers that may add fewer pods, and those that a fixed number works against."""
    for old, new in situation.updates("HorizontalPodAutoscaler"):
        numbers = [quantities.amount(get(item.manifest, "spec", "maxReplicas")) for item in (old, new)]
        if numbers[1] < numbers[0]:
            reason = (
                f"adds pods up to {numbers[1]:.0f} instead of {numbers[0]:.0f}: more load finds no more pods"
            )
            yield new.consequence(Level.ATTENTION, "capacity", reason)
    before = {item.change.urn for item in _fixed(situation, situation.before)}
    for item in _fixed(situation, situation.after):
        if item.change.urn not in before or item.change.op is Op.UPDATE:
            reason = "sets `replicas` and has an autoscaler: each update takes back what that added"
            yield item.consequence(Level.ATTENTION, "capacity", reason)


def _fixed(situation: Situation, objects: tuple[Object, ...]) -> Iterator[Object]:
    """Yield workloads with a fixed number of pods that an autoscaler changes."""
    targets = {
        (
            get(item.manifest, "spec", "scaleTargetRef", "kind"),
            item.namespace,
            get(item.manifest, "spec", "scaleTargetRef", "name"),
        )
        for item in objects
        if item.kind == "HorizontalPodAutoscaler"
    }
    for workload in workloads(situation, objects):
        if workload.object.key in targets and get(workload.object.manifest, "spec", "replicas") is not None:
            yield workload.object
