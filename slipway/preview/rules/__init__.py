"""Rules that derive consequences from a change.

A rule is a function from a Situation to the consequences that it finds. Rules are independent of each other.
"""

from collections.abc import Callable, Iterable

from slipway.preview.rules import (
    configuration,
    data_loss,
    disruption_budgets,
    docker,
    double_ownership,
    downtime,
    helm_releases,
    images,
    ingresses,
    limit_ranges,
    models,
    network_policies,
    pods,
    postgres,
    privileges,
    rbac,
    resources,
    services,
    stack_outputs,
    unknown_effects,
    usage,
)
from slipway.preview.rules.consequence import Consequence, Level, Situation, highest

Rule = Callable[[Situation], Iterable[Consequence]]

RULES: tuple[Rule, ...] = (
    data_loss.deletions,
    data_loss.safeguards,
    data_loss.restarts,
    data_loss.unmounted,
    data_loss.claims,
    double_ownership.identities,
    downtime.removals,
    downtime.replacements,
    downtime.immutable,
    downtime.providers,
    downtime.outages,
    downtime.later_outages,
    services.reachability,
    services.exposure,
    ingresses.changes,
    network_policies.traffic,
    privileges.pods,
    privileges.namespaces,
    rbac.roles,
    rbac.bindings,
    configuration.values,
    configuration.unfinished,
    configuration.missing,
    configuration.unlisted,
    postgres.restarts,
    postgres.removals,
    postgres.claims,
    postgres.durability,
    postgres.restores,
    postgres.other_origins,
    pods.rollouts,
    pods.probes,
    pods.scaling,
    pods.scalers,
    disruption_budgets.changes,
    resources.limits,
    limit_ranges.changes,
    resources.capacity,
    resources.totals,
    usage.requests,
    images.images,
    images.platforms,
    models.cards,
    stack_outputs.changes,
    helm_releases.updates,
    helm_releases.removals,
    helm_releases.unlisted,
    docker.containers,
    docker.data,
    docker.networks,
    docker.ports,
    docker.privileges,
)


def consequences(situation: Situation) -> tuple[Consequence, ...]:
    """Return the consequences of all rules, the worst first."""
    found = dict.fromkeys(consequence for rule in RULES for consequence in rule(situation))
    found |= dict.fromkeys(unknown_effects.changes(situation, tuple(found)))
    return tuple(sorted(found, key=lambda consequence: consequence.level, reverse=True))


__all__ = ["Consequence", "Level", "Situation", "consequences", "highest"]
