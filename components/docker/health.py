"""Health checks of containers, from the probes that pods have."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.docker.container import expanded
from components.kubernetes.probes import Probe

# The engine asks within the container, with what its image has.
_HTTP = """\
if command -v python3 >/dev/null; then exec python3 -ISc '
import sys, http.client
http = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=2)
http.request("GET", sys.argv[2], headers=dict(header.split(": ", 1) for header in sys.argv[3:]))
sys.exit(not 200 <= http.getresponse().status < 400)' {port} {path}{plain}
elif command -v curl >/dev/null; then exec curl --fail --silent --show-error --max-time 2{curl} {url}
else exec wget -q -T 2 -O -{wget} {url}; fi"""
_TCP = """\
if command -v python3 >/dev/null; then exec python3 -ISc '
import sys, socket
socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2)' {port}
else exec nc -z -w 2 127.0.0.1 {port}; fi"""


Variables = Mapping[str, pulumi.Input[str]]


def health_check(probe: Probe, port: int, startup: int, variables: Variables | None = None) -> dict[str, Any]:
    """Return a container's `healthcheck`; `port` is the port that the component exposes.

    A command may refer to the container's variables, as in pods.
    """
    return check(_test(probe, port, variables or {}), startup)


def check(command: Sequence[pulumi.Input[str]], startup: int) -> dict[str, Any]:
    """Return a `healthcheck` that runs a command; failures within `startup` seconds do not count.

    The engine starts a process in the container for each check, which takes a tenth of a second of processor
    time. It checks first after `interval`.
    """
    return {
        "tests": list(command),
        "interval": "5s",
        "timeout": "10s",
        "start_period": duration(startup),
        "retries": 3,
    }


def alive(startup: int) -> dict[str, Any]:
    """Return a `healthcheck` that passes once the container has run for its interval.

    The first check comes after the interval, which begins anew when the container restarts.
    """
    return check(["CMD", "true"], startup)


def _test(probe: Probe, port: int, variables: Variables) -> list[pulumi.Input[str]]:
    action: Mapping[str, Any] = probe.action(port)
    if "exec_" in action:
        return ["CMD", *(expanded(word, variables) for word in action["exec_"]["command"])]
    if "http_get" in action:
        asked = action["http_get"]
        return ["CMD-SHELL", _http(asked["port"], asked["path"], headers(probe, port))]
    return ["CMD-SHELL", _TCP.format(port=action["tcp_socket"]["port"])]


def headers(probe: Probe, port: int) -> dict[str, str]:
    """Return the headers that an HTTP probe sends, each in one line; `port` as in `health_check`."""
    action: Mapping[str, Any] = probe.action(port)
    sent = action.get("http_get", {}).get("http_headers", [])
    return {header["name"]: " ".join(header["value"].split()) for header in sent}


def _http(port: int, path: str, sent: Mapping[str, str]) -> str:
    lines = [shlex.quote(f"{name}: {value}") for name, value in sent.items()]
    return _HTTP.format(
        port=port,
        path=shlex.quote(path),
        url=shlex.quote(f"http://127.0.0.1:{port}{path}"),
        plain="".join(f" {line}" for line in lines),
        curl="".join(f" --header {line}" for line in lines),
        wget="".join(f" --header={line}" for line in lines),
    )


def duration(seconds: int) -> str:
    """Return a time as Go prints it, so that a refresh finds no difference: 1m30s."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
