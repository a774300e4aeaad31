"""Fail unless two JSON reports announce the same changes. Arguments: REVIEWED CURRENT.

Commits, messages and notes are not compared: a merge changes them, but not what happens to the stacks.
"""

import difflib
import json
import sys
from pathlib import Path

FACTS = ("name", "status", "level", "consequences", "resources", "violations")


def announced(file: str) -> list[str]:
    """Return the announced changes of a report as lines."""
    stacks = [{fact: stack[fact] for fact in FACTS} for stack in json.loads(Path(file).read_text())["stacks"]]
    for stack in stacks:
        for consequence in stack["consequences"]:
            if consequence["concern"] == "image":
                del consequence["details"]  # the commits
    return json.dumps(stacks, indent=1, sort_keys=True).splitlines()


reviewed, current = sys.argv[1:]
lines = difflib.unified_diff(announced(reviewed), announced(current), reviewed, current, lineterm="")
difference = "\n".join(lines)
if difference:
    sys.exit(f"{difference}\n::error::the merged commit changes something else than the reviewed report says")
