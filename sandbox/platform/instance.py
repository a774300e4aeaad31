"""The names, addresses and paths of an instance of the sandbox."""

import os
import re
import shutil
import zlib
from pathlib import Path

NODES = ("node-1", "node-2")
CGROUP = "slipway-"
"""The prefix of the name of each instance's cgroup."""


class SandboxError(Exception):
    """An error that the user can act on, printed without a traceback."""


def program() -> str:
    """Return the sandbox's program as a user types it: before `sandbox env` it is not on PATH."""
    return "sandbox" if shutil.which("sandbox") else ".venv/bin/sandbox"


class Instance:
    """The names, addresses and paths of one sandbox, computed from its `name`.

    The slot, 0 for `sandbox` and 1 to 62 for other names, keeps the addresses and ports of instances apart.
    Two names can share a slot; then the preflight check finds the port taken.
    """

    def __init__(self, name: str, state_home: Path, cache_home: Path) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
            raise SandboxError(
                f"SANDBOX_NAME={name!r} is not a valid name: use at most 31 lower-case letters, digits "
                "and dashes, a letter first, such as SANDBOX_NAME=sandbox-2"
            )
        self.name = name
        self.slot = slot = 0 if name == "sandbox" else 1 + zlib.crc32(name.encode()) % 62

        # Addresses: of the LAN that joins the host, the control plane, the nodes and the Docker engine; of
        # pods; of Services; of containers.
        self.lan = f"10.192.{slot}.0/24"
        self.pod_cidr = f"10.{64 + slot}.0.0/16"
        self.service_cidr = f"10.{128 + slot}.0.0/16"
        self.host_ip = f"10.192.{slot}.1"
        self.control_ip = f"10.192.{slot}.10"
        self.docker_ip = f"10.192.{slot}.20"
        self.container_cidr = f"10.{193 + slot}.0.0/16"
        # The API server takes the first ClusterIP for the Service `kubernetes`. DNS gets the tenth.
        self.kubernetes_ip = f"10.{128 + slot}.0.1"
        self.dns_ip = f"10.{128 + slot}.0.10"
        self.api_url = f"https://{self.control_ip}:6443"
        # The registry: on the host's loopback, by its name in image references, and in the LAN.
        self.registry_port = 5001 + slot
        self.registry = f"localhost:{self.registry_port}"
        self.registry_url = f"http://{self.control_ip}:5000"

        # Kernel objects. Linux allows 15 characters for the host's end of its link to the LAN.
        self.host_link = f"slipway{slot}"
        self.control_netns = f"{name}-control"
        self.docker_netns = f"{name}-docker"
        self.cgroup = f"{CGROUP}{name}"

        # Directories. `sandbox purge` deletes the state, `sandbox down` what is in `run`.
        self.state_home, self.cache_home = state_home, cache_home
        self.state = state_home / name
        self.bin = self.state / "bin"  # links to the user's tools, for PATH
        self.libexec = self.state / "libexec"  # links to all tools
        self.run = self.state / "run"
        self.etc = self.state / "etc"
        self.pki = self.state / "pki"
        self.logs = self.state / "logs"
        self.pulumi_home = self.state / "pulumi/home"
        self.pulumi_backend = self.state / "pulumi/backend"
        self.docker_config = self.state / "docker"
        self.docker = self.state / "docker-engine"  # the engine's data; exists after `sandbox up --docker`
        self.postgres = self.state / "postgres-base"  # exists after `sandbox up --postgres`
        self.tools = cache_home / "tools"  # compiled tools, which all instances of a user share

        # Files
        self.kubeconfig = self.state / "kubeconfig"
        self.passphrase = self.state / "pulumi/passphrase"
        self.supervisor_pid_file = self.run / "supervisord.pid"
        self.buildkit_socket = self.run / "buildkitd.sock"
        self.docker_socket = self.run / "docker.sock"

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

    def node_ip(self, node: str) -> str:
        """Return a node's InternalIP."""
        return f"10.192.{self.slot}.{11 + NODES.index(node)}"

    def node_pod_cidr(self, node: str) -> str:
        """Return the addresses of a node's pods."""
        return f"10.{64 + self.slot}.{1 + NODES.index(node)}.0/24"

    def node_netns(self, node: str) -> str:
        """Return the network namespace of a node."""
        return f"{self.name}-{node}"

    @property
    def store(self) -> Path:
        """The objects of the store; the directory exists after `sandbox up --store`."""
        return self.state / "store"

    @property
    def store_credentials(self) -> Path:
        """The login of the store, as AWS' tools read it."""
        return self.state / "store-credentials"

    @property
    def prometheus(self) -> Path:
        """The data of Prometheus; exists after `sandbox up --prometheus`."""
        return self.state / "prometheus"

    @property
    def ingress(self) -> Path:
        """The authority and the certificates of host names; exists after `sandbox up --ingress`."""
        return self.state / "doors"

    @property
    def netns(self) -> tuple[str, ...]:
        """Every network namespace of this instance."""
        docker = (self.docker_netns,) if self.docker.exists() else ()
        return (self.control_netns, *map(self.node_netns, NODES), *docker)
