"""What a report says: the model behind every format, and the schema of the JSON one.

`slipway.report.model` writes the schema.
"""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

SCHEMA = Path(__file__).with_name("report.schema.json")

LevelName = Literal["safe", "attention", "dangerous"]
OpName = Literal["create", "update", "replace", "delete", "import", "same"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Consequence(_Part):
    """One thing that will happen to those who use what is changed."""

    level: LevelName
    """How much attention it deserves: dangerous means lost data, failed requests or something opened."""
    concern: str
    """pods, downtime, data, identity, exposure, privilege, configuration, secret, resources, capacity or
    image.
    """
    reason: str
    """One sentence."""
    urn: str
    """The resource that it comes from; empty when it comes from several."""
    details: tuple[str, ...]
    """Further lines, such as the commits in a new image."""


class Property(_Part):
    """One property that differs."""

    path: str
    """Pulumi's property path: spec.template.spec.containers[0].image."""
    kind: Literal["add", "update", "delete"]
    """What happens to it."""
    old: str | None
    """Text is as it is, all else is JSON; secrets are [secret]. None when it was not there."""
    new: str | None
    """Likewise; (known after apply) when only the update will tell."""
    replaces: bool
    """Whether the resource is replaced because of it."""


class Resource(_Part):
    """One resource that changes."""

    urn: str
    """Its address in Pulumi."""
    type: str
    """kubernetes:apps/v1:Deployment."""
    name: str
    """Its name in the program."""
    parent: str
    """URN of the component or stack that it belongs to."""
    op: OpName
    """What happens to it."""
    level: LevelName
    """The highest of its consequences."""
    properties: tuple[Property, ...]
    """What differs in it, without noise."""
    noise: int
    """Properties left out: hashes, and what the cluster or Pulumi keep for themselves."""


class Violation(_Part):
    """A policy that a resource does not meet."""

    policy: str
    """Its name in the pack."""
    mandatory: bool
    """Whether it stops the update."""
    message: str
    """What is wrong, and what to do."""
    urn: str
    """The resource; empty when it is about the stack."""


class Stack(_Part):
    """What will happen to one stack."""

    name: str
    """As given on the command line."""
    status: Literal["unchanged", "changed", "failed"]
    """Failed: the preview did not come to its end, so the rest is incomplete."""
    level: LevelName
    """The highest of its consequences."""
    counts: dict[str, int]
    """Resources by what happens to them, "same" among them."""
    consequences: tuple[Consequence, ...]
    """The worst first."""
    resources: tuple[Resource, ...]
    """Those that change, in the program's order."""
    drift: tuple[Resource, ...] | None
    """How the cluster differs from the state; None when it was not looked at."""
    violations: tuple[Violation, ...]
    """Of the policy packs, the mandatory ones first."""
    messages: tuple[str, ...]
    """Warnings and errors of program, providers and engine."""
    notes: tuple[str, ...]
    """What was not looked at, and why."""
    failure: str
    """Why the preview failed; empty when it did not."""


class Report(_Part):
    """What will happen to the stacks that were asked for."""

    version: Literal[1] = 1
    """Of this format; a change that breaks readers raises it."""
    stacks: tuple[Stack, ...]
    """In the order in which they were asked for."""

    @property
    def level(self) -> LevelName:
        """The highest of all stacks'."""
        return highest(stack.level for stack in self.stacks)


_LEVELS: tuple[LevelName, ...] = ("safe", "attention", "dangerous")


def highest(levels: Iterable[LevelName]) -> LevelName:
    """Return the worst of some levels; safe when there are none."""
    return max(levels, key=_LEVELS.index, default="safe")


def tally(stack: Stack) -> dict[LevelName, int]:
    """Count a stack's consequences by level, the worst first."""
    found = Counter(one.level for one in stack.consequences)
    return {level: found[level] for level in reversed(_LEVELS) if found[level]}


def schema() -> str:
    """Return the JSON schema of a report."""
    return json.dumps(Report.model_json_schema(mode="serialization"), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema())
