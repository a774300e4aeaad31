"""The processes that the host has started, so that cancelling ends them."""

import signal
import subprocess
import threading
from pathlib import Path

# What the official host leaves a cancelled program before it is killed.
GRACE = 5.0


class Processes:
    """Starts processes; `interrupt` ends those that run and lets no other start."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._ended = False

    def start(
        self,
        command: list[str],
        environment: dict[str, str],
        directory: Path | None = None,
        piped: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a process; its output goes where the host's goes unless it is `piped`."""
        output = subprocess.PIPE if piped else None
        with self._lock:
            if self._ended:
                raise InterruptedError("the host was cancelled")
            process = subprocess.Popen(
                command, env=environment, cwd=directory, stdout=output, stderr=output, bufsize=0
            )
            self._running.add(process)
        return process

    def wait(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for a process's end. The exit code is -1 where a signal ended it, as in Go."""
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        return max(code, -1)

    def end(self, process: subprocess.Popen[bytes], grace: float = GRACE) -> None:
        """Interrupt a process, and kill it if it is not gone after `grace` seconds."""
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            timer = threading.Timer(grace, process.kill)
            timer.daemon = True
            timer.start()

    def interrupt(self, grace: float = GRACE) -> None:
        """End everything that runs and refuse to start more."""
        with self._lock:
            self._ended = True
            running = list(self._running)
        for process in running:
            self.end(process, grace)
