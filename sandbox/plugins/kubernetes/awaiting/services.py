"""When a Service can be reached (provider/pkg/await/service.go of the official provider)."""

from sandbox.plugins.kubernetes.awaiting.fields import items
from sandbox.plugins.kubernetes.awaiting.verdict import Observed, Verdict, info
from sandbox.plugins.kubernetes.objects import name_of, pluck


def judge(seen: Observed) -> Verdict:
    """Ready when no more Pods appear behind it, all of them are ready, and a load balancer has its address.

    No Pods at all are fine too: they may come later. Services without a selector, headless ones and
    ExternalNames wait for no Pods.
    """
    service = seen.object
    balanced = pluck(service, "spec", "type") == "LoadBalancer"
    addressed = not balanced or bool(items(service, "status", "loadBalancer", "ingress"))
    subsets = [
        subset
        for endpoints in seen.all("Endpoints")
        if name_of(endpoints) == name_of(service)
        for subset in items(endpoints, "subsets")
    ]
    targets = any(items(subset, "addresses") for subset in subsets)
    pending = [address for subset in subsets for address in items(subset, "notReadyAddresses")]

    progress = [info("[1/3] Finding Pods to direct traffic to")]
    external = pluck(service, "spec", "type") == "ExternalName"
    special = external or pluck(service, "spec", "clusterIP") == "None"
    if special or not pluck(service, "spec", "selector"):
        ready = addressed
    else:
        ready = addressed and not pending and (seen.settled or seen.final)
        if ready:
            progress.append(info("Service initialization complete"))
        elif seen.settled and targets:
            progress.append(info("[2/3] Attempting to allocate IP address to Service"))
    reasons = []
    if not ready and not special and not targets:
        reasons.append(
            "Service does not target any Pods. Selected Pods may not be ready, or "
            "field '.spec.selector' may not match labels on any Pods"
        )
    if not ready and not special and pending:
        names = sorted({pluck(address, "targetRef", "name") or address.get("ip", "") for address in pending})
        reasons.append(f"Selected Pods that are not ready: {', '.join(names)}")
    if not addressed and not special:
        reasons.append("Service was not allocated an IP address; does your cloud provider support this?")
    return Verdict(ready, progress, reasons=reasons)
