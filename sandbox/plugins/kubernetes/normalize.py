"""The form in which inputs are compared and stored: as if they had passed through the built-in Go types.

The official plugin converts inputs to the types of k8s.io/api and back
(provider/pkg/clients/unstructured.go), with the rules of k8s.io/apimachinery/pkg/runtime/converter.go. Those
types are in schema/types.json; schema/main.go tells its notation. What does not fit its type is left as it
is: the API server will tell.
"""

import base64
import binascii
import copy
import functools
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.plugins.kubernetes import kinds, quantity
from sandbox.plugins.kubernetes.awaiting_context import Object
from sandbox.plugins.kubernetes.objects import drop, pluck
from sandbox.plugins.kubernetes.values import has_unknown, is_map

_READ_ONLY = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)
_OMIT = object()


@functools.cache
def schema() -> dict[str, dict[str, Any]]:
    """The built-in kinds, their types and lifecycles."""
    loaded: dict[str, dict[str, Any]] = json.loads(
        (Path(__file__).parent / "schema" / "types.json").read_bytes()
    )
    return loaded


def fields_of(api_version: str, kind: str) -> Mapping[str, str]:
    """The fields of a built-in kind, with their types; empty for any other."""
    name = schema()["kinds"].get(f"{api_version}/{kind}")
    return schema()["types"][name] if name else {}


def normalize(obj: Object) -> Object:
    """A copy of the inputs in normal form, without read-only metadata; unknowns keep an object as it is."""
    obj = copy.deepcopy(obj)
    if not has_unknown(obj) and obj.get("apiVersion") in kinds.KNOWN_GROUP_VERSIONS:
        obj = _normalized(obj)
    for field in _READ_ONLY:
        drop(obj, "metadata", field)
    return obj


def _normalized(obj: Object) -> Object:
    if kinds.is_crd(obj):
        if pluck(obj, "spec", "preserveUnknownFields") is False:
            drop(obj, "spec", "preserveUnknownFields")
        drop(obj, "status")
        return obj
    if kinds.is_secret(obj):
        _normalize_secret(obj)
        return obj
    fields = fields_of(obj["apiVersion"], str(obj.get("kind")))
    if not fields:
        return obj
    try:
        return _struct(obj, fields)
    except ValueError:
        return obj


def _normalize_secret(obj: Object) -> None:
    """Move stringData into data, else trim the whitespace of data, as the API server does."""
    strings, data = obj.get("stringData"), obj.get("data")
    if is_map(strings) and strings and all(isinstance(value, str) for value in strings.values()):
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in strings.items()}
        obj["data"] = {**(data if is_map(data) else {}), **encoded}
        del obj["stringData"]
    elif is_map(data):
        for key, value in data.items():
            try:
                data[key] = _bytes(value)
            except ValueError:
                continue


def _struct(value: Any, fields: Mapping[str, str]) -> Object:
    if not is_map(value):
        raise ValueError("expected a map")
    converted = {key: _field(item, fields[key]) for key, item in value.items() if key in fields}
    return {key: item for key, item in converted.items() if item is not _OMIT}


def _field(value: Any, notation: str) -> Any:
    base = notation.removesuffix("?")
    converted = _convert(value, base)
    if base == notation or base[0] in "#qxtur":
        return converted
    if base[0] == "*":
        return _OMIT if value is None else converted
    return converted or _OMIT


def _convert(value: Any, notation: str) -> Any:
    if value is None:
        return _zero(notation)
    head = notation[0]
    if head == "*":
        return _convert(value, notation[1:])
    if head == "#":
        return _struct(value, schema()["types"][notation[1:]])
    if head == "[":
        return [_convert(item, notation[2:]) for item in _expect(value, list)]
    if head == "{":
        return {key: _convert(item, notation[2:]) for key, item in _expect(value, dict).items()}
    return _SCALARS[head](value)


def _zero(notation: str) -> Any:
    if notation[0] != "#":
        return {"s": "", "b": False, "i": 0, "f": 0, "q": "0", "x": 0}.get(notation[0])
    fields = schema()["types"][notation[1:]]
    zeros = {key: _field(None, kind) for key, kind in fields.items() if kind != "t?"}
    return {key: value for key, value in zeros.items() if value is not _OMIT}


def _expect(value: Any, *types: type) -> Any:
    if type(value) not in types:
        raise ValueError(f"expected {types[0].__name__}")
    return value


def _integer(value: Any) -> int:
    if int(_expect(value, int, float)) != value:
        raise ValueError("expected a whole number")
    return int(value)


def _bytes(value: Any) -> str:
    encoded = _expect(value, str).replace("\n", "").replace("\r", "")
    try:
        return base64.b64encode(base64.b64decode(encoded, validate=True)).decode()
    except binascii.Error as error:
        raise ValueError("expected base64") from error


def _time(fraction: str, timespec: str) -> Callable[[Any], str]:
    """RFC 3339, in UTC."""
    form = re.compile(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d{fraction}(Z|[+-]\d\d:\d\d)")

    def convert(value: Any) -> str:
        if not form.fullmatch(_expect(value, str)):
            raise ValueError("expected an RFC 3339 time")
        moment = datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
        return moment.isoformat(timespec=timespec) + "Z"

    return convert


_SCALARS: Mapping[str, Callable[[Any], Any]] = {
    "s": lambda value: _expect(value, str),
    "b": lambda value: _expect(value, bool),
    "i": _integer,
    "f": lambda value: _expect(value, float, int),
    "y": _bytes,
    "q": lambda value: quantity.canonical(_expect(value, str, int, float)),
    "x": lambda value: value if isinstance(value, str) else _integer(value),
    "t": _time(r"(\.\d+)?", "seconds"),
    "u": _time(r"\.\d{6}", "microseconds"),
    "d": lambda value: _expect(value, str),
    "r": lambda value: value,
}
