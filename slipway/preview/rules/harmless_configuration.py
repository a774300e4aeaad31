"""Conditions under which changes of variables, volumes, ConfigMaps and Secrets are harmless."""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.preview.rules import configuration
from slipway.preview.rules.consequence import Object, get, items, mapping
from slipway.preview.rules.harmless_conditions import Context, added

_KEYS = {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}
_FIELDS = {"fieldRef", "resourceFieldRef"}
_OBJECTS = {"configMapRef": "ConfigMap", "secretRef": "Secret"}
_PROJECTED = {"configMap", "secret", "downwardAPI"}
"""Parts of a projected volume that are no credentials of the pod, such as a token."""
_Source = tuple[str, str, str]
"""The kind and the name of an object that pods read as a whole, and the prefix of their variables."""


def variable_stays(context: Context) -> bool:
    """Return whether a variable is added or changed, and what it refers to is known."""
    name = context.difference.path[4]
    before, after = (_variable(context.container(after), name) for after in (False, True))
    # An added variable takes nothing from pods: without a value it is empty.
    has_value = before is None or get(after, "value") is not None or _has_source(context, before, after)
    return has_value and not _is_outside(context)


def _variable(container: Any, name: str) -> Any:
    return next((item for item in items(get(container, "env")) if get(item, "name") == name), None)


def _has_source(context: Context, before: Any, after: Any) -> bool:
    """Return whether a variable refers to something; if that may be missing, whether it exists."""
    source = mapping(get(after, "valueFrom"))
    for field, kind in _KEYS.items():
        reference = source.get(field)
        if get(reference, "optional"):
            former = get(before, "valueFrom", field)
            same = all(get(former, part) == get(reference, part) for part in ("name", "key"))
            read = _object(context, kind, get(reference, "name"), after=True)
            return same or (read is not None and get(reference, "key") in (configuration.keys(read) or ()))
    return bool(source.keys() & (_KEYS.keys() | _FIELDS))


def content_stays(context: Context) -> bool:
    """Return whether content changes, no key of it is lost, and all that reads it restarts with it."""
    difference, situation = context.difference, context.situation
    if context.new.kind in configuration.CONCERNS:
        key = difference.path[-1]
        if difference.new is None and configuration.readers(situation, context.new, situation.after, key):
            return False
        return configuration.readers_restart(situation, context.new, key)
    before, after = (list(_sources(context, after)) for after in (False, True))
    left = {_identity(context, source, after=True) for source in after}
    names = {name for source in after for name in _names(context, source, after=True) or ()}
    return not _is_outside(context) and all(
        _identity(context, source, after=False) in left
        or ((lost := _names(context, source, after=False)) is not None and lost <= names)
        for source in before
    )


def _sources(context: Context, after: bool) -> Iterator[_Source]:
    """Yield what pods read as a whole, by the value of the difference: `envFrom`, or a volume's object."""
    value, path = context.values[after], context.difference.path
    if path[-1] != "envFrom":
        kind = "ConfigMap" if path[-2] == "configMap" else "Secret"
        yield from [(kind, value, "")] if isinstance(value, str) else []
    for entry in items(value):
        for field, kind in _OBJECTS.items():
            if reference := get(entry, field):
                yield kind, str(get(reference, "name")), str(get(entry, "prefix") or "")


def _object(context: Context, kind: str, name: Any, *, after: bool) -> Object | None:
    objects = context.situation.after if after else context.situation.before
    key = (kind, context.new.namespace, name)
    return next((item for item in objects if item.key == key), None)


def _identity(context: Context, source: _Source, *, after: bool) -> _Source:
    """Return the object that is read, also under another name, and the prefix."""
    kind, name, prefix = source
    item = _object(context, kind, name, after=after)
    return kind, item.change.urn if item else name, prefix


def _names(context: Context, source: _Source, *, after: bool) -> set[str] | None:
    """Return the variables or files that an object becomes; None if its keys are not known."""
    kind, name, prefix = source
    item = _object(context, kind, name, after=after)
    keys = configuration.keys(item) if item else None
    return None if keys is None else {prefix + key for key in keys}


def _is_outside(context: Context) -> bool:
    return bool(list(configuration.outside(context.situation, context.new.change.urn)))


def added_volume(context: Context) -> bool:
    """Return whether a volume without data of its own is added, or a mount of it that hides nothing known."""
    item = context.difference.new
    if context.difference.old is not None or not isinstance(item, Mapping):
        return False
    name, workload = item.get("name"), context.workload()
    volumes = items(get(workload.pod, "volumes"))
    volume = next((volume for volume in volumes if get(volume, "name") == name), None)
    harmless = {"name", "emptyDir", "configMap", "secret", "downwardAPI", "projected"}
    sources = items(get(volume, "projected", "sources"))
    tokens = any(set(mapping(part)) - _PROJECTED for part in sources)
    known = isinstance(volume, Mapping) and set(volume) <= harmless
    hides = context.difference.path[-2] == "volumeMounts" and _hides(context, str(item.get("mountPath")))
    return known and not tokens and not hides and not _is_outside(context)


def _hides(context: Context, path: str) -> bool:
    """Return whether a mount hides what a container has there: its program, or a part of another volume."""
    before, after = (context.container(after) for after in (False, True))
    used = [get(after, "workingDir"), *items(get(after, "command"))[:1]]
    mounts = [get(mount, "mountPath") for mount in items(get(before, "volumeMounts"))]
    return any(_is_within(str(name), path) for name in used) or any(
        _is_within(path, str(mount)) for mount in mounts
    )


def _is_within(path: str, folder: str) -> bool:
    return f"{path}/".startswith(folder.rstrip("/") + "/")


def added_pull_secret(context: Context) -> bool:
    """Return whether a pull Secret of the stack is added."""
    return added(context) and not _is_outside(context)
