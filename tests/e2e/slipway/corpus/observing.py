"""Applies cases of the corpus on the sandbox and writes down what happens: pods, requests, data, open ports.

    eval "$(.venv/bin/sandbox env)"
    .venv/bin/python -m tests.e2e.slipway.corpus.observing IMAGE IMAGE2 [CASE …]

CASE is a case's whole name; without any, all are applied, which takes hours. Between cases everything is put
back. Results are added to observed.json, by which the fast tests check that harm was called dangerous.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.slipway.corpus.cases import OBSERVED, Case, base, cases
from tests.e2e.slipway.corpus.recording import Stack, references

NAMESPACE = base()["namespace"]
SERVICES = ("web", "auto")
REDISES = ("cache", "store")
EVERY_S = 0.1
OUTAGE_S = 2.0
"""Requests failed, and nothing answered for so long: no client's one retry helps."""


class Load:
    """Asks each web service again and again, and remembers for how long at most they failed."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.addresses = addresses
        self.requests = self.failed = 0
        self.longest = dict.fromkeys(addresses, 0.0)
        self._good = dict.fromkeys(addresses, time.monotonic())
        self._ended = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Send requests as long as the block lasts."""
        threads = [threading.Thread(target=self._ask, args=(name,)) for name in self.addresses]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _ask(self, name: str) -> None:
        while not self._ended.wait(EVERY_S):
            try:
                good = httpx.get(f"http://{self.addresses[name]}/", timeout=2).is_success
            except httpx.HTTPError:
                good = False
            now = time.monotonic()
            self.requests += 1
            self.failed += not good
            if good:
                self._good[name] = now
            else:
                self.longest[name] = max(self.longest[name], now - self._good[name])


def kubectl(stack: Stack, *words: str, check: bool = True) -> str:
    """Run kubectl in the corpus's namespace."""
    done = subprocess.run(
        ("kubectl", "--namespace", NAMESPACE, *words),
        env=dict(stack.environment),
        capture_output=True,
        text=True,
        check=check,
    )
    return done.stdout


def listed(stack: Stack, kinds: str) -> list[dict[str, Any]]:
    """Return objects of the namespace."""
    found = kubectl(stack, "get", kinds, "-o", "json", "--ignore-not-found", check=False)
    items: list[dict[str, Any]] = json.loads(found or "{}").get("items", [])
    return items


def pods(stack: Stack) -> dict[str, set[str]]:
    """Return the identities of running pods by what they belong to."""
    found: dict[str, set[str]] = {}
    for pod in listed(stack, "pods"):
        labels = pod["metadata"]["labels"]
        owner = labels.get("app.kubernetes.io/name") or labels.get("app", "")
        if "deletionTimestamp" not in pod["metadata"]:
            found.setdefault(owner, set()).add(pod["metadata"]["uid"])
    return found


def data(stack: Stack) -> set[str]:
    """Return what is kept: the mark in each Redis, and the identity of each claim."""
    kept = {
        name
        for name in REDISES
        if kubectl(stack, "exec", f"{name}-0", "--", "redis-cli", "get", "mark", check=False).strip() == "1"
    }
    return kept | {claim["metadata"]["uid"] for claim in listed(stack, "persistentvolumeclaims")}


def open_ports(stack: Stack) -> set[str]:
    """Return what may be connected to from outside the cluster."""
    found = set()
    for pod in listed(stack, "pods"):
        name, address = (
            pod["metadata"].get("labels", {}).get("app.kubernetes.io/name"),
            pod["status"].get("podIP"),
        )
        if name in REDISES and address and connects(address, 6379):
            found.add(name)
    nodes = json.loads(kubectl(stack, "get", "nodes", "-o", "json"))["items"]
    address = nodes[0]["status"]["addresses"][0]["address"]
    for service in listed(stack, "services"):
        for port in service["spec"]["ports"]:
            if port.get("nodePort") and connects(address, port["nodePort"]):
                found.add(f"{service['metadata']['name']} on every node")
    return found


def connects(address: str, port: int) -> bool:
    """Whether somebody listens there and lets us through."""
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


def observe(stack: Stack, case: Case) -> dict[str, Any]:
    """Apply a case to the base, and return the observations."""
    for name in REDISES:
        kubectl(stack, "exec", f"{name}-0", "--", "redis-cli", "set", "mark", "1")
    time.sleep(1.5)  # appendfsync is everysec
    services = {item["metadata"]["name"]: item["spec"]["clusterIP"] for item in listed(stack, "services")}
    before, kept, opened = pods(stack), data(stack), open_ports(stack)
    load = Load({name: services[name] for name in SERVICES})
    stack.specify(case.spec(stack.images))
    with load.running():
        done = stack.pulumi("up", "--yes", "--skip-preview", check=False)
        time.sleep(5)
    after = pods(stack)
    longest = max(load.longest.values())
    return {
        "applied": done.returncode == 0,
        "restarted": sorted(name for name, old in before.items() if old and not old & after.get(name, set())),
        "requests": load.requests,
        "failed": load.failed,
        "longest": round(longest, 1),
        "outage": longest >= OUTAGE_S,
        "lost": bool(kept - data(stack)),
        "opened": sorted(open_ports(stack) - opened),
    }


def main(arguments: list[str]) -> None:
    """Apply what was asked for, one after another, each to the base."""
    images, expected = references(*arguments[:2]), arguments[2:]
    observed = json.loads(OBSERVED.read_text()) if OBSERVED.exists() else {}
    with tempfile.TemporaryDirectory() as directory:
        stack = Stack(Path(os.environ.get("CORPUS_DIRECTORY", directory)), images, os.environ)
        for case in cases():
            if not expected or case.name in expected:
                stack.base()
                observed[case.name] = observe(stack, case)
                print(case.name, observed[case.name], flush=True)
                OBSERVED.write_text(json.dumps(observed, indent=1, sort_keys=True) + "\n")
        stack.base()
        if "CORPUS_DIRECTORY" not in os.environ:
            stack.pulumi("destroy", "--yes", "--skip-preview", "--remove")


if __name__ == "__main__":
    main(sys.argv[1:])
