"""Outputs of the stack: values that other stacks (StackReference) and scripts read."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from slipway.preview.rules import images
from slipway.preview.rules.consequence import Consequence, Level, Situation
from slipway.pulumi.changes import UNKNOWN, Hidden, PropertyChange
from slipway.pulumi.property_diff import printed

_OF_RELEASES = re.compile(
    r"(^|[\W_]|(?<=[a-z0-9])(?=[A-Z]))(?i:image|digest|tag|version|revision|commit|sha|build|release)"
    r"s?($|[\W_]|(?=[A-Z]))"
)
"""Words in the names of values that each release changes: imageTag, versions.web."""

_OF_DRILLS = ".target_time"


def changes(situation: Situation) -> Iterator[Consequence]:
    """Yield outputs that are removed or get another value, without those that each release changes."""
    stack = situation.outputs
    if stack is None:
        return
    for item in _without_drills(stack.properties):
        if item.kind == "delete":
            reason = f"Stack output {item.path} is removed: stacks and scripts that read it fail"
            yield Consequence(Level.ATTENTION, "configuration", reason, stack.urn)
        elif item.kind == "update" and not _is_of_a_release(item):
            old, new = printed(stack, item)
            values = f"changes from {old} to {new}"
            values = (
                f"may change from {old}: its value is known after the update"
                if item.new is UNKNOWN
                else values
            )
            reason = f"Stack output {item.path} {values}; stacks and scripts that read it get the new value"
            yield Consequence(Level.ATTENTION, "configuration", reason, stack.urn)
    if added := [item.path for item in stack.properties if item.kind == "add"]:
        reason = f"Stack output {', '.join(added)} is new"
        yield Consequence(Level.SAFE, "configuration", reason, stack.urn)


def _without_drills(properties: Sequence[PropertyChange]) -> Iterator[PropertyChange]:
    """Yield the changes without what each new drill of a database reports, but with its failure."""
    drills = {item.path.removesuffix(_OF_DRILLS) for item in properties if item.path.endswith(_OF_DRILLS)}
    for item in properties:
        output, _, key = item.path.rpartition(".")
        if output not in drills or key in ("status", "reason"):
            yield item


def _is_of_a_release(item: PropertyChange) -> bool:
    """Return whether a value is a version or an image, by its name or by its form."""
    if not all(isinstance(value, (str, int, float, Hidden)) for value in (item.old, item.new)):
        return False
    return bool(_OF_RELEASES.search(item.path)) or _is_image(item.old, item.new)


def _is_image(old: Any, new: Any) -> bool:
    return "@sha256:" in str(old) and images.is_ordinary(old, new)
