"""The time from a changed line to its answer on a Docker engine, with `pulumi up` and `docker compose up`.

    eval "$(.venv/bin/sandbox env)" && python -m benchmarks.docker_change [ROUNDS]

Both have a copy of the project, build with the same builder, and run in turns. A client asks each 20 times a
second, on new connections. The first answer with the changed line, the last without it, and the end of the
command count from its beginning. The pause is the longest time between two answers.
"""

import os
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import httpx

from benchmarks.stacks import Stack

ROUNDS = 5
PORTS = {"pulumi": 15180, "compose": 15181}
EVERY_S = 0.05
TIMES = ("first new answer", "last old answer", "end of the command", "longest pause")


@dataclass
class Client:
    """What a client gets: the time of each answer, and its text."""

    url: str
    answers: list[tuple[float, str]] = field(default_factory=list)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask for as long as the block lasts."""
        ended = threading.Event()
        thread = threading.Thread(target=self._ask, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _ask(self, ended: threading.Event) -> None:
        while not ended.wait(EVERY_S):
            try:
                text = httpx.get(self.url, timeout=5).raise_for_status().text
            except httpx.HTTPError:
                continue
            self.answers.append((time.perf_counter(), text))

    def served(self, mark: str) -> bool:
        """Return whether the last answer has the changed line."""
        return bool(self.answers) and mark in self.answers[-1][1]


def round_of(stack: Stack, port: int, deploy: Callable[[Stack], None]) -> tuple[float, ...]:
    """Change a line, deploy, wait until only the new version answers, and return the times."""
    mark, client = stack.change(), Client(f"http://127.0.0.1:{port}/?format=text")
    with client.asking():
        time.sleep(1)
        begun = time.perf_counter()
        deploy(stack)
        returned = time.perf_counter()
        while not client.served(mark):
            time.sleep(EVERY_S)
        time.sleep(1)
    new = [at for at, text in client.answers if mark in text]
    old = [at for at, text in client.answers if mark not in text]
    times = sorted(old + new)
    gaps = (after - before for before, after in pairwise(times))
    return new[0] - begun, old[-1] - begun, returned - begun, max(gaps)


def pulumi(stack: Stack) -> None:
    """Deploy with Pulumi, as users do."""
    stack.run("pulumi", "up", "--yes", "--skip-preview")


def compose(stack: Stack) -> None:
    """Deploy with Compose, as users do."""
    own = {"WEB_PORT": str(PORTS["compose"]), "COMPOSE_PROJECT_NAME": stack.name}
    words = ("docker", "compose", "--project-directory", "app", "up", "--build", "--detach")
    stack.run(*words, environment={**os.environ, **own})


def end(ours: Stack, theirs: Stack) -> None:
    """Remove what both have made; Pulumi leaves the volume."""
    ours.destroy()
    if ours.namespace:
        ours.run("docker", "volume", "rm", "--force", f"{ours.namespace}-cache-data")
    theirs.run("docker", "compose", "--project-name", theirs.name, "down", "--volumes", "--rmi", "local")


def main(rounds: int) -> None:
    """Deploy, measure, print a table, and remove everything."""
    suffix = secrets.token_hex(2)
    with tempfile.TemporaryDirectory() as directory:
        ours, theirs = (Stack(f"bench{name}{suffix}", Path(directory, name)) for name in PORTS)
        deploys = {"pulumi": (ours, pulumi), "compose": (theirs, compose)}
        try:
            ours.create(base="local", web={"replicas": 1, "servicePort": PORTS["pulumi"]})
            theirs.copy()
            compose(theirs)
            times: dict[str, list[tuple[float, ...]]] = {name: [] for name in deploys}
            for turn in range(rounds + 1):
                for name, (stack, deploy) in deploys.items():
                    took = round_of(stack, PORTS[name], deploy)
                    if turn:  # the first fills the caches
                        times[name].append(took)
                    print(
                        f"  round {turn} {name:8}", *(f"{seconds:6.2f}" for seconds in took), file=sys.stderr
                    )
        finally:
            end(ours, theirs)
    for name, rows in times.items():
        for label, seconds in zip(TIMES, zip(*rows, strict=True), strict=True):
            extent = f"{min(seconds):.2f} to {max(seconds):.2f}"
            print(f"{name:8} {label:20} {statistics.median(seconds):6.2f} s  ({extent})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
