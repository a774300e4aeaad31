"""Privileges of pods on their node and in the cluster, as far as they change.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.preview.rules.consequence import Consequence, Level, Situation, get, items, mapping
from slipway.preview.rules.workloads import Workload, workloads

_HARMLESS = {"NET_BIND_SERVICE"}
_ENFORCE = "pod-security.kubernetes.io/enforce"
_STANDARDS = ("privileged", "baseline", "restricted")
"""Pod Security Standards, from the weakest to the strictest."""

_ROOT = "may run as root"
_ESCALATION = "may gain more privileges than its parent process (allowPrivilegeEscalation)"
_WRITABLE = "may write to its root file system"
_TOKEN = "gets a token for the API server"  # noqa: S105 # a sentence
_CAPABILITIES = "keeps the default capabilities (it does not drop ALL)"
_USERS = "shares the users of its node (no hostUsers: false)"
_DEFAULTS = (_ROOT, _ESCALATION, _WRITABLE, _TOKEN, _CAPABILITIES, _USERS)
"""Privileges that every pod has by default. For new pods the policy pack reports them."""


def pods(situation: Situation) -> Iterator[Consequence]:
    """Yield the privileges that pods gain; of new pods, those beyond the defaults of Kubernetes."""
    before = {workload.object.change.urn: workload for workload in workloads(situation, situation.before)}
    for new in workloads(situation, situation.after):
        old = before.get(new.object.change.urn)
        earlier = _privileges(old) if old else dict.fromkeys(_DEFAULTS, Level.SAFE)
        for privilege, level in _privileges(new).items():
            if privilege not in earlier:
                concern = "exposure" if privilege.startswith("opens") else "privilege"
                yield new.object.consequence(level, concern, privilege)


def _privileges(workload: Workload) -> dict[str, Level]:
    pod = workload.pod
    privileges = {
        f"uses the {name} of its node ({key})": Level.DANGEROUS
        for key, name in (("hostNetwork", "network"), ("hostPID", "processes"), ("hostIPC", "shared memory"))
        if get(pod, key)
    }
    for volume in items(get(pod, "volumes")):
        if path := get(volume, "hostPath", "path"):
            privileges[f"can read {path} on its node (hostPath)"] = Level.DANGEROUS
    if get(pod, "automountServiceAccountToken") is not False:
        privileges[_TOKEN] = Level.ATTENTION
    for container in (*workload.containers, *items(get(pod, "initContainers"))):
        privileges |= _container_privileges(container, mapping(get(pod, "securityContext")))
    if get(pod, "hostUsers") is not False:
        # https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/
        privileges[_USERS] = Level.DANGEROUS if _ROOT in privileges else Level.ATTENTION
    return privileges


def _container_privileges(container: Mapping[str, Any], pod: Mapping[str, Any]) -> dict[str, Level]:
    own = mapping(get(container, "securityContext"))
    both = {**pod, **own}
    privileges: dict[str, Level] = {}
    if own.get("privileged"):
        privileges["has a privileged container: root in it is root on its node"] = Level.DANGEROUS
    if both.get("runAsUser") == 0 or not (both.get("runAsNonRoot") or both.get("runAsUser")):
        privileges[_ROOT] = Level.DANGEROUS
    if own.get("allowPrivilegeEscalation") is not False:
        privileges[_ESCALATION] = Level.DANGEROUS
    if not own.get("readOnlyRootFilesystem"):
        privileges[_WRITABLE] = Level.ATTENTION
    if get(both, "seccompProfile", "type") == "Unconfined":
        privileges["may make every system call (seccomp profile Unconfined)"] = Level.DANGEROUS
    if get(both, "appArmorProfile", "type") == "Unconfined":
        privileges["is not confined by AppArmor (profile Unconfined)"] = Level.DANGEROUS
    if own.get("procMount") == "Unmasked":
        privileges["can read all of /proc (procMount Unmasked)"] = Level.DANGEROUS
    return privileges | _capabilities(own) | _host_ports(container)


def _capabilities(own: Mapping[str, Any]) -> dict[str, Level]:
    dropped = items(get(own, "capabilities", "drop"))
    found = {} if "ALL" in dropped else {_CAPABILITIES: Level.ATTENTION}
    for capability in items(get(own, "capabilities", "add")):
        level = Level.ATTENTION if capability in _HARMLESS else Level.DANGEROUS
        found[f"gets the capability {capability}"] = level
    return found


def _host_ports(container: Mapping[str, Any]) -> dict[str, Level]:
    numbers = (get(port, "hostPort") for port in items(get(container, "ports")))
    return {f"opens port {number} on its node": Level.DANGEROUS for number in numbers if number}


def namespaces(situation: Situation) -> Iterator[Consequence]:
    """Yield namespaces that enforce another Pod Security Standard."""
    for old, new in situation.updates("Namespace"):
        before, after = (str(item.labels.get(_ENFORCE, "privileged")) for item in (old, new))
        if before == after or before not in _STANDARDS or after not in _STANDARDS:
            continue
        if _STANDARDS.index(after) < _STANDARDS.index(before):
            reason = f"enforces the Pod Security Standard {after} instead of {before}: it admits more pods"
            yield new.consequence(Level.DANGEROUS, "privilege", reason)
        else:
            reason = f"enforces the Pod Security Standard {after}: it refuses new pods that violate it"
            yield new.consequence(Level.ATTENTION, "privilege", reason)
