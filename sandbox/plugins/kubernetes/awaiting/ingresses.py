"""When an Ingress can be reached (provider/pkg/await/ingress.go of the official provider)."""

from collections.abc import Iterator

from sandbox.plugins.kubernetes.awaiting.fields import items
from sandbox.plugins.kubernetes.awaiting.verdict import Observed, Verdict, info, warning
from sandbox.plugins.kubernetes.objects import name_of, pluck


def judge(seen: Observed) -> Verdict:
    """Ready when an ingress controller has given it an address, and its Services have Endpoints.

    Once the Endpoints have settled, a missing one is worth a warning only.
    """
    missing = [] if seen.settled else _missing(seen)
    addressed = bool(items(seen.object, "status", "loadBalancer", "ingress"))
    ready = addressed and not missing
    progress = [info("[1/3] Finding a matching service for each Ingress path")]
    if seen.settled:
        progress += [
            warning(f"No matching service found for ingress rule: {rule}") for rule in _missing(seen)
        ]
    if ready:
        progress.append(info("Ingress initialization complete"))
    elif not missing:
        progress.append(info("[2/3] Waiting for update of .status.loadBalancer with hostname/IP"))
    reasons = []
    if missing:
        reasons.append("Ingress has at least one rule with an unavailable target endpoint.")
    if not addressed:
        reasons.append(
            "Ingress .status.loadBalancer field was not updated with a hostname/IP address. "
            "\n    for more information about this error, see https://pulumi.io/xdv72s"
        )
    return Verdict(ready, progress, reasons=reasons)


def _missing(seen: Observed) -> list[str]:
    """The rules whose Service has no Endpoints object, as `"host/path" -> "service"`."""
    known = {name_of(endpoints) for endpoints in seen.all("Endpoints")}
    known |= {name_of(svc) for svc in seen.all("Service") if pluck(svc, "spec", "type") == "ExternalName"}
    return [f'{place} -> "{service}"' for place, service in _targets(seen) if service not in known]


def _targets(seen: Observed) -> Iterator[tuple[str, str]]:
    for rule in items(seen.object, "spec", "rules"):
        for path in items(rule, "http", "paths"):
            service = pluck(path, "backend", "service", "name")
            if service:
                place = f"{rule.get('host') or ''}{path.get('path') or ''}"
                yield (f'"{place}"' if place else '"" (default path)'), service
