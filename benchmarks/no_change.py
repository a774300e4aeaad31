"""The time of `pulumi preview` and `pulumi up` without a change, compared to a program without resources.

    eval "$(.venv/bin/sandbox env)" && python -m benchmarks.no_change

A third program creates the same resources with the SDKs alone: it has the time that any program with these
resources needs. All run in the same virtual environment, in turns.
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
    """Deploy the resources of a stack with the SDKs alone, from the same copy of app/."""
    other.directory.mkdir()
    (other.directory / "resources.json").write_text(resources(stack, other))
    (other.directory / ".slipway").symlink_to(stack.directory / ".slipway")
    other.create(program=PLAIN)


def resources(stack: Stack, other: Stack) -> str:
    """Return the inputs of a stack's resources as JSON, for the namespace of another stack."""
    exported = json.loads(stack.run("pulumi", "stack", "export", "--show-secrets"))
    resources = []
    for resource in exported["deployment"]["resources"]:
        provider, module, kind = resource["type"].split(":")
        if provider in ("kubernetes", "docker-build"):
            package = provider.replace("-", "_")
            path = "" if module == "index" else "." + module.replace(".k8s.io", "").replace("/", ".")
            inputs = _plain(resource["inputs"])
            inputs.pop("exec", None)  # the provider adds it to the image; the name in Python is exec_
            resources.append((package, path, kind, resource["urn"].rpartition("::")[2], inputs))
    return json.dumps(resources).replace(stack.namespace, f"slipway-{other.name}")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "plaintext" in value:
        return _plain(json.loads(value["plaintext"]))
    added = ("__defaults", "pulumi.com/autonamed")
    return {key: _plain(item) for key, item in value.items() if key not in added}


def measure(stacks: dict[str, Stack]) -> dict[tuple[str, str], list[float]]:
    """Measure in turns, without the first round, which fills the caches."""
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
    """Deploy, measure, print a table, and remove the stacks."""
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
        reference = statistics.median(times[command, "empty"])
        for name in stacks:
            print(line(f"{command} {name}", times[command, name], reference, "empty"))


if __name__ == "__main__":
    main()
