"""The tools of the platform: what each is built from, and how a suitable one is recognised.

A directory beside this file is one Go module, because the dependencies of one clash with those
of another. Families are in the order in which a first application needs them.
"""

from dataclasses import dataclass
from enum import Enum

# The Python SDK in requirements.txt is 3.272.0. The module proxy has no pkg module of 3.272 and 3.273, so
# this is the last patch of the nearest newer release.
PULUMI = "3.274.1"
DOCKER_BUILD = "0.0.22"
KUBERNETES = "1.35.4"
BUILDKIT = "0.31.0"
BUILDX = "0.35.0"

# DWARF is for debuggers: leaving it out saves an eighth of the time to compile.
FAST = ("-gcflags=all=-dwarf=false",)
# Without inlining (-l) it takes a quarter less, and what is compiled takes more processor time: the API
# server up to an eighth, zstd in buildkitd a third. So it is for what mostly waits, and the standard
# library, where hot loops are, keeps it.
FASTEST = ("-gcflags=all=-dwarf=false -l", "-gcflags=std=-dwarf=false")


class Stage(Enum):
    """When a family is compiled, in this order."""

    CLUSTER = "first: the cluster, and its images"
    ENGINE = "while the cluster starts"
    LATE = "once the platform serves"
    TESTS = "for tests alone, by `up --wait`"


PLATFORM = (Stage.CLUSTER, Stage.ENGINE, Stage.LATE)
"""What the whole platform needs."""


@dataclass(frozen=True)
class Tool:
    """One executable.

    `package` is the Go package that it is built from; empty, it comes with a system package.
    One on PATH is used when what it prints for `version` matches the expression `suitable`;
    without the latter, one that has a package is always built.
    """

    name: str
    package: str = ""
    version: tuple[str, ...] = ()
    suitable: str = ""


@dataclass(frozen=True)
class Family:
    """Tools that are built together, in a `directory` of their own or in one whose work they share."""

    name: str
    stage: Stage
    tools: tuple[Tool, ...]
    variables: tuple[str, ...] = ()
    directory: str = ""
    flags: tuple[str, ...] = FAST

    @property
    def command(self) -> tuple[str, ...]:
        """How it is compiled; -s and -w leave the symbol table out."""
        linked = (f"-X {variable}" for variable in self.variables)
        return ("go", "build", "-trimpath", *self.flags, "-ldflags", " ".join(("-s", "-w", *linked)))


BUILDKIT_SUITABLE = r" v0\.(2[5-9]|3\d)\."
# One minor version apart is what Kubernetes supports between kubectl and the API server.
KUBECTL_SUITABLE = r"Client Version: v1\.3[456]\.\d+"
PULUMI_SUITABLE = rf"^v{PULUMI.replace('.', '[.]')}$"

FAMILIES = (
    Family(
        "buildkit",
        Stage.CLUSTER,
        (
            Tool("buildkitd", "github.com/moby/buildkit/cmd/buildkitd", ("--version",), BUILDKIT_SUITABLE),
            Tool("buildx", "github.com/docker/buildx/cmd/buildx", ("version",), BUILDKIT_SUITABLE),
        ),
        # Compose asks for buildx' version, and refuses an unknown one.
        (
            f"github.com/moby/buildkit/version.Version=v{BUILDKIT}",
            f"github.com/docker/buildx/version.Version=v{BUILDX}",
        ),
    ),
    Family(
        "kubernetes",
        Stage.CLUSTER,
        (
            *(
                Tool(name, f"k8s.io/kubernetes/cmd/{name}", ("--version",), r"^Kubernetes v1\.35\.")
                for name in (
                    "kube-apiserver",
                    "kube-controller-manager",
                    "kube-scheduler",
                    "kubelet",
                    "kube-proxy",
                )
            ),
            Tool("coredns", "./coredns", ("-version",), r"^CoreDNS-1\.1[1-9]\."),
            Tool("storage-provisioner", "./storage-provisioner"),
        ),
        tuple(
            f"k8s.io/{package}/version.git{name}"
            for package in ("component-base", "client-go/pkg")
            for name in (f"Version=v{KUBERNETES}", "Major=1", "Minor=35")
        ),
        flags=FASTEST,
    ),
    Family(
        "pulumi",
        Stage.ENGINE,
        (
            Tool("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", ("version",), PULUMI_SUITABLE),
            # Pulumi looks for these beside its own file.
            Tool("pulumi-language-python", "./pulumi-language-python", ("-version",), PULUMI_SUITABLE),
            Tool("pulumi-resource-pulumi-python", "./pulumi-resource-pulumi-python"),
        ),
        (f"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{PULUMI}",),
    ),
    Family(
        "docker-build",
        Stage.ENGINE,
        (
            Tool(
                "pulumi-resource-docker-build",
                "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build",
            ),
        ),
        (f"github.com/pulumi/pulumi-docker-build/provider.Version={DOCKER_BUILD}",),
    ),
    Family(
        "kube-router",
        Stage.LATE,
        (Tool("kube-router", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"),),
        directory="kubernetes",
        flags=FASTEST,
    ),
    Family(
        "metrics-server",
        Stage.LATE,
        (Tool("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server"),),
        flags=FASTEST,
    ),
    Family(
        "vegeta",
        Stage.TESTS,
        (Tool("vegeta", "github.com/tsenart/vegeta/v12", ("-version",), r"Version: v?12\."),),
    ),
)

FOR_USERS = ("pulumi", "kubectl")
# From the system's packages (packages.txt) or, kubectl, from the virtualenv.
SYSTEM = (
    *(Tool(name) for name in ("etcd", "containerd", "runc", "docker-registry", "socat", "catatonit")),
    Tool("kubectl", "", ("version", "--client"), KUBECTL_SUITABLE),
)
