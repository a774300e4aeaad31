"""Health checks of containers, from the probes that pods have."""

import shlex
from collections.abc import Mapping
from typing import Any

from components.kubernetes.probes import Probe

# The engine asks within the container, with what its image has.
_HTTP = """\
if command -v python3 >/dev/null; then exec python3 -ISc '
import sys, http.client
http = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=2)
http.request("GET", sys.argv[2])
sys.exit(not 200 <= http.getresponse().status < 400)' {port} {path}
elif command -v curl >/dev/null; then exec curl --fail --silent --show-error --max-time 2 http://127.0.0.1:{port}{path}
else exec wget -q -T 2 -O - http://127.0.0.1:{port}{path}; fi"""
_TCP = """\
if command -v python3 >/dev/null; then exec python3 -ISc '
import sys, socket
socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2)' {port}
else exec nc -z -w 2 127.0.0.1 {port}; fi"""


def health_check(probe: Probe, port: int, startup: int) -> dict[str, Any]:
    """Return a container's `healthcheck`; `port` is the port that the component exposes."""
    return check(_test(probe, port), startup)


def check(command: list[str], startup: int) -> dict[str, Any]:
    """Return a `healthcheck` that runs a command; failures within `startup` seconds do not count.

    The engine starts a process in the container for each check, which takes a tenth of a second of processor
    time. It checks first after `interval`.
    """
    return {
        "tests": command,
        "interval": "5s",
        "timeout": "10s",
        "start_period": duration(startup),
        "retries": 3,
    }


def _test(probe: Probe, port: int) -> list[str]:
    action: Mapping[str, Any] = probe.action(port)
    if "exec_" in action:
        return ["CMD", *action["exec_"]["command"]]
    if "http_get" in action:
        asked = action["http_get"]
        return ["CMD-SHELL", _HTTP.format(port=asked["port"], path=shlex.quote(asked["path"]))]
    return ["CMD-SHELL", _TCP.format(port=action["tcp_socket"]["port"])]


def duration(seconds: int) -> str:
    """Return a time as Go prints it, so that the engine's answer is no difference: 1m30s."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
