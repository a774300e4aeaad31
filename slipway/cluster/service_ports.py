"""The ports of Services: which one is for HTTP, and a local port that kubectl forwards to it."""

import re
import subprocess
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator

from slipway.cluster.kubectl import Cluster, Object
from slipway.errors import SlipwayError
from slipway.process import child_environment

_TLS = ("https", "kubernetes.io/wss")
_HTTP = ("http", "kubernetes.io/h2c", "kubernetes.io/ws", *_TLS)
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
    """Return whether a Service has a port for HTTP, by its protocol, name or number."""
    return any(map(_is_for_http, http_ports(service)))


def _is_for_http(port: Object) -> bool:
    return "appProtocol" in port or port.get("name") in ("http", "https") or port["port"] in (80, 443)


def service_port(service: Object) -> Object:
    """Return the port for HTTP, or else the first TCP port."""
    ports = http_ports(service) or tcp_ports(service)
    if not ports:
        raise SlipwayError(f"the Service {service['metadata']['name']} has no TCP port")
    return min(ports, key=lambda port: (port.get("name") not in ("http", "https"), not _is_for_http(port)))


def scheme(service: Object, templates: Iterable[Object]) -> str:
    """Return http or https for the Service's port, by its protocol, else by probes, its name or its number.

    The templates are those of the Service's pods.
    """
    port = service_port(service)
    if protocol := port.get("appProtocol"):
        return "https" if protocol in _TLS else "http"
    probed = next((found for template in templates for found in _probe_schemes(port, template)), "")
    if probed:
        return probed
    name = port.get("name")
    return "https" if name == "https" or (name != "http" and port["port"] == 443) else "http"


def _probe_schemes(port: Object, template: Object) -> Iterator[str]:
    """Yield the schemes of the probes that request the Service's port at the pod."""
    target = port.get("targetPort", port["port"])
    for container in template["spec"]["containers"]:
        numbers = {item.get("name"): item["containerPort"] for item in container.get("ports") or ()}
        for kind in ("readinessProbe", "livenessProbe", "startupProbe"):
            probe = (container.get(kind) or {}).get("httpGet")
            if probe and numbers.get(probe["port"], probe["port"]) == numbers.get(target, target):
                yield str(probe.get("scheme", "HTTP")).lower()


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
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=child_environment(),
        ) as process:
            connected = False
            # kubectl prints a line for each connection, and forwards nothing while nobody reads the line.
            reader = threading.Thread(target=deque, args=(process.stdout or (), 0), daemon=True)
            try:
                for line in process.stdout or ():
                    output.append(line)
                    if match := _FORWARDING.match(line):
                        chosen, connected = match[1], True
                        reader.start()
                        yield chosen
                        reader.join()
                        break
            finally:
                process.terminate()
                if connected:
                    reader.join()  # before the pipe is closed
        if not connected:
            raise SlipwayError(f"cannot forward a port to {metadata['name']}: {''.join(output).strip()}")
