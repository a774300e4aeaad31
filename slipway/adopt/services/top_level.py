"""The fields of a Compose file that are about no service."""

from collections.abc import Mapping
from typing import Any

from slipway.adopt.reading.compose_files import Model
from slipway.adopt.reading.source import Source
from slipway.adopt.report import Report, join
from slipway.adopt.services.fields import TOP

_CONTENT = ("file", "environment", "content")


def top_level(
    source: Source, services: Mapping[str, Model], claims: Mapping[str, str], report: Report
) -> None:
    """Record what becomes of networks, volumes, secrets, configs and extensions.

    `claims` has the claim of each volume that a component keeps its data in.
    """
    written = source.written
    report.settle(written, "", TOP)
    for key in written:
        if key.startswith("x-"):
            report.left_out(key, "an extension: what refers to it is translated where it stands")
    for name, definition in (written.get("volumes") or {}).items():
        path = f"volumes.{name}"
        if name in claims:
            report.changed(path, f"the claim {claims[name]}")
        else:
            report.left_out(path, "no component uses it")
        for key in definition or {}:
            report.left_out(join(path, key), "the claim has a storage class: set `storage_class`")
    for kind in ("secrets", "configs"):
        used = _used(services, kind)
        for name, definition in (written.get(kind) or {}).items():
            _definition(f"{kind}.{name}", kind, name in used, definition or {}, report)


def _used(services: Mapping[str, Model], kind: str) -> set[str]:
    return {
        str(entry["source"] if isinstance(entry, Mapping) else entry)
        for service in services.values()
        for entry in [*service.get(kind, []), *((service.get("build") or {}).get(kind) or [])]
    }


def _definition(path: str, kind: str, used: bool, definition: Mapping[str, Any], report: Report) -> None:
    for key in definition:
        place = f"{path}.{key}"
        if not used:
            report.left_out(place, "no service that is in the program uses it")
        elif key not in _CONTENT:
            report.left_out(place, "make the Secret or ConfigMap in the program, or outside")
        elif not any(line.path == place for line in report.lines):
            report.changed(place, "a secret of the stack" if kind == "secrets" else "the content of a file")
