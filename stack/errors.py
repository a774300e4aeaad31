"""Report of the problems in a stack file: each key, its value, the rule, a command to repair it."""

import difflib
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic.alias_generators import to_camel

from components.validation import Problem

Schema = dict[str, Any]
Key = str | int

_SIMPLE = r"[^.\[\]\"'\s]+"
"""A key that a path of Pulumi has as it is: https://www.pulumi.com/docs/iac/concepts/config/."""


def report(stack: str, problems: Sequence[Problem], schema: Schema) -> str:
    """Return a paragraph for each problem; `schema` is the settings' schema, with examples."""
    lines = [f"stack {stack!r} cannot be deployed, and nothing was touched. In Pulumi.{stack}.yaml:"]
    for problem in problems:
        place = _find(problem, schema)
        text = problem.text
        if problem.kind == "unknown" and place.allowed:
            text += f"; {_suggestion(str(place.keys[-1]), place.allowed)}"
        lines += ["", f"  {_written(place.keys)} {text}" if place.keys else f"  {text}"]
        lines += [f"      pulumi config {_repair(problem, place)}--stack {stack}"]
    return "\n".join(lines)


def _suggestion(key: str, allowed: Mapping[str, Schema]) -> str:
    close = difflib.get_close_matches(key, allowed, 1)
    return f"did you mean {close[0]}?" if close else f"the keys here are {', '.join(sorted(allowed))}"


class _Place(NamedTuple):
    """A place in a stack file: the keys that lead to it, and what the schema has there."""

    keys: list[Key]
    allowed: dict[str, Schema]
    """The keys that are allowed in place of the last."""
    schemas: list[Schema]
    """What the value may be."""


def _repair(problem: Problem, place: _Place) -> str:
    """Return the end of a `pulumi config` command, which prints the settings if no key is to blame."""
    if not place.keys:
        return ""
    key = "--path " * (len(place.keys) > 1) + shlex.quote(_written(place.keys))
    if problem.kind in ("unknown", "key") or (problem.kind == "conflict" and not problem.use):
        return f"rm {key} "
    if any("secure" in schema.get("properties", {}) for schema in place.schemas):
        return f"set --secret {key} "
    examples = [example for schema in place.schemas for example in schema.get("examples", [])]
    return f"set {key} {problem.use or next(iter(examples), 'VALUE')} "


def _written(keys: Sequence[Key]) -> str:
    """Return a path as `pulumi config set --path` takes it: web.replicas, platforms[0], labels["a.b"].

    A key alone is as `pulumi config set` takes it without --path: any characters.
    """
    if len(keys) == 1:
        return str(keys[0])
    return "".join(map(_step, keys)).removeprefix(".")


def _step(key: Key) -> str:
    if isinstance(key, str) and re.fullmatch(_SIMPLE, key):
        return f".{key}"
    return f"[{json.dumps(key, ensure_ascii=False)}]"


def _find(problem: Problem, root: Schema) -> _Place:
    """Follow pydantic's path to a problem through the schema.

    In the path, the names of fields are Python's, and behind a value of several types, as `int | list[int]`,
    stands the type that did not fit. What the schema does not have stays as it is.
    """
    place, is_type = _Place([], {}, list(_schemas(root, root))), False
    for position, part in enumerate(problem.path, 1):
        allowed = {
            key: value for schema in place.schemas for key, value in schema.get("properties", {}).items()
        }
        is_list = any(schema.get("type") == "array" for schema in place.schemas)
        is_unknown = problem.kind == "unknown" and position == len(problem.path)
        names = [name for name in (str(part), to_camel(str(part))) if name in allowed and not is_unknown]
        key = part if isinstance(part, int) and is_list else next(iter(names), str(part))
        inner = [allowed[name] for name in names[:1]] or list(_inner(place.schemas, key))
        if not (names or isinstance(key, int) or is_unknown):
            is_scalar = not inner and not allowed
            is_type = is_scalar or (len(place.schemas) > 1 and not is_type)
            if is_type:
                continue
        found = [variant for schema in inner for variant in _schemas(schema, root)]
        place, is_type = _Place([*place.keys, key], allowed, found), False
    return place


def _inner(schemas: Sequence[Schema], key: Key) -> Iterator[Schema]:
    """Yield the schemas of an item of a list, or of a value under a key that the schema does not name."""
    for schema in schemas:
        if isinstance(key, int):
            yield from schema.get("prefixItems", [])[key : key + 1] or [schema.get("items", {})]
        else:
            yield from schema.get("patternProperties", {}).values()
            if isinstance(schema.get("additionalProperties"), dict):
                yield schema["additionalProperties"]


def _schemas(schema: Schema, root: Schema) -> Iterator[Schema]:
    """Yield what a value may be, each with the outer schema's examples: not null, without references."""
    if reference := schema.get("$ref"):
        target = root["$defs"][reference.rsplit("/", 1)[-1]]
        outer = {key: value for key, value in schema.items() if key != "$ref"}
        yield from _schemas({**target, **outer}, root)
    elif alternatives := [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
        outer = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
        for alternative in alternatives:
            if alternative.get("type") != "null":
                yield from _schemas({**alternative, **outer}, root)
    else:
        yield schema
