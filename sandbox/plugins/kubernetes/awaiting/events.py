"""Events: what controllers, the scheduler and kubelets say about an object."""

from collections.abc import Iterable

from sandbox.plugins.kubernetes.awaiting.fields import explained, uid_of
from sandbox.plugins.kubernetes.awaiting_context import Object
from sandbox.plugins.kubernetes.objects import pluck


def about(obj: Object, events: Iterable[Object]) -> list[Object]:
    """The Events about an object since its spec or metadata was last written, oldest first.

    An Event outlives its cause by an hour, so those of an earlier failed attempt are left out. Both times are
    those of the cluster's own clocks, to the second.
    """
    uid, since = uid_of(obj), _last_written(obj)
    found = [
        event for event in events if pluck(event, "involvedObject", "uid") == uid and _time(event) >= since
    ]
    return sorted(found, key=_time)


def warnings_about(obj: Object, events: Iterable[Object], *, also_normal: bool = False) -> list[str]:
    """The warnings among the Events about an object, as `[Reason] message`, oldest first."""
    return [explained(event) for event in about(obj, events) if also_normal or event.get("type") == "Warning"]


def _time(event: Object) -> str:
    """When an Event was last seen. RFC 3339 in UTC, cut to seconds, sorts as text."""
    series = pluck(event, "series", "lastObservedTime")
    when = series or event.get("lastTimestamp") or event.get("eventTime")
    return str(when or pluck(event, "metadata", "creationTimestamp") or "")[:19]


def _last_written(obj: Object) -> str:
    written = [
        str(entry.get("time", ""))
        for entry in pluck(obj, "metadata", "managedFields") or []
        if not entry.get("subresource")
    ]
    return max(written, default=str(pluck(obj, "metadata", "creationTimestamp") or ""))[:19]
