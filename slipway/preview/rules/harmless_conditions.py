"""Conditions under which the change of a property is harmless."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.cluster.quantities import amount
from slipway.preview.rules import (
    data_loss,
    disruption_budgets,
    images,
    ingresses,
    metadata,
    network_policies,
    rbac,
    services,
)
from slipway.preview.rules.consequence import Level, Object, Situation, get, items, mapping
from slipway.preview.rules.differences import Difference, default_of
from slipway.preview.rules.workloads import Workload, selects, workloads
from slipway.pulumi.changes import Hidden, Op

_STARTS_FROM = {"initialDelaySeconds": 0, "backoffLimit": 6}
"""Numbers that a raised one is compared to if it was missing, besides the defaults in `differences`."""
_SHARED = {"ReadWriteMany", "ReadOnlyMany"}
"""Access modes of a volume that pods of several nodes may use."""
_SHORTEST_MONTH = 28
"""The number of days that every month has."""


@dataclass(frozen=True)
class Context:
    """One difference of an object, and all that a condition may look at."""

    situation: Situation
    old: Object
    new: Object
    difference: Difference

    @property
    def values(self) -> tuple[Any, Any]:
        """The value before and after."""
        return self.difference.old, self.difference.new

    def workload(self, after: bool = True) -> Workload:
        """Return the object as a workload."""
        objects = self.situation.after if after else self.situation.before
        urn = self.new.change.urn
        return next(item for item in workloads(self.situation, objects) if item.object.change.urn == urn)

    def container(self, after: bool = True) -> Any:
        """Return the container of the difference."""
        _, containers, name = self.difference.path[:3]
        found = items(get(self.workload(after).pod, containers))
        return next((container for container in found if get(container, "name") == name), None)


def added(context: Context) -> bool:
    """Return whether the property is new."""
    return context.difference.old is None


def raised_from_a_value(context: Context) -> bool:
    """Return whether a number, or the default in its place, is raised."""
    default = default_of(context.difference)
    default = _STARTS_FROM.get(context.difference.path[-1]) if default is None else default
    before, after = (default if value is None else value for value in context.values)
    return not is_hidden(before, after) and None not in (before, after) and amount(after) >= amount(before)


def raised(context: Context) -> bool:
    """Return whether a quantity is raised, or set where there was none."""
    before, after = context.values
    return not is_hidden(before, after) and after is not None and amount(after) >= amount(before)


def raised_request(context: Context) -> bool:
    """Return whether a request is raised, or set to no less than the limit, which is its default."""
    if context.difference.old is not None:
        return raised(context)
    limit = get(context.container(after=False), "resources", "limits", context.difference.path[-1])
    after = context.difference.new
    return not is_hidden(limit, after) and amount(after) >= amount(limit)


def retries(context: Context) -> bool:
    """Return whether failed pods of a job, which may run again already, run again more often."""
    return raised_from_a_value(context) and context.difference.old != 0


def same_api(context: Context) -> bool:
    """Return whether an object stays in its API group; `extensions` was an early name of others."""
    before, after = (str(value).rpartition("/")[0] for value in context.values)
    return before in (after, "extensions")


def raised_or_removed(context: Context) -> bool:
    """Return whether a bound is raised or removed."""
    return context.difference.new is None or (added(context) is False and raised(context))


def at_least_one(context: Context) -> bool:
    """Return whether the new number is not 0."""
    return not is_hidden(context.difference.new) and context.difference.new != 0


def is_retained(context: Context) -> bool:
    """Return whether the new policy keeps claims."""
    return context.difference.new in (None, "Retain")


def label_is_unread(context: Context) -> bool:
    """Return whether no selector of the stack, and no controller, reads a label."""
    key = context.difference.path[-1]
    if not metadata.belongs_to_users(key):
        return False
    if context.difference.path[0] == "template":
        before, after = (context.workload(after).labels for after in (False, True))
    else:
        before, after = context.old.labels, context.new.labels
    return all(
        selects(selector, before) == selects(selector, after)
        for selector in metadata.selectors(context.situation)
    )


def annotation_is_unread(context: Context) -> bool:
    """Return whether no controller reads an annotation."""
    key = context.difference.path[-1]
    scraped = key.startswith("prometheus.io/") and context.difference.old is None
    guard = ingresses.GUARDS.search(key)
    return not guard and (metadata.belongs_to_users(key) or scraped)


def ordinary_image(context: Context) -> bool:
    """Return whether an image replaces another as in an ordinary release."""
    return images.is_ordinary(*context.values)


def pinned_image(context: Context) -> bool:
    """Return whether a pull policy does not matter: the image has a digest."""
    image = get(context.container(), "image")
    return context.difference.new != "Never" and (isinstance(image, Hidden) or "@sha256:" in str(image))


def pause_fits(context: Context) -> bool:
    """Return whether a longer pause before the stop ends before the grace period."""
    grace = get(context.workload().pod, "terminationGracePeriodSeconds")
    after = context.difference.new
    fits = after is not None and amount(after) < amount(30 if grace is None else grace)
    return fits and raised(context)


def patient_start(context: Context) -> bool:
    """Return whether a new startup probe does what the liveness probe does, and waits as long."""
    before, after = (mapping(context.container(after)) for after in (False, True))
    liveness, startup = mapping(before.get("livenessProbe")), mapping(after.get("startupProbe"))
    numbers = {"initialDelaySeconds": 0, "timeoutSeconds": 1, "periodSeconds": 10, "failureThreshold": 3}
    allowed = {*numbers, "httpGet", "tcpSocket", "exec", "grpc"}
    actions = [{key: probe[key] for key in probe if key not in numbers} for probe in (liveness, startup)]
    times = [
        [amount(probe.get(key, default)) for key, default in numbers.items()] for probe in (liveness, startup)
    ]
    waits = [delay + period * failures for delay, _, period, failures in times]
    known = set(startup) <= allowed and not any(isinstance(startup.get(key), Hidden) for key in numbers)
    same = actions[0] == actions[1] and after.get("livenessProbe") == before.get("livenessProbe")
    return (
        "startupProbe" not in before
        and known
        and same
        and waits[1] >= waits[0]
        and times[1][1] >= times[0][1]
    )


def is_kept(context: Context) -> bool:
    """Return whether the object that is replaced stays in the cluster."""
    return context.old.change.op is Op.REPLACE and context.old.change.retained


def owns_no_files(context: Context) -> bool:
    """Return whether another user runs pods that keep no files."""
    changed = context.difference.new not in (None, 0) and context.difference.old is not None
    return changed and not data_loss.has_volume(context.workload())


def preferred_spread(context: Context) -> bool:
    """Return whether all spread constraints are preferences, before and after."""
    constraints = [item for value in context.values for item in items(value)]
    return all(get(item, "whenUnsatisfiable") == "ScheduleAnyway" for item in constraints)


def no_fewer_pods(context: Context) -> bool:
    """Return whether there are at least as many pods as before."""
    before, after = context.workload(after=False), context.workload()
    missing = None in context.values and before.replicas != after.replicas
    if is_hidden(*context.values) or missing or after.replicas < before.replicas:
        return False
    # Several pods that run already share what they have.
    second = context.new.kind != "StatefulSet" and before.replicas <= 1 < after.replicas
    return not (second and _is_alone(context, after))


def _is_alone(context: Context, workload: Workload) -> bool:
    """Return whether a second pod may do harm: both have a volume of one node, or never run together."""
    shared = {
        item.name
        for item in context.situation.after
        if item.kind == "PersistentVolumeClaim"
        and set(items(get(item.manifest, "spec", "accessModes"))) & _SHARED
    }
    volumes = items(get(workload.pod, "volumes"))
    claims = {str(name) for item in volumes if (name := get(item, "persistentVolumeClaim", "claimName"))}
    return workload.strategy == "Recreate" or bool(claims - shared)


def keeps_half(context: Context) -> bool:
    """Return whether a rollout may stop no more pods than before, or less than half of them."""
    workload = context.workload()
    before = context.workload(after=False)
    return workload.unavailable <= before.unavailable or workload.unavailable * 2 < workload.replicas


def as_often(context: Context) -> bool:
    """Return whether a schedule runs as often as before: only single numbers in it differ."""
    before, after = (str(value).split() for value in context.values)
    if not len(before) == len(after) == 5:
        return False
    changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    # Not every month has the days 29, 30 and 31.
    rare = any(part[2].isdigit() and int(part[2]) > _SHORTEST_MONTH for part in (before, after))
    same_days = before[2:4] == after[2:4]
    return all(part.isdigit() for pair in changed for part in pair) and (same_days or not rare)


def leads_to_the_same_pods(context: Context) -> bool:
    """Return whether a Service leads to the same ports of the same pods."""
    return services.leads_to_the_same(context.situation, context.old, context.new)


def same_routes(context: Context) -> bool:
    """Return whether a door leads to the same ports of the same Services."""
    return ingresses.leads_to_the_same(context.situation, context.old, context.new)


def scales_no_less(context: Context) -> bool:
    """Return whether an autoscaler may add as many pods, by the same metrics."""
    if context.difference.path[-1] == "metrics":
        before, after = (ingresses.text(_without_targets(value)) for value in context.values)
        return before == after
    return not is_hidden(*context.values) and None not in context.values and raised(context)


def _without_targets(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_targets(item) for item in value]
    return {
        key: _without_targets(item) for key, item in mapping(value).items() if not key.startswith("average")
    } or (None if isinstance(value, Mapping) else value)


def budget_works(context: Context) -> bool:
    """Return whether a budget protects no less than before, and lets a drain proceed."""
    known = {"minAvailable", "maxUnavailable", "selector"}
    changed = context.difference.path[1]
    before, after = (
        disruption_budgets.Budget.from_object(context.situation, item, objects)
        for item, objects in ((context.old, context.situation.before), (context.new, context.situation.after))
    )
    tighter = after.allowed <= before.allowed and after.pods >= before.pods
    return changed in known and not after.problem and tighter and after.workloads >= before.workloads


def policies_add_up(context: Context) -> bool:
    """Return whether the rule about traffic compared the pods of a policy, and found no harm."""
    known = {"podSelector", "ingress", "egress", "policyTypes"}
    applies = network_policies.selects_workloads(context.situation, context.old, context.new)
    found = network_policies.traffic(context.situation)
    return (
        context.difference.path[1] in known
        and applies
        and all(consequence.level is Level.SAFE for consequence in found)
    )


def same_rights(context: Context) -> bool:
    """Return whether a role grants the same rights, or a binding has the same subjects."""
    return rbac.holds(context.old) == rbac.holds(context.new)


def is_hidden(*values: Any) -> bool:
    """Return whether one of the values is a secret, or unknown until the update."""
    return any(isinstance(value, Hidden) for value in values)
