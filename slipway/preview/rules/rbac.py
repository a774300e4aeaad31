"""Roles, and the subjects that they are bound to.

https://kubernetes.io/docs/concepts/security/rbac-good-practices/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from slipway.preview.rules.consequence import Consequence, Level, Object, Situation, get, items
from slipway.preview.rules.workloads import workloads

_ROLES, _BINDINGS = ("Role", "ClusterRole"), ("RoleBinding", "ClusterRoleBinding")
_POWERFUL_ROLES = ("cluster-admin", "admin", "edit")
_POWERFUL_VERBS = ("*", "escalate", "bind", "impersonate")
_POWERFUL_RESOURCES = ("*", "secrets", "pods/exec", "pods/attach", "nodes/proxy", "serviceaccounts/token")
_URLS = "nonResourceURLs"
"""Stands for the API group of paths of the API server, such as /metrics."""
_EVERYBODY = {"system:anonymous", "system:authenticated", "system:unauthenticated"}


@dataclass(frozen=True)
class Right:
    """One verb on one resource; `names` restricts it to some objects."""

    verb: str
    resource: str
    group: str
    names: tuple[str, ...]

    @property
    def powerful(self) -> bool:
        """Whether its holder can gain further rights with it."""
        return self.verb in _POWERFUL_VERBS or self.resource in _POWERFUL_RESOURCES or self.group == "*"

    def covers(self, other: "Right") -> bool:
        """Return whether it allows everything that the other right allows."""
        return (
            (self.group == _URLS) == (other.group == _URLS)
            and self.verb in ("*", other.verb)
            and self.resource in ("*", other.resource)
            and self.group in ("*", other.group)
            and (not self.names or (bool(other.names) and set(other.names) <= set(self.names)))
        )

    def __str__(self) -> str:
        names = f" {', '.join(self.names)}" if self.names else ""
        return f"{self.verb} {self.resource}{names}".replace("* *", "everything")


def roles(situation: Situation) -> Iterator[Consequence]:
    """Yield the rights that roles gain and lose, and roles, bindings and accounts that are deleted."""
    for role in situation.created(*_ROLES):
        yield from _gained(role, _rights(role.manifest))
    for old, new in situation.updates(*_ROLES):
        before, after = _rights(old.manifest), _rights(new.manifest)
        yield from _gained(new, _uncovered(after, before))
        if lost := _uncovered(before, after):
            yield _privilege(Level.ATTENTION, new, f"no longer grants: {_list(lost)}")
    users = {
        (workload.object.namespace, get(workload.pod, "serviceAccountName")): workload.object
        for workload in workloads(situation, situation.after)
    }
    for account in situation.vanished("ServiceAccount"):
        if user := users.get((account.namespace, account.name)):
            reason = f"is deleted, but {user} still uses it: new pods cannot start"
            yield _privilege(Level.DANGEROUS, account, reason)
    for item in situation.removed(*_ROLES, *_BINDINGS):
        yield _privilege(Level.ATTENTION, item, "is deleted: its subjects lose the rights that it gives them")


def bindings(situation: Situation) -> Iterator[Consequence]:
    """Yield the subjects that get a role."""
    for binding in situation.created(*_BINDINGS):
        yield from _bound(binding, set())
    for old, new in situation.updates(*_BINDINGS):
        yield from _bound(new, _subjects(old.manifest) if _role(old) == _role(new) else set())
        if lost := sorted(_subjects(old.manifest) - _subjects(new.manifest)):
            yield _privilege(Level.ATTENTION, new, f"no longer gives {_role(old)[1]} to {', '.join(lost)}")


def holds(item: Object) -> set[str]:
    """Return the rights of a role, or the subjects of a binding."""
    return set(map(repr, _rights(item.manifest))) | _subjects(item.manifest)


def _bound(binding: Object, before: set[str]) -> Iterator[Consequence]:
    if added := sorted(_subjects(binding.manifest) - before):
        kind, name = _role(binding)
        powerful = name in _POWERFUL_ROLES or _EVERYBODY & {subject.split()[-1] for subject in added}
        level = Level.DANGEROUS if powerful else Level.ATTENTION
        yield _privilege(level, binding, f"gives {kind} {name} to {', '.join(added)}")


def _gained(role: Object, rights: list[Right]) -> Iterator[Consequence]:
    for powerful in (True, False):
        if gained := [right for right in rights if right.powerful is powerful]:
            level = Level.DANGEROUS if powerful else Level.ATTENTION
            yield _privilege(level, role, f"newly grants: {_list(gained)}")


def _privilege(level: Level, item: Object, reason: str) -> Consequence:
    return item.consequence(level, "privilege", reason)


def _uncovered(rights: list[Right], by: list[Right]) -> list[Right]:
    return [right for right in rights if not any(other.covers(right) for other in by)]


def _list(rights: list[Right]) -> str:
    return "; ".join(sorted({str(right) for right in rights}))


def _rights(manifest: Mapping[str, Any]) -> list[Right]:
    return [
        Right(str(verb), str(resource), str(group), tuple(map(str, items(get(rule, "resourceNames")))))
        for rule in items(get(manifest, "rules"))
        for group, resource in (
            *product(items(get(rule, "apiGroups")) or [""], items(get(rule, "resources"))),
            *((_URLS, url) for url in items(get(rule, "nonResourceURLs"))),
        )
        for verb in items(get(rule, "verbs"))
    ]


def _role(binding: Object) -> tuple[str, str]:
    return str(get(binding.manifest, "roleRef", "kind")), str(get(binding.manifest, "roleRef", "name"))


def _subjects(manifest: Mapping[str, Any]) -> set[str]:
    return {
        " ".join(
            filter(
                None,
                (str(get(subject, "kind")), str(get(subject, "namespace") or ""), str(get(subject, "name"))),
            )
        )
        for subject in items(get(manifest, "subjects"))
    }
