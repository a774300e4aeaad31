"""From a changed line of source to all replicas serving it: `pulumi up`, the raw tools, and Skaffold.

    eval "$(.venv/bin/python -m sandbox env)" && .venv/bin/python -m benchmarks.one_line_change [SKAFFOLD]

Every contender has a stack and namespace of its own, made by the project's program from the same source, and
changes a line in its own copy of it. They take turns. SKAFFOLD is its binary; without it, it is left out.
"""

import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent.parent
REPOSITORY = "localhost:5001/benchmarks/one-line"
ROUNDS = 5
REPLICAS = 2  # all contenders' pods, and one more each while they roll, have to fit on the local platform
CA = Path("/etc/ssl/certs/ca-certificates.crt")
SECRET = f"--secret=id=ca,src={CA}" if CA.exists() else ""


@dataclass
class Stack:
    """A copy of the project, deployed."""

    name: str
    directory: Path
    namespace: str = ""

    def run(self, *command: str, environment: dict[str, str] | None = None) -> str:
        """Run a command in the copy; return what it printed, or stop with it."""
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, env=environment)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def create(self) -> None:
        """Deploy the system for the first time."""
        tracked = subprocess.check_output(["git", "ls-files", "-z"], cwd=PROJECT, text=True).split("\0")
        for path in filter(lambda path: (PROJECT / path).is_file(), tracked):
            (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / path, self.directory / path)
        (self.directory / ".venv").symlink_to(PROJECT / ".venv")
        shutil.copy(self.directory / "Pulumi.dev.yaml", self.directory / f"Pulumi.{self.name}.yaml")
        self.run("pulumi", "stack", "init", self.name)
        self.run("pulumi", "config", "set", "slipway:repository", f"{REPOSITORY}-{self.name}")
        self.run("pulumi", "config", "set", "--path", "slipway:web.replicas", str(REPLICAS))
        self.run("pulumi", "up", "--yes", "--skip-preview")
        self.namespace = self.run("pulumi", "stack", "output", "namespace").strip()

    def change(self) -> str:
        """Change one line of the source; return what is different about it."""
        mark = secrets.token_hex(6)
        module = self.directory / "app/hitcounter/__init__.py"
        module.write_text(f'"""The version of {mark}."""\n')
        return mark

    def rollout(self) -> None:
        """Wait until all replicas serve the change."""
        self.run("kubectl", "rollout", "status", "deployment/web", "-n", self.namespace, "--timeout=120s")

    def destroy(self) -> None:
        """Remove everything, whatever became of it."""
        for command in (["destroy", "--yes", "--skip-preview"], ["stack", "rm", "--yes", self.name]):
            subprocess.run(["pulumi", *command], cwd=self.directory, capture_output=True, check=False)


def pulumi(stack: Stack, _: str) -> None:
    """What users type."""
    stack.run("pulumi", "up", "--yes", "--skip-preview")


def raw(stack: Stack, mark: str) -> None:
    """The floor: no tool could leave any of this out."""
    image = f"{REPOSITORY}-{stack.name}:{mark}"
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
    image = f"{REPOSITORY}-{stack.name}"
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
        median = statistics.median(seconds)
        extent = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(f"{name:10} {median:6.2f} s  {median / floor:5.2f} x raw  ({extent})")


if __name__ == "__main__":
    main(sys.argv[1:])
