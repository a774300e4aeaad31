"""A local port for a Service, through `kubectl port-forward`."""

import re
import subprocess
from collections.abc import Generator

from slipway.cluster.kubectl import Cluster, Object
from slipway.errors import SlipwayError
from slipway.process import child_environment

_HTTP = ("http", "https", "kubernetes.io/h2c", "kubernetes.io/ws", "kubernetes.io/wss")
_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ->")


def tcp_ports(service: Object) -> list[Object]:
    """Return the TCP ports of a Service; a headless Service may have no port."""
    return [port for port in service["spec"].get("ports") or () if port.get("protocol", "TCP") == "TCP"]


def http_ports(service: Object) -> list[Object]:
    """Return the TCP ports that may be for HTTP: their `appProtocol` does not name another protocol.

    https://kubernetes.io/docs/concepts/services-networking/service/#application-protocol
    """
    return [port for port in tcp_ports(service) if port.get("appProtocol", "http") in _HTTP]


def serves_http(service: Object) -> bool:
    """Return whether a Service has a port for HTTP, by its name or number."""
    return any(
        port.get("name") in ("http", "https") or port["port"] in (80, 443) for port in tcp_ports(service)
    )


def service_port(service: Object) -> Object:
    """Return the port for HTTP, or else the first TCP port."""
    ports = http_ports(service) or tcp_ports(service)
    if not ports:
        raise SlipwayError(f"the Service {service['metadata']['name']} has no TCP port")
    return next((port for port in ports if port.get("name") in ("http", "https")), ports[0])


def forward(cluster: Cluster, service: Object, local: int) -> Generator[str, None, None]:
    """Yield the local port for each connection, which ends with its pod; the next uses another pod."""
    metadata = service["metadata"]
    chosen = str(local) if local else ""
    while True:
        command = cluster.command(
            "port-forward", f"service/{metadata['name']}", f"{chosen}:{service_port(service)['port']}",
            f"--namespace={metadata['namespace']}", "--address=127.0.0.1",
        )  # fmt: skip
        output = []
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=child_environment()
        ) as process:
            connected = False
            try:
                for line in process.stdout or ():
                    output.append(line)
                    if not connected and (match := _FORWARDING.match(line)):
                        chosen, connected = match[1], True
                        yield chosen
            finally:
                process.terminate()
        if not connected:
            raise SlipwayError(f"cannot forward a port to {metadata['name']}: {''.join(output).strip()}")
