"""Kubernetes objects that two resources claim, as after a rename or a move without an alias.

If an object exists already, releases of the Kubernetes plugin before 4.29 adopt it for the new resource, and
then delete it with the old one. Later releases refuse to create it, and the update stops half-way.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from slipway.preview.rules.consequence import Consequence, Level, Object, Situation, get
from slipway.pulumi.changes import Change, Hidden, Op

Identity = tuple[str, str, str, str, str]
"""Provider, API group, kind, namespace and name."""


@dataclass(frozen=True)
class Claim:
    """Two resources of the program with the same object. At least one of them is created or deleted."""

    old: Object
    """The object as a resource before the update."""
    new: Object
    """The object as a resource after the update."""

    @property
    def moves(self) -> bool:
        """Whether the object only moves to another resource, so that an alias keeps it."""
        return _leaves(self.old) and _arrives(self.new)


def claims(situation: Situation) -> Iterator[Claim]:
    """Yield the objects that two resources of the program claim."""
    owners: dict[Identity, list[Object]] = defaultdict(list)
    for old in situation.before:
        if identity := _identity(old):
            owners[identity].append(old)
    for new in situation.after:
        if identity := _identity(new):
            for old in owners[identity]:
                if old.change.urn != new.change.urn and (_leaves(old) or _arrives(new)):
                    yield Claim(old, new)
            if _arrives(new):
                owners[identity].append(new)


def identities(situation: Situation) -> Iterator[Consequence]:
    """Yield the objects that the update deletes or cannot create, because two resources claim them."""
    for claim in claims(situation):
        if not claim.moves and claim.old.change.retained:
            continue  # one of the two resources retains it
        level = Level.ATTENTION if claim.old.change.retained else Level.DANGEROUS
        yield claim.new.consequence(level, "identity", _reason(claim))


def _reason(claim: Claim) -> str:
    old, new = claim.old.change, claim.new.change
    # If the names are equal, the types of the parents distinguish the resources.
    first, second = (
        f"resource {change.name if old.name != new.name else change.urn.split('::', 2)[2]}"
        for change in (old, new)
    )
    if claim.moves:
        end = "retained" if old.retained else "deleted"
        effect = "" if old.retained else " or deletes it in the end"
        return (
            f"moves to {second} and is {end} as {first}: the Kubernetes plugin refuses to create an object"
            f" that exists (from 4.29 on){effect}; {_alias(old, new)} for {second} keeps it"
        )
    if _leaves(claim.old):
        return (
            f"is deleted as {first}, and {second} loses it: `pulumi state delete '{old.urn}'` removes {first}"
            " from the state and deletes nothing in the cluster"
        )
    return (
        f"belongs to both {first} and {second}: the Kubernetes plugin refuses to create an object that exists"
        " (from 4.29 on), or deletes it when either resource is deleted; remove one of them from the program"
    )


def _identity(item: Object) -> Identity | None:
    """Return the identity of an object; None if it is unknown, and for a Patch, which owns no object."""
    kind, name = get(item.manifest, "kind"), get(item.manifest, "metadata", "name")
    namespace = get(item.manifest, "metadata", "namespace") or "default"
    if not name or isinstance(name, Hidden) or isinstance(namespace, Hidden) or item.kind == f"{kind}Patch":
        return None
    group = str(get(item.manifest, "apiVersion")).rpartition("/")[0]
    return _provider(item.change), group, str(kind), str(namespace), str(name)


def _provider(change: Change) -> str:
    """Return the URN of an explicit provider, which may use another cluster; empty for a default provider."""
    urn = change.provider.rpartition("::")[0]
    return "" if urn.rpartition("::")[2].startswith("default") else urn


def _arrives(new: Object) -> bool:
    """Return whether the resource does not have the object before the update."""
    change = new.change
    moved = change.op is Op.REPLACE and _identity(Object(change, change.old)) != _identity(new)
    return moved or change.op in (Op.CREATE, Op.IMPORT)


def _leaves(old: Object) -> bool:
    """Return whether the resource does not have the object after the update."""
    change = old.change
    moved = change.op is Op.REPLACE and _identity(Object(change, change.new)) != _identity(old)
    return moved or change.op is Op.DELETE


def _alias(old: Change, new: Change) -> str:
    same_place = (old.parent, old.type) == (new.parent, new.type)
    alias = f'pulumi.Alias(name="{old.name}")' if same_place else f'"{old.urn}"'
    return f"opts=pulumi.ResourceOptions(aliases=[{alias}])"
