"""How it is told what is wrong with a stack file: each key, its value, what is allowed, how to mend it."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.alias_generators import to_camel

from components.validation import Problem

Schema = dict[str, Any]


def report(stack: str, problems: Sequence[Problem], schema: Schema) -> str:
    """Write one paragraph for each problem; `schema` is that of the settings, with examples."""
    lines = [f"stack {stack!r} cannot be deployed, and nothing was touched. In Pulumi.{stack}.yaml:"]
    for problem in problems:
        known = problem.kind != "unknown"
        key = ".".join(_as_written(part) if known else str(part) for part in problem.path)
        beside = _keys_beside(problem.path, schema)
        text = problem.text
        if problem.kind == "unknown":
            close = difflib.get_close_matches(str(problem.path[-1]), beside, 1)
            text += (
                f"; did you mean {close[0]}?" if close else f"; known here are {', '.join(sorted(beside))}"
            )
        lines += ["", f"  {key} {text}", f"      pulumi config {_mend(problem, key, beside)} --stack {stack}"]
    return "\n".join(lines)


def _as_written(part: str | int) -> str:
    """Stack files are written as Kubernetes' are: minReplicas."""
    return to_camel(str(part)) if "_" in str(part) else str(part)


def _mend(problem: Problem, key: str, beside: Mapping[str, Schema]) -> str:
    path = "--path " if "." in key else ""
    if problem.kind == "unknown" or (problem.kind == "conflict" and not problem.use):
        return f"rm {path}{key}"
    of_key = beside.get(_as_written(problem.path[-1]), {})
    if "secure" in of_key.get("properties", {}):
        return f"set --secret {key}"
    return f"set {path}{key} {problem.use or next(iter(of_key.get('examples', [])), 'VALUE')}"


def _keys_beside(path: Sequence[str | int], root: Schema) -> dict[str, Schema]:
    """Return the schemas of the keys that may stand where the last part of the path does."""
    level = root
    for part in path[:-1]:
        level = _resolved(level["properties"][_as_written(part)], root)
    return {key: _resolved(value, root) for key, value in level["properties"].items()}


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Follow a reference, and of "this or nothing" take this."""
    for alternative in schema.get("anyOf", []):
        if alternative.get("type") != "null":
            return {**_resolved(alternative, root), **schema}
    reference = schema.get("$ref")
    return {**root["$defs"][reference.rsplit("/", 1)[-1]], **schema} if reference else schema
