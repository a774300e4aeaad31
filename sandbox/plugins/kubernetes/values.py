"""The engine's property values: plain Python ones, with secrets and unknowns among them.

The notation inside google.protobuf.Struct is that of sdk/go/common/resource/plugin/rpc.go of pulumi.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - marks a secret, is none
_UNKNOWN: dict[str, Any] = {
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9": "",
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7": False,
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421": 0,
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2": [],
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff": {},
}

Properties = dict[str, Any]
"""A property map."""


@dataclass(frozen=True)
class Secret:
    """A value that must not be shown or stored in plain text."""

    value: Any


@dataclass(frozen=True)
class Unknown:
    """A value that is not known before other resources are made."""

    signature: str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

    @property
    def zero(self) -> Any:
        """The empty value of its type."""
        return _UNKNOWN[self.signature]


def from_struct(message: Struct) -> Properties:
    """The property map of a message. Whole numbers become integers, as in JSON."""
    return {key: _from_value(value) for key, value in message.fields.items()}


def _from_value(message: Value) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "string_value":
        text = message.string_value
        return Unknown(text) if text in _UNKNOWN else text
    if kind == "struct_value":
        fields = message.struct_value.fields
        if _SIGNATURE in fields and fields[_SIGNATURE].string_value == _SECRET:
            return Secret(_from_value(fields["value"]))
        return from_struct(message.struct_value)
    if kind == "list_value":
        return [_from_value(item) for item in message.list_value.values]
    if kind == "number_value":
        number = message.number_value
        return int(number) if number.is_integer() else number
    return message.bool_value if kind == "bool_value" else None


def to_struct(properties: Mapping[str, Any]) -> Struct:
    """The message of a property map."""
    return Struct(fields={key: _to_value(value) for key, value in properties.items()})


def _to_value(value: Any) -> Value:
    match value:
        case None:
            return Value(null_value=NULL_VALUE)
        case bool():
            return Value(bool_value=value)
        case str():
            return Value(string_value=value)
        case int() | float():
            return Value(number_value=value)
        case Secret():
            return Value(struct_value=to_struct({_SIGNATURE: _SECRET, "value": value.value}))
        case Unknown():
            return Value(string_value=value.signature)
        case Mapping():
            return Value(struct_value=to_struct(value))
        case Iterable():
            return Value(list_value=ListValue(values=[_to_value(item) for item in value]))
    raise TypeError(f"{type(value).__name__} is no property value")


def without_secrets(value: Any) -> Any:
    """A deep copy in which every secret is replaced by what it holds."""
    match value:
        case Secret():
            return without_secrets(value.value)
        case dict():
            return {key: without_secrets(item) for key, item in value.items()}
        case list():
            return [without_secrets(item) for item in value]
    return value


def has_secret(value: Any) -> bool:
    """Whether a secret is in the value."""
    return isinstance(value, Secret) or any(map(has_secret, _items(value)))


def has_unknown(value: Any) -> bool:
    """Whether an unknown is in the value, secrets looked into."""
    return isinstance(value, Unknown) or any(map(has_unknown, _items(value)))


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, Secret):
        return (value.value,)
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def same_type(left: Any, right: Any) -> bool:
    """Whether two values are of one JSON type; for Python alone, True is also a number."""
    return _json_type(left) is _json_type(right)


def equal(left: Any, right: Any) -> bool:
    """Whether two values are the same JSON; 1 and 1.0 are, 1 and True are not."""
    if not same_type(left, right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def _json_type(value: Any) -> type:
    return int if isinstance(value, float) else type(value)


def is_map(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether the value is a map, which an unknown is not."""
    return isinstance(value, dict)
