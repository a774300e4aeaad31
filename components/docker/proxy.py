"""The proxy before the containers of a web service: HAProxy, from its official image.

It finds the containers by their name in the engine's DNS, asks each whether it is ready, and repeats
elsewhere what a stopping container did not accept. So a version replaces another without an outage, although
only one process can have a port of the machine.
"""

from collections.abc import Mapping
from typing import Any

from components.docker.health import check, headers
from components.kubernetes.probes import Probe

IMAGE = "haproxy:2.6-bookworm"
BACKENDS = "backends"
"""The name of the containers in the network of their web service."""
MOST = 20
"""The highest number of containers, those of the old and the new version together."""
_START = 'printf "%s\\n" "$CONFIG" >/tmp/haproxy.cfg && exec haproxy -db -f /tmp/haproxy.cfg'
COMMAND = ["sh", "-c", _START]
STOP_SIGNAL = "SIGUSR1"
"""HAProxy then ends running requests, and exits."""


def health_check(port: int) -> dict[str, Any]:
    """Return the health check of the proxy itself: it accepts connections."""
    return check(["CMD", "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"], startup=10)


def config(port: int, target_port: int, ready: Probe | None) -> str:
    """Return HAProxy's configuration: https://docs.haproxy.org/2.6/configuration.html."""
    action: Mapping[str, Any] = ready.action(target_port) if ready else {}
    path = action.get("http_get", {}).get("path")
    asked = (action.get("http_get") or action.get("tcp_socket") or {}).get("port", target_port)
    sent = headers(ready, target_port).items() if ready else ()
    hdr = "".join(f" hdr {_quoted(name)} {_quoted(value.replace('%', '%%'))}" for name, value in sent)
    asks = f"""\
option httpchk
    http-check send meth GET uri {_quoted(path)}{hdr}
    http-check expect status 200-399""" if path else ""  # fmt: skip
    return f"""\
global
    maxconn 1000
    log stdout format raw local0 notice
defaults
    mode http
    log global
    timeout connect 500ms
    timeout client 75s
    timeout server 75s
    timeout check 5s
    retries 5
    option redispatch 1
    retry-on conn-failure empty-response
resolvers engine
    nameserver dns 127.0.0.11:53
    hold valid 1s
    hold nx 1s
    timeout resolve 500ms
    timeout retry 500ms
frontend http
    bind :{port}
    default_backend web
backend web
    balance leastconn
    option forwardfor
    option http-server-close
    http-request disable-l7-retry unless METH_GET
    {asks}
    default-server check port {asked} inter 2s downinter 500ms fall 3 rise 1 init-addr none resolvers engine
    server-template web- {MOST} {BACKENDS}:{target_port}
"""


def _quoted(text: str) -> str:
    """Return a word of the configuration in strong quotes, in which no character is special."""
    return text if text.replace("/", "").isalnum() else "'" + text.replace("'", "'\\''") + "'"
