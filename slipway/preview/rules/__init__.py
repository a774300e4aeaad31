"""Rules that derive consequences from a change.

A rule is a function from a Situation to the consequences that it finds. Rules are independent of each other.
"""

from collections.abc import Callable, Iterable

from slipway.preview.rules import (
    configuration,
    data_loss,
    docker,
    downtime,
    identities,
    images,
    network_policies,
    pods,
    privileges,
    rbac,
    releases,
    resources,
    services,
)
from slipway.preview.rules.model import Cluster, Consequence, Level, Node, Quota, Situation, highest

Rule = Callable[[Situation], Iterable[Consequence]]

RULES: tuple[Rule, ...] = (
    data_loss.deletions,
    data_loss.restarts,
    data_loss.claims,
    identities.identities,
    downtime.removals,
    downtime.replacements,
    downtime.outages,
    downtime.later_outages,
    services.reachability,
    services.exposure,
    network_policies.traffic,
    privileges.pods,
    privileges.namespaces,
    rbac.roles,
    rbac.bindings,
    configuration.values,
    configuration.unfinished,
    pods.rollouts,
    pods.scaling,
    resources.limits,
    resources.capacity,
    resources.totals,
    images.images,
    releases.updates,
    releases.removals,
    releases.unlisted,
    docker.containers,
    docker.data,
    docker.networks,
    docker.ports,
)


def consequences(situation: Situation) -> tuple[Consequence, ...]:
    """Return the consequences of all rules, the worst first."""
    found = dict.fromkeys(consequence for rule in RULES for consequence in rule(situation))
    return tuple(sorted(found, key=lambda consequence: consequence.level, reverse=True))


__all__ = ["Cluster", "Consequence", "Level", "Node", "Quota", "Situation", "consequences", "highest"]
