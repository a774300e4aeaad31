"""The names, addresses and paths of an instance of the sandbox."""

import os
import re
import shutil
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

NODES = ("node-1", "node-2")
CGROUP = "slipway-"
"""The prefix of the name of each instance's cgroup."""


class SandboxError(Exception):
    """An error that the user can act on, printed without a traceback."""


def program() -> str:
    """Return the sandbox's program as a user types it: before `sandbox env` it is not on PATH."""
    return "sandbox" if shutil.which("sandbox") else ".venv/bin/sandbox"


@dataclass(frozen=True)
class Instance:
    """The names, addresses and paths of one sandbox, computed from its `name`.

    The slot, 0 for `sandbox` and 1 to 62 for other names, keeps the addresses and ports of instances apart.
    Two names can share a slot; then the preflight check finds the port taken.
    """

    name: str
    state_home: Path
    cache_home: Path

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", self.name):
            raise SandboxError(
                f"SANDBOX_NAME={self.name!r} is not a valid name: use at most 31 lower-case letters, digits "
                "and dashes, a letter first, such as SANDBOX_NAME=sandbox-2"
            )

    @classmethod
    def from_environment(cls) -> "Instance":
        """Return the instance that SANDBOX_NAME (default `sandbox`) and the XDG directories select."""
        home = Path.home()
        return cls(
            name=os.environ.get("SANDBOX_NAME") or "sandbox",
            state_home=Path(os.environ.get("XDG_STATE_HOME") or home / ".local/state") / "slipway",
            cache_home=Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "slipway",
        )

    def command(self, arguments: str) -> str:
        """Return a command for this instance as a user types it."""
        name = "" if self.name == "sandbox" else f"SANDBOX_NAME={self.name} "
        return f"{name}{program()} {arguments}"

    @cached_property
    def slot(self) -> int:
        """The instance's share of the address space."""
        return 0 if self.name == "sandbox" else 1 + zlib.crc32(self.name.encode()) % 62

    # Addresses

    @property
    def lan(self) -> str:
        """The network of the control plane, the nodes and the host."""
        return f"10.192.{self.slot}.0/24"

    @property
    def host_ip(self) -> str:
        """The host's address in the LAN."""
        return f"10.192.{self.slot}.1"

    @property
    def control_ip(self) -> str:
        """The address of the API server and the registry."""
        return f"10.192.{self.slot}.10"

    @property
    def docker_ip(self) -> str:
        """The address of the Docker engine."""
        return f"10.192.{self.slot}.20"

    @property
    def container_cidr(self) -> str:
        """The addresses of all containers of the Docker engine."""
        return f"10.{193 + self.slot}.0.0/16"

    def node_ip(self, node: str) -> str:
        """Return a node's InternalIP."""
        return f"10.192.{self.slot}.{11 + NODES.index(node)}"

    @property
    def pod_cidr(self) -> str:
        """The addresses of all pods."""
        return f"10.{64 + self.slot}.0.0/16"

    def node_pod_cidr(self, node: str) -> str:
        """Return the addresses of a node's pods."""
        return f"10.{64 + self.slot}.{1 + NODES.index(node)}.0/24"

    @property
    def service_cidr(self) -> str:
        """The addresses of all Services."""
        return f"10.{128 + self.slot}.0.0/16"

    @property
    def kubernetes_ip(self) -> str:
        """The address of the Service `kubernetes`: the API server takes the first of the range."""
        return f"10.{128 + self.slot}.0.1"

    @property
    def dns_ip(self) -> str:
        """CoreDNS's ClusterIP."""
        return f"10.{128 + self.slot}.0.10"

    @property
    def api_url(self) -> str:
        """The API server's URL for the host, the nodes and the pods."""
        return f"https://{self.control_ip}:6443"

    @property
    def registry_port(self) -> int:
        """The registry's port on the host's loopback."""
        return 5001 + self.slot

    @property
    def registry(self) -> str:
        """The registry's name in image references, on the host and on the nodes."""
        return f"localhost:{self.registry_port}"

    @property
    def registry_url(self) -> str:
        """The registry's URL in the LAN."""
        return f"http://{self.control_ip}:5000"

    # Kernel objects

    @property
    def control_netns(self) -> str:
        """The network namespace of the control plane and the registry."""
        return f"{self.name}-control"

    def node_netns(self, node: str) -> str:
        """Return the network namespace of a node."""
        return f"{self.name}-{node}"

    @property
    def docker_netns(self) -> str:
        """The network namespace of the Docker engine."""
        return f"{self.name}-docker"

    @property
    def netns(self) -> tuple[str, ...]:
        """Every network namespace of this instance."""
        docker = (self.docker_netns,) if self.docker.exists() else ()
        return (self.control_netns, *(self.node_netns(node) for node in NODES), *docker)

    @property
    def host_link(self) -> str:
        """The host's end of its link to the LAN. Linux allows 15 characters."""
        return f"slipway{self.slot}"

    @property
    def cgroup(self) -> str:
        """The cgroup, in each hierarchy, of all processes of this instance."""
        return f"{CGROUP}{self.name}"

    # Files

    @property
    def state(self) -> Path:
        """The directory that `sandbox purge` deletes."""
        return self.state_home / self.name

    @property
    def tools(self) -> Path:
        """Compiled tools, which all instances of a user share."""
        return self.cache_home / "tools"

    @property
    def bin(self) -> Path:
        """Links to the user's tools: the first entry of PATH in `sandbox env`."""
        return self.state / "bin"

    @property
    def libexec(self) -> Path:
        """Links to all tools."""
        return self.state / "libexec"

    @property
    def run(self) -> Path:
        """Sockets and other files that `sandbox down` deletes."""
        return self.state / "run"

    @property
    def etc(self) -> Path:
        """Generated configuration files."""
        return self.state / "etc"

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        """Log files, one for each process."""
        return self.state / "logs"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.state / "kubeconfig"

    @property
    def supervisor_pid_file(self) -> Path:
        """The file with the pid of supervisord."""
        return self.run / "supervisord.pid"

    @property
    def buildkit_socket(self) -> Path:
        """The socket of buildkitd."""
        return self.run / "buildkitd.sock"

    @property
    def docker(self) -> Path:
        """The data of the Docker engine; it exists if `sandbox up --docker` has started one."""
        return self.state / "docker-engine"

    @property
    def docker_socket(self) -> Path:
        """The socket of the Docker engine."""
        return self.run / "docker.sock"
