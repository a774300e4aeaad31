"""A local port for a Service, through `kubectl port-forward`."""

import re
import subprocess
from collections.abc import Generator

from slipway.cluster.kubectl import Cluster, Object
from slipway.errors import SlipwayError
from slipway.process import child_environment

_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ->")


def service_port(service: Object) -> Object:
    """Return the port for HTTP, or else the first one."""
    ports: list[Object] = service["spec"]["ports"]
    return next((port for port in ports if port.get("name") in ("http", "https")), ports[0])


def forward(cluster: Cluster, service: Object, local: int) -> Generator[str, None, None]:
    """Yield the local port for each connection: kubectl's ends with its pod, and the next takes another pod.

    Raises:
        SlipwayError: when kubectl cannot connect.
    """
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
