"""Helm releases: one resource, whose objects the engine does not list.

The engine lists every object of a `Chart`, a `ConfigGroup` and a kustomize `Directory`; the other rules
examine them. A `Release` has only the chart, the values, and the names of the objects of its last revision.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.preview.rules.consequence import RELEASE, Consequence, Level, Situation, get, items, mapping
from slipway.preview.rules.data_loss import HARMLESS_KINDS, HOLDERS
from slipway.preview.rules.downtime import ENTRANCES
from slipway.preview.rules.workloads import SERVING
from slipway.pulumi.changes import Change, Hidden, Op

_UNLISTED = "the engine does not list its objects"


def updates(situation: Situation) -> Iterator[Consequence]:
    """Yield releases that are installed or upgraded."""
    for change in _releases(situation):
        if change.op in (Op.CREATE, Op.IMPORT):
            chart = f"{_short(_chart(change.new))} {_version(change.new)}"
            yield _consequence(change, Level.ATTENTION, f"installs chart {chart}: {_UNLISTED}")
        elif change.op is Op.UPDATE:
            yield _consequence(
                change,
                Level.ATTENTION,
                f"is upgraded ({_difference(change)}): {_UNLISTED}, so the effect on pods, Services and data"
                " is unknown",
            )
            if get(change.new, "recreatePods") is True:
                reason = "deletes all pods of its changed workloads at once (recreatePods)"
                yield _consequence(change, Level.DANGEROUS, reason, concern="downtime")


def removals(situation: Situation) -> Iterator[Consequence]:
    """Yield releases that Helm uninstalls, for good or to install them under another name."""
    for change in _releases(situation):
        if change.deletes:
            level, concern, reason = _uninstalled(_objects(change))
            again = ", then installed again" if change.op is Op.REPLACE else ""
            yield Consequence(
                level,
                concern,
                f"Release {_name(change)} is uninstalled{again}: {reason}",
                change.urn,
                details=tuple(f"{kind} {name}" for kind, name in _objects(change)),
            )


def unlisted(situation: Situation) -> Iterator[Consequence]:
    """Yield charts, manifests and kustomizations that depend on a value of the update."""
    for component in situation.incomplete:
        reason = (
            "depends on a value that is known only after the update: the effect on its objects is unknown"
        )
        yield Consequence(
            Level.ATTENTION,
            "configuration",
            f"{component.kind} {component.name} {reason}",
            component.urn,
        )


def _releases(situation: Situation) -> Iterator[Change]:
    return (change for change in situation.changes if change.type == RELEASE)


def _uninstalled(objects: list[tuple[str, str]]) -> tuple[Level, str, str]:
    """Return the consequence of uninstalling a release. Objects of an unfamiliar kind may hold data."""
    kinds = {kind for kind, _ in objects}
    if not kinds:
        return Level.DANGEROUS, "data", "the objects that are deleted with it are unknown"
    if holders := sorted(kind for kind in kinds if kind in HOLDERS or kind not in HARMLESS_KINDS):
        return Level.DANGEROUS, "data", f"the data of its {' and '.join(holders)} objects may be lost"
    if serving := sorted(kinds & {*SERVING, *ENTRANCES}):
        return Level.DANGEROUS, "downtime", f"its {' and '.join(serving)} objects stop serving"
    return Level.ATTENTION, "configuration", f"its {' and '.join(sorted(kinds))} objects are deleted"


def _objects(change: Change) -> list[tuple[str, str]]:
    """Read the objects of the last revision: {"Deployment.apps/apps/v1": ["shop/cache"]}."""
    listed = mapping(get(change.live, "resourceNames"))
    return sorted(
        (kind.partition("/")[0].partition(".")[0], str(name).rpartition("/")[2])
        for kind, names in listed.items()
        for name in items(names)
    )


def _difference(change: Change) -> str:
    charts, versions = (
        tuple(read(inputs) for inputs in (change.old, change.new)) for read in (_chart, _version)
    )
    if charts[0] != charts[1]:
        chart = f"chart {charts[0]} {versions[0]} → {charts[1]} {versions[1]}"
    elif versions[0] != versions[1]:
        chart = f"chart {_short(charts[1])} {versions[0]} → {versions[1]}"
    else:
        chart = f"chart {_short(charts[1])} {versions[1]}"
    paths = [item.path for item in change.properties if item.path not in ("chart", "version")]
    return f"{chart}; changes {', '.join(paths)}" if paths else chart


def _chart(inputs: Mapping[str, Any]) -> str:
    return str(get(inputs, "chart"))


def _short(chart: str) -> str:
    """Return a chart without its address: cache for ./charts/cache and oci://registry/charts/cache."""
    return chart.rstrip("/").rpartition("/")[2]


def _version(inputs: Mapping[str, Any]) -> str:
    """Return the version. The plugin leaves it empty if it depends on a value of the update."""
    version = get(inputs, "version")
    return str(version) if version and not isinstance(version, Hidden) else "unknown version"


def _name(change: Change) -> str:
    name = get(change.old or change.new, "name")
    return change.name if name is None or isinstance(name, Hidden) else str(name)


def _consequence(change: Change, level: Level, reason: str, concern: str = "configuration") -> Consequence:
    return Consequence(level, concern, f"Release {_name(change)} {reason}", change.urn)
