"""A steady load on a Service, and what became of each request."""

import json
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.platform.instance import Instance
from sandbox.tools.toolchain import Toolchain

LIMIT_S = 900
"""No load outlasts this, whatever becomes of the test."""
TIMEOUT_S = 5


@dataclass(repr=False)
class Load:
    """What the load generator saw; filled when the load has ended."""

    requests: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)
    """Seconds since the beginning, and the error or status that the client got."""

    @property
    def failed(self) -> int:
        """How many requests failed."""
        return len(self.failures)

    def __repr__(self) -> str:
        kinds = sorted({reason for _, reason in self.failures})
        times = {kind: sorted(at for at, reason in self.failures if reason == kind) for kind in kinds}
        lines = (f"{len(at)} from {at[0]:.0f} to {at[-1]:.0f} s: {kind}" for kind, at in times.items())
        return "; ".join((f"{self.failed} of {self.requests} failed", *lines))


@contextmanager
def load(url: str, rate: int) -> Iterator[Load]:
    """Ask `rate` times a second, each time on a connection of its own, as long as the block lasts.

    The load begins before the block and goes on for a second after it.
    """
    vegeta = Toolchain(Instance.from_environment()).path("vegeta")
    words = ("attack", f"-rate={rate}", f"-duration={LIMIT_S}s", f"-timeout={TIMEOUT_S}s")
    result = Load()
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory, "results")
        command = (vegeta, *words, "-keepalive=false", f"-output={results}")
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
            assert process.stdin
            process.stdin.write(f"GET {url}\n")
            process.stdin.close()
            begun = time.monotonic()
            try:
                time.sleep(1)
                yield result
                time.sleep(1)
            finally:
                lasted = time.monotonic() - begun
                process.send_signal(signal.SIGINT)  # it waits for the answers under way
        lines = subprocess.check_output((vegeta, "encode", "--to=json", str(results)), text=True).splitlines()
    answers = sorted((json.loads(line) for line in lines), key=lambda entry: int(entry["seq"]))
    result.requests = len(answers)
    assert result.requests > 0.9 * rate * lasted, (
        f"{result.requests} requests in {lasted:.0f} s are not the load"
    )
    result.failures = [
        (entry["seq"] / rate, entry["error"] or str(entry["code"]))
        for entry in answers
        if entry["code"] != 200
    ]
