"""Random objects of every built-in kind, by the fields of its type."""

from typing import Any

from hypothesis import strategies as st

from sandbox.plugins.kubernetes.normalize import schema
from sandbox.plugins.kubernetes.values import Unknown

Object = dict[str, Any]

_COMMON = ("apps/v1/Deployment", "v1/Pod", "v1/Service", "v1/Secret", "v1/ConfigMap", "batch/v1/Job")
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "s": st.sampled_from(["", "a", "x-y", "1", 'q"t', "a.b/c"]),
    "b": st.booleans(),
    "i": st.sampled_from([0, 1, 80, -1]),
    "f": st.sampled_from([0, 1.5]),
    "y": st.sampled_from(["", "YQ==", "!!"]),
    "q": st.sampled_from(
        ["0", "0.5", "1000m", "1024Mi", "1.250", "1e3", "12e6", "1.5Gi", "0.1n", "00", 2, 2.5]
    ),
    "x": st.sampled_from([0, 80, "80", "25%", ""]),
    "t": st.sampled_from(["2024-01-02T03:04:05Z", "2024-01-02T03:04:05.1+02:00", "late"]),
    "u": st.sampled_from(["2024-01-02T03:04:05.000001Z", "2024-01-02T03:04:05Z"]),
    "r": st.sampled_from(["raw", {"a": [1]}, 5]),
}
_WRONG = st.sampled_from(["wrong", 5, True, {}, {"a": 1}, 1.5])
_KEYS = st.sampled_from(["k", "k.1", "a/b", "app"])
_IDENTITY = ("name", "generateName", "namespace")


@st.composite
def objects(draw: st.DrawFn, *, unknowns: bool = False) -> Object:
    """An object with some fields of its kind, a few of them of a wrong type or unknown to the kind."""
    kinds = schema()["kinds"]
    key = draw(st.sampled_from(_COMMON) | st.sampled_from(sorted(kinds)))
    obj: Object = _struct(draw, kinds[key], 4, unknowns)
    api_version, _, kind = key.rpartition("/")
    metadata = obj.get("metadata")
    kept = {k: v for k, v in metadata.items() if k not in _IDENTITY} if isinstance(metadata, dict) else {}
    namespace = draw(st.sampled_from([{}, {"namespace": "ns"}, {"namespace": ""}]))
    return obj | {"apiVersion": api_version, "kind": kind, "metadata": kept | namespace | {"name": "it"}}


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """A value like the given one, parts of it left out, added or altered."""
    if isinstance(value, dict):
        made = {k: v if k in ("apiVersion", "kind") else draw(changed(v)) for k, v in value.items()}
        gone = draw(st.sets(st.sampled_from(sorted(made)), max_size=1)) if made else set()
        added = draw(st.dictionaries(st.sampled_from(["added", "a.b"]), _WRONG, max_size=1))
        return {k: v for k, v in made.items() if k not in gone - {"apiVersion", "kind", "metadata"}} | added
    if isinstance(value, list) and value:
        # Lists of mixed types make the official plugin panic.
        return value[: draw(st.integers(0, len(value)))] + value[: draw(st.integers(0, 1))]
    altered = st.sampled_from([value, value, value, "altered", 7])
    return value if isinstance(value, list) else draw(altered)


def _struct(draw: st.DrawFn, name: str, depth: int, unknowns: bool) -> Object:
    fields = schema()["types"][name]
    chosen = draw(st.sets(st.sampled_from(sorted(fields)), max_size=4 if depth else 1)) if fields else set()
    made = {key: _value(draw, fields[key].removesuffix("?"), depth, unknowns) for key in sorted(chosen)}
    return made | draw(st.sampled_from([{}] * 9 + [{"unknownField": 1}]))


def _value(draw: st.DrawFn, notation: str, depth: int, unknowns: bool, *, item: bool = False) -> Any:
    odd = 0 if item else draw(st.integers(0, 30))
    if odd == 1:
        return draw(_WRONG)
    if odd == 2 and unknowns:
        return Unknown()
    head = notation[0]
    if head == "*":
        return _value(draw, notation[1:], depth, unknowns, item=True)
    if head == "#":
        return _struct(draw, notation[1:], max(0, depth - 1), unknowns)
    if head == "[":
        count = draw(st.integers(0, 2)) if depth else 0
        return [_value(draw, notation[2:], depth, unknowns, item=True) for _ in range(count)]
    if head == "{":
        keys = draw(st.sets(_KEYS, max_size=2))
        return {key: _value(draw, notation[2:], depth, unknowns, item=True) for key in sorted(keys)}
    return draw(_SCALARS[head])
