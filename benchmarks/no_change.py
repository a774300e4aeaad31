"""What `pulumi preview` and `pulumi up` take when nothing has changed, against a program without resources.

    eval "$(.venv/bin/python -m sandbox env)" && .venv/bin/python -m benchmarks.no_change

A third program makes the same resources with the SDKs alone, from what the project's asked for: it shows what
any program with these resources takes. All run in the same virtual environment and take turns.
"""

import json
import secrets
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import line
from benchmarks.stacks import Stack

ROUNDS = 7
PLAIN = """
import importlib, json, re
for package, module, kind, name, inputs in json.load(open("resources.json")):
    arguments = {re.sub("([A-Z])", r"_\\1", key).lower(): value for key, value in inputs.items()}
    getattr(importlib.import_module(f"pulumi_{package}{module}"), kind)(name, **arguments)
"""
COMMANDS = {"preview": ("pulumi", "preview"), "up": ("pulumi", "up", "--yes", "--skip-preview")}


def imitate(stack: Stack, other: Stack) -> None:
    """Deploy with the SDKs alone what a stack has, from the same copy of app/."""
    other.directory.mkdir()
    (other.directory / "resources.json").write_text(resources(stack, other))
    (other.directory / ".slipway").symlink_to(stack.directory / ".slipway")
    other.create(program=PLAIN)


def resources(stack: Stack, other: Stack) -> str:
    """Return what a stack asked of its providers, as JSON, in another's namespace."""
    exported = json.loads(stack.run("pulumi", "stack", "export", "--show-secrets"))
    found = []
    for one in exported["deployment"]["resources"]:
        provider, module, kind = one["type"].split(":")
        if provider in ("kubernetes", "docker-build"):
            package = provider.replace("-", "_")
            path = "" if module == "index" else "." + module.replace(".k8s.io", "").replace("/", ".")
            inputs = _shown(one["inputs"])
            inputs.pop("exec", None)  # the image's, which the provider added, and which Python calls exec_
            found.append((package, path, kind, one["urn"].rpartition("::")[2], inputs))
    return json.dumps(found).replace(stack.namespace, f"slipway-{other.name}")


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "plaintext" in value:
        return _shown(json.loads(value["plaintext"]))
    added = ("__defaults", "pulumi.com/autonamed")
    return {key: _shown(one) for key, one in value.items() if key not in added}


def measure(stacks: dict[str, Stack]) -> dict[tuple[str, str], list[float]]:
    """Let them take turns; the first round, in which caches fill, does not count."""
    times: dict[tuple[str, str], list[float]] = {(c, s): [] for c in COMMANDS for s in stacks}
    for turn in range(ROUNDS + 1):
        for command, stack in times:
            started = time.perf_counter()
            stacks[stack].run(*COMMANDS[command])
            if turn:
                times[command, stack].append(time.perf_counter() - started)
        print(f"  round {turn} of {ROUNDS}", file=sys.stderr)
    return times


def main() -> None:
    """Deploy, measure, print a table, and remove everything again."""
    suffix = secrets.token_hex(2)
    with tempfile.TemporaryDirectory() as directory:
        stacks = {
            name: Stack(f"bench{name}{suffix}", Path(directory, name))
            for name in ("empty", "plain", "program")
        }
        try:
            stacks["program"].create()
            stacks["empty"].create(program="")
            imitate(stacks["program"], stacks["plain"])
            times = measure(stacks)
        finally:
            for stack in stacks.values():
                stack.destroy()
    for command in COMMANDS:
        floor = statistics.median(times[command, "empty"])
        for name in stacks:
            print(line(f"{command} {name}", times[command, name], floor, "empty"))


if __name__ == "__main__":
    main()
