"""What pods may do to their node and to the cluster, as far as it changes.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.preview.rules.model import Consequence, Level, Situation, get, items, mapping
from slipway.preview.rules.workloads import Workload, workloads

_HARMLESS = {"NET_BIND_SERVICE"}
_PSA = "pod-security.kubernetes.io/enforce"
_LEVELS = ("privileged", "baseline", "restricted")


def pods(situation: Situation) -> Iterator[Consequence]:
    """Tell what pods may do now and could not; of new ones only what is beyond the baseline."""
    before = {one.object.change.urn: one for one in workloads(situation, situation.before)}
    for new in workloads(situation, situation.after):
        old = before.get(new.object.change.urn)
        had = _privileges(old) if old else _taken_for_granted()
        for what, level in _privileges(new).items():
            if what not in had:
                concern = "exposure" if what.startswith("opens") else "privilege"
                yield Consequence(level, concern, f"{new.object.label}: {what}", new.object.change.urn)


_ROOT = "may run as root"
_ESCALATION = "may gain privileges that its parent process has not"
_WRITABLE = "may write to its root file system"
_TOKEN = "gets a token for the API server"  # noqa: S105 # a sentence


def _taken_for_granted() -> dict[str, Level]:
    """What Kubernetes gives every pod that does not say otherwise; the policies speak of that."""
    return dict.fromkeys((_ROOT, _ESCALATION, _WRITABLE, _TOKEN), Level.SAFE)


def _privileges(workload: Workload) -> dict[str, Level]:
    pod = workload.pod
    found = {
        f"uses its node's {name}": Level.DANGEROUS
        for key, name in (("hostNetwork", "network"), ("hostPID", "processes"), ("hostIPC", "shared memory"))
        if get(pod, key)
    }
    for volume in items(get(pod, "volumes")):
        if path := get(volume, "hostPath", "path"):
            found[f"sees {path} of its node"] = Level.DANGEROUS
    if get(pod, "automountServiceAccountToken") is not False:
        found[_TOKEN] = Level.ATTENTION
    for container in (*workload.containers, *items(get(pod, "initContainers"))):
        found |= _of_container(container, mapping(get(pod, "securityContext")))
    return found


def _of_container(container: Mapping[str, Any], pod: Mapping[str, Any]) -> dict[str, Level]:
    own = mapping(get(container, "securityContext"))
    both = {**pod, **own}
    found: dict[str, Level] = {}
    if own.get("privileged"):
        found["is privileged: root in it is root on its node"] = Level.DANGEROUS
    if both.get("runAsUser") == 0 or not (both.get("runAsNonRoot") or both.get("runAsUser")):
        found[_ROOT] = Level.DANGEROUS
    if own.get("allowPrivilegeEscalation") is not False:
        found[_ESCALATION] = Level.DANGEROUS
    if not own.get("readOnlyRootFilesystem"):
        found[_WRITABLE] = Level.ATTENTION
    if get(both, "seccompProfile", "type") == "Unconfined":
        found["may make every system call"] = Level.DANGEROUS
    if own.get("procMount") == "Unmasked":
        found["sees all of /proc"] = Level.DANGEROUS
    for capability in items(get(own, "capabilities", "add")):
        level = Level.ATTENTION if capability in _HARMLESS else Level.DANGEROUS
        found[f"gets the capability {capability}"] = level
    for port in items(get(container, "ports")):
        if number := get(port, "hostPort"):
            found[f"opens port {number} of its node"] = Level.DANGEROUS
    return found


def namespaces(situation: Situation) -> Iterator[Consequence]:
    """Namespaces that let more run than before, or less."""
    for old, new in situation.updates("Namespace"):
        before, after = (str(one.labels.get(_PSA, "privileged")) for one in (old, new))
        if before == after or before not in _LEVELS or after not in _LEVELS:
            continue
        if _LEVELS.index(after) < _LEVELS.index(before):
            reason, level = f"lets pods run that are not {before}, only {after}", Level.DANGEROUS
        else:
            reason, level = f"refuses new pods that are not {after}", Level.ATTENTION
        yield Consequence(level, "privilege", f"{new.label} {reason}", new.change.urn)
