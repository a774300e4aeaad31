"""The time from a changed line to all replicas serving it, with `pulumi up`, the raw tools, and Skaffold.

    eval "$(.venv/bin/sandbox env)" && python -m benchmarks.one_line_change [SKAFFOLD]

Each contender has a stack and a namespace of its own, and changes a line in its own copy of the project. They
run in turns. SKAFFOLD is the path of Skaffold's binary; without it, Skaffold does not take part.
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
    """Deploy with Pulumi, as users do."""
    stack.run("pulumi", "up", "--yes", "--skip-preview")


def raw(stack: Stack, mark: str) -> None:
    """Deploy with the commands that every tool needs at least."""
    image = f"{stack.repository}:{mark}"
    stack.run(*filter(None, ["docker", "buildx", "build", "--push", "-q", SECRET, "-t", image, "app"]))
    stack.run("kubectl", "set", "image", "deployment/web", f"*={image}", "-n", stack.namespace)
    stack.rollout()


def skaffold(binary: str) -> Callable[[Stack, str], None]:
    """Return a deployment by Skaffold, with the same build and the Deployment from the cluster."""

    def run(stack: Stack, _: str) -> None:
        quiet = {**os.environ, "SKAFFOLD_UPDATE_CHECK": "false", "SKAFFOLD_INTERACTIVE": "false"}
        stack.run(binary, "run", f"--namespace={stack.namespace}", "--status-check=true", environment=quiet)

    return run


def configure_skaffold(stack: Stack) -> None:
    """Write Skaffold's configuration, and the Deployment without the fields that the cluster adds."""
    image = stack.repository
    deployed = json.loads(stack.run("kubectl", "get", "deployment/web", "-n", stack.namespace, "-o", "json"))
    metadata = {key: deployed["metadata"][key] for key in ("name", "namespace", "labels")}
    deployed["spec"]["template"]["spec"]["containers"][0]["image"] = image
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": deployed["spec"],
    }
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
    """Measure in turns, without the first round, which fills the caches."""
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
    """Deploy, measure, print a table, and remove the stacks."""
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
    reference = statistics.median(times["raw"])
    for name, seconds in times.items():
        print(line(name, seconds, reference, "raw"))


if __name__ == "__main__":
    main(sys.argv[1:])
