"""The ports of services: which a Service leads to, and which clients outside reach."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from slipway.adopt import code
from slipway.adopt.code import Code
from slipway.adopt.reading import short_forms
from slipway.adopt.reading.compose_files import Model
from slipway.adopt.reading.source import Source
from slipway.adopt.report import Report, join
from slipway.adopt.services.roles import Part, Role, mentioned, texts

_PORT_KEYS = ("target", "published", "host_ip", "protocol", "mode", "name", "app_protocol")


@dataclass
class Exposures:
    """The exposures of the services of an application."""

    source: Source
    services: Mapping[str, Model]
    report: Report
    host_settings: dict[str, Part] = field(default_factory=dict)
    """The services that clients outside reach, by the setting of their host name."""

    def exposure(self, service: Model, part: Part, path: str) -> Code | None:
        """Return the ports of a WebService, and the way from outside if Compose publishes it."""
        public = self._ports(service, part, path)
        if part.role is not Role.WEB:
            return None
        arguments: dict[str, Code] = {}
        if self._has_clients(service, part):
            arguments["port"] = str(part.port)  # in Compose, clients use the container's port
        arguments["target_port"] = str(part.port)
        if public:
            key = f"{part.variable}Host" if self.host_settings else "host"
            variable = f"{part.variable}_host" if self.host_settings else "host"
            self.host_settings[key] = part
            arguments["host"] = f"{variable} or ()"
            arguments["tls"] = f'Tls.issuer(config.require("issuer")) if {variable} else None'
            arguments["public"] = (
                f'"{part.service} is published in {self.source.name}" if {variable} else None'
            )
        return code.invoke("Exposure", **arguments)

    def _has_clients(self, service: Model, part: Part) -> bool:
        """Return whether other services connect to a service."""
        return ("expose" in service and not self.source.origins) or any(
            part.service in other.get("depends_on", {})
            or any(
                any(mentioned(str(value), [part], name))
                for name, value in (other.get("environment") or {}).items()
            )
            or any(
                not found.plain for word in texts(other, commands=True) for found in mentioned(word, [part])
            )
            for other in self.services.values()
            if other is not service
        )

    def _ports(self, service: Model, part: Part, path: str) -> bool:
        """Record what becomes of the ports; return whether clients outside reach the first."""
        public, first = False, True
        for index, entry in enumerate(service.get("ports", [])):
            place = f"{path}.ports[{index}]"
            port = short_forms.port(entry, place)
            keys = self.source.keys(part.service, "ports", index, _PORT_KEYS)
            if part.role is not Role.WEB:
                self.report.left_out(place, f"a {part.role} has no port: nobody connects to it")
            elif port.target == part.port and first:
                first, public = False, port.public and bool(port.published)
                reach = "; for a host name set `host` and `issuer`" if public else ""
                self.report.changed(
                    place, f"a Service of the cluster leads to port {port.target}{reach}", *keys
                )
            else:
                self.report.left_out(
                    place, f"a WebService has one port, {part.port}: add a Service for the other"
                )
        if "expose" in service:
            text = "the Service leads to the first port" if part.role is Role.WEB else "it has no port"
            self.report.changed(join(path, "expose"), text)
        return public
