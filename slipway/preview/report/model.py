"""The report model behind every format, and the JSON schema of its JSON format.

`python -m slipway.preview.report.model` writes the schema.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from slipway.preview.rules import Consequence, Level, highest
from slipway.preview.topology.model import Topology
from slipway.pulumi.changes import Op

SCHEMA = Path(__file__).with_name("report.schema.json")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Property(_Part):
    """One property that differs."""

    path: str
    """Pulumi's property path: spec.template.spec.containers[0].image."""
    kind: Literal["add", "update", "delete"]
    """The kind of difference."""
    old: str | None
    """Text as it is, other values as JSON, secrets as [secret]. None if the property is new."""
    new: str | None
    """Likewise; (known after apply) if only the update determines it. None if the property is removed."""
    replaces: bool
    """Whether this difference causes the replacement of the resource."""


class Resource(_Part):
    """One resource that changes."""

    urn: str
    """Its URN in Pulumi."""
    type: str
    """kubernetes:apps/v1:Deployment."""
    name: str
    """Its name in the program."""
    parent: str
    """URN of the component or stack that it belongs to."""
    op: Op
    """The operation on it."""
    level: Level
    """The highest level of its consequences."""
    properties: tuple[Property, ...]
    """Its differences, without noise."""
    noise: int
    """The number of omitted differences: hashes, and fields that the cluster or Pulumi maintain."""


class Violation(_Part):
    """A violation of a policy."""

    policy: str
    """The policy's name in the pack."""
    mandatory: bool
    """Whether it stops the update."""
    message: str
    """The problem, and its solution."""
    urn: str
    """The resource; empty for a policy about the whole stack."""


class Stack(_Part):
    """The changes of one stack."""

    name: str
    """The name on the command line."""
    status: Literal["unchanged", "changed", "refused", "failed"]
    """Refused: by a mandatory policy. Failed: the preview stopped early, so the report is incomplete."""
    level: Level
    """The highest level of its consequences; at least attention if the preview failed."""
    counts: dict[str, int]
    """The number of resources by operation, including "same"."""
    consequences: tuple[Consequence, ...]
    """Its consequences, the worst first."""
    resources: tuple[Resource, ...]
    """Resources that change, in the program's order."""
    drift: tuple[Resource, ...] | None
    """Differences between the cluster and the state; None if they were not compared."""
    violations: tuple[Violation, ...]
    """Violated policies, the mandatory ones first."""
    messages: tuple[str, ...]
    """Warnings and errors of program, providers and engine."""
    notes: tuple[str, ...]
    """Checks that were not made, and the reasons."""
    failure: str
    """Why the preview failed; empty if it succeeded."""
    topology: Topology | None = None
    """The system as clients reach it, before and after; None if nothing of it changes."""


class Report(_Part):
    """The changes of all stacks on the command line."""

    version: Literal[1] = 1
    """Version of this format; incompatible changes increase it."""
    stacks: tuple[Stack, ...]
    """The stacks, in the order of the command line."""

    @property
    def level(self) -> Level:
        """The highest level of all stacks."""
        return highest(stack.level for stack in self.stacks)


def tally(stack: Stack) -> dict[Level, int]:
    """Count a stack's consequences by level, the worst first."""
    numbers = Counter(consequence.level for consequence in stack.consequences)
    return {level: numbers[level] for level in sorted(numbers, reverse=True)}


def schema() -> str:
    """Return the JSON schema of a report."""
    return json.dumps(Report.model_json_schema(mode="serialization"), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema())
