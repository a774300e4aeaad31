"""Consequences: what a change does to those who use what it changes.

Each rule is a function of what is known to the consequences it sees, and knows nothing of the others.
"""

from collections.abc import Callable, Iterable

from slipway.preview.rules import (
    configuration,
    downtime,
    identities,
    images,
    pods,
    privileges,
    releases,
    resources,
    services,
)
from slipway.preview.rules import data_loss as data
from slipway.preview.rules import network_policies as traffic
from slipway.preview.rules import rbac as access
from slipway.preview.rules.model import Cluster, Consequence, Level, Node, Quota, Situation

Rule = Callable[[Situation], Iterable[Consequence]]

RULES: tuple[Rule, ...] = (
    data.losses,
    data.restarts,
    data.claims,
    identities.identities,
    downtime.removals,
    downtime.replacements,
    downtime.restarts,
    downtime.later,
    services.reachability,
    services.exposure,
    traffic.policies,
    privileges.pods,
    privileges.namespaces,
    access.roles,
    access.bindings,
    configuration.values,
    configuration.unfinished,
    pods.restarts,
    pods.scaling,
    resources.limits,
    resources.capacity,
    resources.sums,
    images.images,
    releases.updates,
    releases.removals,
    releases.unlisted,
)


def consequences(situation: Situation) -> tuple[Consequence, ...]:
    """Return what all rules say, the worst first."""
    found = (one for rule in RULES for one in rule(situation))
    return tuple(sorted(dict.fromkeys(found), key=lambda one: -one.level.rank))


__all__ = ["Cluster", "Consequence", "Level", "Node", "Quota", "Situation", "consequences"]
