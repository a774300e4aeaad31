"""Helpers of the tests of the sandbox: a namespace of a cluster, and an instance."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.platform.instance import Instance
from sandbox.platform.processes import Supervisor

PROJECT = Path(__file__).parents[3]
IMAGE = "python:3.11-slim-bookworm"
PORT = 8000
SERVE = f"python -m http.server {PORT} --directory /tmp"


def eventually(what: str, condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for something to be true, and return it; fail with `what` when it is not in time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.5)
    return found


@dataclass(frozen=True)
class Cluster:
    """kubectl in the environment that `sandbox env` gives."""

    env: dict[str, str]
    name: str = "default"

    @contextmanager
    def namespace(self, name: str) -> Iterator["Cluster"]:
        self.do("create", "namespace", name)
        try:
            yield Cluster(self.env, name)
        finally:
            self.do("delete", "namespace", name, "--wait=false")

    def run(self, *argv: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run any program of the sandbox's environment, for at most two minutes."""
        return subprocess.run(
            argv, env=self.env, input=stdin, capture_output=True, text=True, timeout=120, check=False
        )

    def kubectl(self, *argv: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.run("kubectl", "--namespace", self.name, *argv, stdin=stdin)

    def do(self, *argv: str, stdin: str | None = None) -> str:
        done = self.kubectl(*argv, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(argv)}: {done.stderr}"
        return done.stdout

    def apply(self, *objects: dict[str, Any]) -> None:
        self.do("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))

    def get(self, *argv: str) -> Any:
        return json.loads(self.do("get", *argv, "-o", "json"))

    def shell(self, target: str, script: str) -> str:
        return self.do("exec", target, "--", "sh", "-c", script)

    def fetches(self, target: str, url: str) -> bool:
        """Whether a pod gets an answer from an address within two seconds."""
        script = f"import urllib.request as r; r.urlopen('{url}', timeout=2)"
        return self.kubectl("exec", target, "--", "python", "-c", script).returncode == 0

    def ready(self, name: str) -> None:
        self.do("rollout", "status", f"deployment/{name}", "--timeout=90s")


def container(command: str = SERVE, **more: Any) -> dict[str, Any]:
    return {"name": "main", "image": IMAGE, "command": ["sh", "-c", f"exec {command}"], **more}


def pod(name: str, spec: dict[str, Any] | None = None, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name, **labels}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container()], **(spec or {})},
    }


def deployment(name: str, replicas: int, spec: dict[str, Any] | None = None) -> dict[str, Any]:
    template = pod(name, spec)
    probe = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1}
    template["spec"]["containers"][0].setdefault("readinessProbe", probe)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": template["metadata"], "spec": template["spec"]},
        },
    }


def service(name: str, **spec: Any) -> dict[str, Any]:
    ports = [{"port": 80, "targetPort": PORT}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": ports, **spec},
    }


@dataclass
class Machine:
    """An instance, and the state of the machine that it runs on."""

    instance: Instance
    before: dict[str, set[str]] = field(default_factory=dict)

    def command(self, *argv: str, project: Path = PROJECT) -> subprocess.CompletedProcess[str]:
        """Run the sandbox's command line, for at most five minutes."""
        return subprocess.run(
            (sys.executable, "-m", "sandbox", *argv),
            cwd=project, env={**os.environ, "SANDBOX_NAME": self.instance.name},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def must(self, *argv: str, project: Path = PROJECT) -> str:
        done = self.command(*argv, project=project)
        assert done.returncode == 0, f"sandbox {' '.join(argv)}: {done.stdout}{done.stderr}"
        return done.stdout

    def cluster(self) -> Cluster:
        return Cluster({**os.environ, **json.loads(self.must("env", "--json"))})

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.command("status", "--json").stdout))

    def problems(self) -> list[str]:
        return list(self.status()["problems"])

    def wait_until_well(self, seconds: float = 180) -> None:
        """Wait until `status` has no problems; fail with its problems."""
        deadline = time.monotonic() + seconds
        while problems := self.problems():
            assert time.monotonic() < deadline, f"after {seconds:.0f} s: {problems}"

    def running(self) -> dict[str, int]:
        """Return the pids of the processes that run for ever, by name."""
        processes = Supervisor(self.instance).processes()
        return {
            process.name: process.pid
            for process in processes
            if process.state == "RUNNING" and process.name != "late-tools"
        }

    def supervisor_pid(self) -> int:
        return int(self.instance.supervisor_pid_file.read_text())

    def pids(self) -> set[int]:
        """Return every process of the instance."""
        return {int(path.name) for path in Path("/proc").glob("[0-9]*") if self._belongs(path)}

    def _belongs(self, process: Path) -> bool:
        try:
            command = (process / "cmdline").read_text(errors="replace")
            cgroup = (process / "cgroup").read_text()
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False  # it has ended
        # A process that has ended, but whose exit code its parent has not read, is a zombie: Z.
        places = (str(self.instance.state), f"/netns/{self.instance.name}-")
        belongs = self.instance.cgroup in cgroup or any(place in command for place in places)
        return state != "Z" and belongs

    def state(self) -> dict[str, set[str]]:
        """Return the state of the machine that `down` must restore, without that of other instances."""
        name, slot = self.instance.name, self.instance.slot
        others = re.compile(rf"\bslipway(?!{slot}\b)\d+|/slipway/(?!{name}/)|/netns/(?!{name}-)")

        def lines(*argv: str) -> set[str]:
            output = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
            return {line for line in output.splitlines() if not (others.search(line) or line.startswith("#"))}

        return {
            "namespaces": {path.name for path in Path("/run/netns").glob(f"{name}-*")},
            "links": lines("ip", "-brief", "link"),
            "routes": lines("ip", "route", "show", "table", "all"),
            "nftables": lines("nft", "list", "ruleset"),
            "iptables": lines("iptables-save"),
            "sysctls": {f"{file}={file.read_text()}" for file in SYSCTLS},
            "mounts": lines("cat", "/proc/self/mounts"),
            "cgroups": {str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{self.instance.cgroup}")},
            "processes": {str(pid) for pid in self.pids()},
        }


SYSCTLS = tuple(
    Path("/proc/sys", name)
    for name in (
        "net/ipv4/ip_forward",
        "vm/overcommit_memory",
        "vm/panic_on_oom",
        "kernel/panic",
        "kernel/panic_on_oops",
        "kernel/keys/root_maxkeys",
        "kernel/keys/root_maxbytes",
    )
)
