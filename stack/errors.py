"""Report of the problems in a stack file: each key, its value, the rule, a command to repair it."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.alias_generators import to_camel

from components.validation import Problem

Schema = dict[str, Any]


def report(stack: str, problems: Sequence[Problem], schema: Schema) -> str:
    """Return a paragraph for each problem; `schema` is the settings' schema, with examples."""
    lines = [f"stack {stack!r} cannot be deployed, and nothing was touched. In Pulumi.{stack}.yaml:"]
    for problem in problems:
        siblings = _siblings(problem.path, schema)
        if problem.kind == "unknown":  # not a key of the schema: print it unchanged
            key = ".".join(map(str, problem.path))
            text = f"{problem.text}; {_suggestion(str(problem.path[-1]), siblings)}"
        else:
            key, text = _key(problem.path), problem.text
        lines += ["", f"  {key} {text}"]
        lines += [f"      pulumi config {_repair(problem, key, siblings)} --stack {stack}"]
    return "\n".join(lines)


def _suggestion(key: str, siblings: Mapping[str, Schema]) -> str:
    close = difflib.get_close_matches(key, siblings, 1)
    return f"did you mean {close[0]}?" if close else f"the keys here are {', '.join(sorted(siblings))}"


def _as_written(part: str | int) -> str:
    """Return a key as stack files have it: minReplicas."""
    return to_camel(str(part)) if "_" in str(part) else str(part)


def _key(path: Sequence[str | int]) -> str:
    """Return a path as `pulumi config set --path` takes it: web.replicas, platforms[0]."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{_as_written(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def _repair(problem: Problem, key: str, siblings: Mapping[str, Schema]) -> str:
    path = "--path " if re.search(r"[.\[]", key) else ""
    if problem.kind == "unknown" or (problem.kind == "conflict" and not problem.use):
        return f"rm {path}{key}"
    schema = siblings.get(_as_written(problem.path[-1]), {})
    if "secure" in schema.get("properties", {}):
        return f"set --secret {key}"
    return f"set {path}{key} {problem.use or next(iter(schema.get('examples', [])), 'VALUE')}"


def _siblings(path: Sequence[str | int], root: Schema) -> dict[str, Schema]:
    """Return the schemas of the keys that are allowed in place of the last part of the path."""
    level = root
    for part in path[:-1]:
        level = _resolved(
            level["items"] if isinstance(part, int) else level["properties"][_as_written(part)], root
        )
    values = level.get("properties") or {_as_written(path[-1]): level["items"]}
    return {key: _resolved(value, root) for key, value in values.items()}


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Return the schema that a reference names; for an optional value, the schema of the value."""
    for alternative in schema.get("anyOf", []):
        if alternative.get("type") != "null":
            return {**_resolved(alternative, root), **schema}
    reference = schema.get("$ref")
    return {**root["$defs"][reference.rsplit("/", 1)[-1]], **schema} if reference else schema
