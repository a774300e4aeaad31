"""The tools: found on PATH where a suitable one is, otherwise built once from pinned Go modules.

A family is one go.mod in sandbox/tools/, because its dependencies clash with another's. What is
built lies in a directory named by a hash of all that determines it, so that nothing is built twice
and a change never mixes with what was there before.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sandbox.instance import Instance, SandboxError
from sandbox.shell import run

SOURCES = Path(__file__).parent / "tools"
VERSION = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
KUBERNETES = tuple(
    f"-X k8s.io/{package}.git{name}"
    for package in ("component-base/version", "client-go/pkg/version")
    for name in ("Version=v1.35.4", "Major=1", "Minor=35")
)


@dataclass(frozen=True)
class Tool:
    """One executable: the Go package it is built from, or how a suitable one is recognised."""

    name: str
    package: str = ""
    version: tuple[str, ...] = ()
    suitable: str = ""

    def on_path(self) -> str | None:
        """A suitable one that the user has already."""
        found = shutil.which(self.name, path=_search_path())
        if not found or not self.suitable:
            return found if not self.package else None
        done = subprocess.run([found, *self.version], capture_output=True, text=True, check=False, timeout=20)
        return found if re.search(self.suitable, done.stdout + done.stderr) else None


@dataclass(frozen=True)
class Family:
    """Tools that are built together. Those not `first` are built after the platform serves."""

    name: str
    tools: tuple[Tool, ...]
    ldflags: tuple[str, ...] = ()
    first: bool = True
    missing: tuple[Tool, ...] = field(default=())


FAMILIES = (
    Family(
        "buildkit",
        (
            Tool(
                "buildkitd", "github.com/moby/buildkit/cmd/buildkitd", ("--version",), r" v0\.(2[5-9]|3\d)\."
            ),
            Tool("buildx", "github.com/docker/buildx/cmd/buildx", ("version",), r" v0\.(2[5-9]|3\d)\."),
        ),
    ),
    Family(
        "kubernetes",
        (
            *(
                Tool(name, f"k8s.io/kubernetes/cmd/{name}", ("--version",), r"Kubernetes v1\.35\.")
                for name in (
                    "kube-apiserver",
                    "kube-controller-manager",
                    "kube-scheduler",
                    "kubelet",
                    "kube-proxy",
                )
            ),
            # One minor version apart is what Kubernetes supports between kubectl and the API server.
            Tool(
                "kubectl",
                "k8s.io/kubernetes/cmd/kubectl",
                ("version", "--client"),
                r"Version: v1\.3[456]\.\d+\n",
            ),
            Tool("coredns", "./coredns"),
            Tool("storage-provisioner", "./storage-provisioner"),
        ),
        KUBERNETES,
    ),
    Family(
        "pulumi",
        (Tool("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", ("version",), r"^v3\.259\.0\b"),),
        (f"-X {VERSION}=v3.259.0",),
    ),
    Family(
        "docker-build",
        (
            Tool(
                "pulumi-resource-docker-build",
                "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build",
            ),
        ),
        ("-X github.com/pulumi/pulumi-docker-build/provider.Version=0.0.22",),
    ),
)
FOR_USERS = ("pulumi", "kubectl")
# From the system's packages; `python -m sandbox packages` installs them.
SYSTEM = tuple(map(Tool, ("etcd", "containerd", "runc", "docker-registry", "socat", "catatonit")))


def _search_path() -> str:
    """PATH with the virtualenv's programs first and the places where system packages put servers."""
    user = (entry for entry in os.environ["PATH"].split(os.pathsep) if "/slipway/" not in entry)
    return os.pathsep.join((str(Path(sys.executable).parent), *user, "/usr/sbin", "/sbin"))


@cache
def _go_version() -> str:
    return run("go", "env", "GOVERSION").strip()


class Toolchain:
    """Where each tool of an instance is."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def path(self, name: str) -> str:
        """The path of a tool, found or built."""
        link = self._instance.libexec / name
        if not link.exists():
            raise SandboxError(f"{name} is not there yet: run `python -m sandbox up`")
        return str(link.resolve())

    @property
    def cni(self) -> str:
        """The directory of the CNI plugins."""
        return next(
            (d for d in ("/opt/cni/bin", "/usr/lib/cni") if Path(d, "host-local").exists()), "/usr/lib/cni"
        )

    def missing(self) -> Iterator[Family]:
        """The families of which something is still to be built."""
        for family in FAMILIES:
            wanted = tuple(tool for tool in family.tools if not self._found(family, tool))
            if wanted:
                yield family

    def _found(self, family: Family, tool: Tool) -> str | None:
        built = self._directory(family) / tool.name
        return str(built) if built.exists() else tool.on_path()

    def _directory(self, family: Family) -> Path:
        return self._instance.tools / f"{family.name}-{key(family)}"

    def link(self) -> None:
        """Point the instance's libexec/ at every tool there is, and its bin/ at those for the user."""
        for directory in (self._instance.libexec, self._instance.bin):
            directory.mkdir(parents=True, exist_ok=True)
        found = [(tool.name, self._found(family, tool)) for family in FAMILIES for tool in family.tools]
        found += [(tool.name, tool.on_path()) for tool in SYSTEM]
        for name, path in found:
            if path:
                _symlink(self._instance.libexec / name, path)
        for name in FOR_USERS:
            _symlink(self._instance.bin / name, str(self._instance.libexec / name))

    def build(self, family: Family, on_package: Callable[[str], None]) -> None:
        """Compile a family's tools that are not on PATH; `on_package` hears of each package compiled."""
        wanted = [tool for tool in family.tools if not tool.on_path()]
        directory = self._directory(family)
        directory.parent.mkdir(parents=True, exist_ok=True)
        # Built aside and moved whole: a build that is killed leaves nothing that looks finished.
        with tempfile.TemporaryDirectory(prefix=f".{family.name}-", dir=directory.parent) as draft:
            _compile(family, wanted, Path(draft), on_package)
            shutil.copytree(draft, f"{draft}.done")
        Path(f"{draft}.done").rename(directory)


def key(family: Family) -> str:
    """A hash of what determines the family's binaries: sources, versions, flags and the Go release."""
    digest = hashlib.sha256(repr((_go_version(), _command(family))).encode())
    root = SOURCES / family.name
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        digest.update(b"\0".join((str(file.relative_to(root)).encode(), file.read_bytes())))
    return digest.hexdigest()[:12]


def _command(family: Family) -> tuple[str, ...]:
    return ("go", "build", "-trimpath", "-ldflags", " ".join(("-s", "-w", *family.ldflags)))


def _compile(family: Family, tools: list[Tool], output: Path, on_package: Callable[[str], None]) -> None:
    packages = [tool.package for tool in tools]
    command = (*_command(family), "-v", "-o", f"{output}/", *packages)
    environment = {**os.environ, "CGO_ENABLED": "0"}
    with subprocess.Popen(
        command, cwd=SOURCES / family.name, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None  # noqa: S101 - a pipe was asked for
        said = []
        for line in process.stderr:
            said.append(line)
            on_package(line.strip())
    if process.returncode:
        raise SandboxError(f"building {family.name} failed:\n{''.join(said[-20:])}")


def _symlink(link: Path, target: str) -> None:
    if not (link.is_symlink() and link.readlink() == Path(target)):
        draft = link.with_name(f".{link.name}.new")
        draft.unlink(missing_ok=True)
        draft.symlink_to(target)
        draft.rename(link)
