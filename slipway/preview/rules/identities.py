"""Kubernetes objects that two resources stand for, as after a rename or a move without an alias.

When the Kubernetes plugin is to create an object that exists, releases before 4.29 take the object over, and
then delete it for the resource of the old name. Later releases refuse, and the update stops half-way.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from slipway.preview.rules.model import Consequence, Level, Object, Situation, get
from slipway.pulumi.changes import Change, Hidden, Op

Identity = tuple[str, str, str, str, str]
"""Provider, API group, kind, namespace and name."""


@dataclass(frozen=True)
class Claim:
    """Two resources of the program that stand for the same object, at least one of which is new or goes."""

    old: Object
    """As the resource that has the object before the update."""
    new: Object
    """As the resource that has it after the update."""

    @property
    def moves(self) -> bool:
        """Whether the object only changes its name in the program, so that an alias keeps it."""
        return _leaves(self.old) and _arrives(self.new)


def claims(situation: Situation) -> Iterator[Claim]:
    """Return the objects that two resources of the program stand for."""
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
    """Report the objects that the update deletes or cannot create, because two resources stand for them."""
    for claim in claims(situation):
        if not claim.moves and claim.old.change.retained:
            continue  # one of the two lets go of it
        level = Level.ATTENTION if claim.old.change.retained else Level.DANGEROUS
        yield Consequence(level, "identity", f"{claim.new.label} {_reason(claim)}", claim.new.change.urn)


def _reason(claim: Claim) -> str:
    old, new = claim.old.change, claim.new.change
    # Names, and where they do not differ the types of the parents as well.
    first, second = (
        f"resource {one.name if old.name != new.name else one.urn.split('::', 2)[2]}" for one in (old, new)
    )
    if claim.moves:
        end = "let go of" if old.retained else "deleted"
        then = "" if old.retained else ", or deletes it in the end"
        return (
            f"becomes {second} and is {end} as {first}: the Kubernetes plugin refuses to create what exists"
            f" (from 4.29 on){then}; {_alias(old, new)} for {second} keeps it"
        )
    if _leaves(claim.old):
        return (
            f"is deleted as {first}, and {second} loses it;"
            f" `pulumi state delete '{old.urn}'` forgets {first} and deletes nothing"
        )
    return (
        f"would belong to {first} and to {second}: the Kubernetes plugin refuses to create what exists (from"
        " 4.29 on), or deletes it for both when either goes; remove one of them from the program"
    )


def _identity(one: Object) -> Identity | None:
    """Return what no two objects share; None where it is unknown, and for a Patch, which owns no object."""
    kind, name = get(one.manifest, "kind"), get(one.manifest, "metadata", "name")
    namespace = get(one.manifest, "metadata", "namespace") or "default"
    if not name or isinstance(name, Hidden) or isinstance(namespace, Hidden) or one.kind == f"{kind}Patch":
        return None
    group = str(get(one.manifest, "apiVersion")).rpartition("/")[0]
    return _provider(one.change), group, str(kind), str(namespace), str(name)


def _provider(change: Change) -> str:
    """Return an explicit provider, which may lead to another cluster; empty for a default one."""
    urn = change.provider.rpartition("::")[0]
    return "" if urn.rpartition("::")[2].startswith("default") else urn


def _arrives(new: Object) -> bool:
    """Whether the resource did not have the object before."""
    change = new.change
    moved = change.op is Op.REPLACE and _identity(Object(change, change.old)) != _identity(new)
    return moved or change.op in (Op.CREATE, Op.IMPORT)


def _leaves(old: Object) -> bool:
    """Whether the resource does not have the object afterwards."""
    change = old.change
    moved = change.op is Op.REPLACE and _identity(Object(change, change.new)) != _identity(old)
    return moved or change.op is Op.DELETE


def _alias(old: Change, new: Change) -> str:
    same_place = (old.parent, old.type) == (new.parent, new.type)
    alias = f'pulumi.Alias(name="{old.name}")' if same_place else f'"{old.urn}"'
    return f"opts=pulumi.ResourceOptions(aliases=[{alias}])"
