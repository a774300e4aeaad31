"""The process as the container runs it: gunicorn, several workers, signals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Redis

APP = Path(__file__).parent.parent


class Server:
    def __init__(self, redis_url: str, tmp: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        env = {**os.environ, "REDIS_URL": redis_url, "TMPDIR": str(tmp), "APP_VERSION": "9", "POD_NAME": "p"}
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
        self.process = subprocess.Popen(command, cwd=APP, env=env, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                self.get("/livez")
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("gunicorn did not start")

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310  # our own http URL
            return str(answer.read().decode())

    def stop(self) -> tuple[int, list[str]]:
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=30)
        return self.process.returncode, output.splitlines()


@pytest.fixture
def server(redis_server: Redis, tmp_path: Path) -> Iterator[Server]:
    server = Server(redis_server.url, tmp_path)
    yield server
    if server.process.poll() is None:
        server.process.kill()
        server.process.communicate()


def test_metrics_add_up_over_all_worker_processes(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.get("/?format=text"), range(60)))
    hits = sorted(int(re.match(r"hits=(\d+) ", answer)[1]) for answer in answers)  # type: ignore[index]
    assert hits == list(range(1, 61))
    totals = {re.search(r'route="/",status="200"} (\S+)', server.get("/metrics"))[1] for _ in range(10)}  # type: ignore[index]
    assert totals == {"60.0"}, "each worker must report the sum"


def test_sigterm_ends_it_cleanly_and_every_log_line_is_json(server: Server) -> None:
    server.get("/")
    code, lines = server.stop()
    assert code == 0
    records = [json.loads(line) for line in lines]
    assert [r for r in records if r["message"] == "request" and r["path"] == "/" and r["status"] == 200]
    assert {(r["version"], r["pod"]) for r in records} == {("9", "p")}
