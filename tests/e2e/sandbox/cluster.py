"""What the tests of the sandbox act with: a cluster's namespace, and a whole second instance."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    """A second instance, and the state of the machine that it runs on."""

    command: Callable[..., subprocess.CompletedProcess[str]]
    before: dict[str, set[str]] = field(default_factory=dict)

    def must(self, *argv: str) -> str:
        done = self.command(*argv)
        assert done.returncode == 0, f"sandbox {' '.join(argv)}: {done.stdout}{done.stderr}"
        return done.stdout

    def cluster(self) -> Cluster:
        return Cluster({**os.environ, **json.loads(self.must("env", "--json"))})

    def processes(self) -> dict[str, dict[str, Any]]:
        done = self.command("status", "--json")
        return {process["name"]: process for process in json.loads(done.stdout)["processes"]}

    def problems(self) -> list[str]:
        return list(json.loads(self.command("status", "--json").stdout)["problems"])

    def state(self) -> dict[str, set[str]]:
        """What `down` must leave as it was. What comes and goes with the default instance is left out."""

        def lines(*argv: str) -> set[str]:
            return set(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines())

        mounts = Path("/proc/self/mounts").read_text().splitlines()
        return {
            "namespaces": {path.name for path in Path("/run/netns").glob("*")},
            "links": lines("ip", "-brief", "link"),
            "routes": lines("ip", "route", "show", "table", "all"),
            "nftables": lines("nft", "list", "ruleset"),
            "iptables": {line for line in lines("iptables-save") if not line.startswith("#")},
            "sysctls": {f"{file}={file.read_text()}" for file in SYSCTLS},
            "mounts": {line for line in mounts if "/slipway/sandbox/" not in line},
            "cgroups": {str(path) for path in Path("/sys/fs/cgroup").glob("**/slipway-sandbox-test*")},
            "listeners": lines("ss", "-Hltn"),
            "processes": {str(pid) for pid in Path("/proc").glob("[0-9]*") if _belongs(pid)},
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


def _belongs(process: Path) -> bool:
    """Whether a process has anything to do with the second instance."""
    try:
        return b"sandbox-test" in (process / "cmdline").read_bytes() + (process / "cgroup").read_bytes()
    except OSError:
        return False  # it has ended
