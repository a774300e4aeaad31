"""Rights at the API server: roles and who has them.

https://kubernetes.io/docs/concepts/security/rbac-good-practices/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.preview.rules.model import Consequence, Level, Object, Situation, get, items
from slipway.preview.rules.workloads import workloads

_ROLES, _BINDINGS = ("Role", "ClusterRole"), ("RoleBinding", "ClusterRoleBinding")
_POWERFUL_ROLES = ("cluster-admin", "admin", "edit")
_POWERFUL_VERBS = ("*", "escalate", "bind", "impersonate")
_POWERFUL_RESOURCES = ("*", "secrets", "pods/exec", "pods/attach", "nodes/proxy", "serviceaccounts/token")
_EVERYBODY = ("system:anonymous", "system:authenticated", "system:unauthenticated")


@dataclass(frozen=True)
class Right:
    """One verb on one resource; `names` when it is only for some objects."""

    verb: str
    resource: str
    group: str
    names: tuple[str, ...]

    @property
    def powerful(self) -> bool:
        """Whether it leads to more rights than it names."""
        return self.verb in _POWERFUL_VERBS or self.resource in _POWERFUL_RESOURCES or self.group == "*"

    def covers(self, other: "Right") -> bool:
        """Whether it allows all that the other does."""
        return (
            self.verb in ("*", other.verb)
            and self.resource in ("*", other.resource)
            and self.group in ("*", other.group)
            and (not self.names or (bool(other.names) and set(other.names) <= set(self.names)))
        )

    def __str__(self) -> str:
        named = f" {', '.join(self.names)}" if self.names else ""
        return f"{self.verb} {self.resource}{named}".replace("* *", "everything")


def roles(situation: Situation) -> Iterator[Consequence]:
    """Rights that a role gets or loses."""
    for one in situation.created(*_ROLES):
        yield from _more(one, _rights(one.manifest))
    for old, new in situation.updates(*_ROLES):
        before, after = _rights(old.manifest), _rights(new.manifest)
        yield from _more(new, [one for one in after if not any(had.covers(one) for had in before)])
        lost = [one for one in before if not any(has.covers(one) for has in after)]
        if lost:
            yield _consequence(Level.ATTENTION, new, f"may no longer {_list(lost)}")
    used = {get(one.pod, "serviceAccountName") for one in workloads(situation, situation.after)}
    accounts = (one for one in situation.removed("ServiceAccount") if one.name in used)
    for one in (*situation.removed(*_ROLES, *_BINDINGS), *accounts):
        yield _consequence(Level.ATTENTION, one, "is deleted: who has rights by it loses them")


def bindings(situation: Situation) -> Iterator[Consequence]:
    """Subjects that get a role."""
    for one in situation.created(*_BINDINGS):
        yield from _bound(one, set())
    for old, new in situation.updates(*_BINDINGS):
        yield from _bound(new, _subjects(old.manifest) if _role(old) == _role(new) else set())


def _bound(one: Object, before: set[str]) -> Iterator[Consequence]:
    if more := sorted(_subjects(one.manifest) - before):
        powerful = _role(one)[1] in _POWERFUL_ROLES or set(_EVERYBODY) & {name.split()[-1] for name in more}
        level = Level.DANGEROUS if powerful else Level.ATTENTION
        yield _consequence(level, one, f"gives {' '.join(_role(one))} to {', '.join(more)}")


def _more(one: Object, rights: list[Right]) -> Iterator[Consequence]:
    for powerful in (True, False):
        if found := [right for right in rights if right.powerful is powerful]:
            level = Level.DANGEROUS if powerful else Level.ATTENTION
            yield _consequence(level, one, f"may now {_list(found)}")


def _consequence(level: Level, one: Object, reason: str) -> Consequence:
    return Consequence(level, "privilege", f"{one.label} {reason}", one.change.urn)


def _list(rights: list[Right]) -> str:
    return "; ".join(sorted({str(right) for right in rights}))


def _rights(manifest: Mapping[str, Any]) -> list[Right]:
    return [
        Right(str(verb), str(resource), str(group), tuple(map(str, items(get(rule, "resourceNames")))))
        for rule in items(get(manifest, "rules"))
        for group in items(get(rule, "apiGroups")) or [""]
        for resource in (*items(get(rule, "resources")), *items(get(rule, "nonResourceURLs")))
        for verb in items(get(rule, "verbs"))
    ]


def _role(one: Object) -> tuple[str, str]:
    return str(get(one.manifest, "roleRef", "kind")), str(get(one.manifest, "roleRef", "name"))


def _subjects(manifest: Mapping[str, Any]) -> set[str]:
    return {f"{get(one, 'kind')} {get(one, 'name')}" for one in items(get(manifest, "subjects"))}
