"""From a changed line of source to all replicas serving it: `pulumi up`, the raw tools, and Skaffold.

    eval "$(.venv/bin/python -m sandbox env)" && .venv/bin/python -m benchmarks.one_line_change [SKAFFOLD]

Every contender has a stack and namespace of its own, made by the project's program from the same source, and
changes a line in its own copy of it. They take turns. SKAFFOLD is its binary; without it, it is left out.
"""

import json
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import line
from benchmarks.stacks import Stack

ROUNDS = 5
CA = Path("/etc/ssl/certs/ca-certificates.crt")
SECRET = f"--secret=id=ca,src={CA}" if CA.exists() else ""


def pulumi(stack: Stack, _: str) -> None:
    """What users type."""
    stack.run("pulumi", "up", "--yes", "--skip-preview")


def raw(stack: Stack, mark: str) -> None:
    """The floor: no tool could leave any of this out."""
    image = f"{stack.repository}:{mark}"
    stack.run(*filter(None, ["docker", "buildx", "build", "--push", "-q", SECRET, "-t", image, "app"]))
    stack.run("kubectl", "set", "image", "deployment/web", f"*={image}", "-n", stack.namespace)
    stack.rollout()


def skaffold(binary: str) -> Callable[[Stack, str], None]:
    """Skaffold, with the same build and the Deployment as it is in the cluster."""

    def run(stack: Stack, _: str) -> None:
        quiet = {**os.environ, "SKAFFOLD_UPDATE_CHECK": "false", "SKAFFOLD_INTERACTIVE": "false"}
        stack.run(binary, "run", f"--namespace={stack.namespace}", "--status-check=true", environment=quiet)

    return run


def configure_skaffold(stack: Stack) -> None:
    """Write its configuration, and the Deployment that Pulumi made without what the cluster added."""
    image = stack.repository
    live = json.loads(stack.run("kubectl", "get", "deployment/web", "-n", stack.namespace, "-o", "json"))
    metadata = {key: live["metadata"][key] for key in ("name", "namespace", "labels")}
    live["spec"]["template"]["spec"]["containers"][0]["image"] = image
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": live["spec"]}
    (stack.directory / "web.json").write_text(json.dumps(deployment))
    custom = {
        "buildCommand": f"docker buildx build --push -q {SECRET} -t $IMAGE .",
        "dependencies": {"paths": ["Dockerfile", "hitcounter/**", "gunicorn.conf.py", "requirements.txt"]},
    }
    config = {
        "apiVersion": "skaffold/v4beta13",
        "kind": "Config",
        "build": {
            "artifacts": [{"image": image, "context": "app", "custom": custom}],
            "tagPolicy": {"inputDigest": {}},
        },
        "manifests": {"rawYaml": ["web.json"]},
        "deploy": {"kubectl": {}},
    }
    (stack.directory / "skaffold.yaml").write_text(json.dumps(config))


def measure(contenders: dict[str, tuple[Stack, Callable[[Stack, str], None]]]) -> dict[str, list[float]]:
    """Let them take turns; the first round, in which caches fill, does not count."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(ROUNDS + 1):
        for name, (stack, deploy) in contenders.items():
            mark = stack.change()
            started = time.perf_counter()
            deploy(stack, mark)
            if turn:
                times[name].append(time.perf_counter() - started)
                print(f"  round {turn} {name:10} {times[name][-1]:6.2f} s", file=sys.stderr)
    return times


def main(arguments: list[str]) -> None:
    """Deploy, measure, print a table, and remove everything again."""
    suffix = secrets.token_hex(2)
    deploys: dict[str, Callable[[Stack, str], None]] = {"raw": raw, "pulumi": pulumi}
    if arguments:
        deploys["skaffold"] = skaffold(arguments[0])
    with tempfile.TemporaryDirectory() as directory:
        stacks = {name: Stack(f"bench{name}{suffix}", Path(directory, name)) for name in deploys}
        try:
            for stack in stacks.values():
                stack.create()
            if "skaffold" in stacks:
                configure_skaffold(stacks["skaffold"])
            times = measure({name: (stacks[name], deploy) for name, deploy in deploys.items()})
        finally:
            for stack in stacks.values():
                stack.destroy()
    floor = statistics.median(times["raw"])
    for name, seconds in times.items():
        print(line(name, seconds, floor, "raw"))


if __name__ == "__main__":
    main(sys.argv[1:])
