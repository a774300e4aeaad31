"""The tools of the platform: what each is built from, and how a suitable one is recognised.

A directory beside this file is one Go module, because the dependencies of one clash with those
of another. Families are in the order in which a first application needs them.
"""

from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version

# The Python SDK in requirements.txt is 3.272.0. The module proxy has no pkg module of 3.272 and 3.273, so
# this is the last patch of the nearest newer release.
PULUMI = "3.274.1"
DOCKER_BUILD = "0.0.22"
# The only release of the Kubernetes plugin on the Go module proxy.
KUBERNETES_PLUGIN = "4.25.0"
KUBERNETES = "1.35.4"
BUILDKIT = "0.31.0"
BUILDX = "0.35.0"

# DWARF is for debuggers: leaving it out saves an eighth of the time to compile. Without inlining (-l) it
# takes a quarter less, and what is compiled takes more processor time: the API server up to an eighth, zstd
# in buildkitd a third. So hot loops keep it: the standard library's, compression's and protobuf's.
# All families have the same flags, so that a package that several need is compiled once.
INLINED = ("std", "github.com/klauspost/compress/...", "google.golang.org/protobuf/...")
FLAGS = ("-gcflags=all=-dwarf=false -l", *(f"-gcflags={packages}=-dwarf=false" for packages in INLINED))


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
    A `plugin` of Pulumi is built only where `pulumi plugin install` cannot download it.
    """

    name: str
    package: str = ""
    version: tuple[str, ...] = ()
    suitable: str = ""
    plugin: bool = False


@dataclass(frozen=True)
class Family:
    """Tools that one `go build` makes, in one Go module: a directory beside this file.

    `variables` are set when linking. `files` are paths in Go modules, module//path, copied beside the tools.
    """

    name: str
    stage: Stage
    module: str
    tools: tuple[Tool, ...]
    variables: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def command(self) -> tuple[str, ...]:
        """How it is compiled; -s and -w leave the symbol table out."""
        linked = (f"-X {variable}" for variable in self.variables)
        return ("go", "build", "-trimpath", *FLAGS, "-ldflags", " ".join(("-s", "-w", *linked)))


BUILDKIT_SUITABLE = r" v0\.(2[5-9]|3\d)\."
KUBERNETES_SUITABLE = r"^Kubernetes v1\.35\."
# One minor version apart is what Kubernetes supports between kubectl and the API server.
KUBECTL_SUITABLE = r"Client Version: v1\.3[456]\.\d+"
PULUMI_SUITABLE = r"^v3\.27[2-9]\."
_KUBERNETES_PLUGIN = "github.com/pulumi/pulumi-kubernetes/provider/v4"


def _kubernetes(name: str) -> Tool:
    return Tool(name, f"k8s.io/kubernetes/cmd/{name}", ("--version",), KUBERNETES_SUITABLE)


FAMILIES = (
    Family(
        "cluster",
        Stage.CLUSTER,
        "platform",
        (
            Tool("buildkitd", "github.com/moby/buildkit/cmd/buildkitd", ("--version",), BUILDKIT_SUITABLE),
            Tool("buildx", "github.com/docker/buildx/cmd/buildx", ("version",), BUILDKIT_SUITABLE),
            _kubernetes("kube-apiserver"),
            _kubernetes("kube-controller-manager"),
            _kubernetes("kube-scheduler"),
            _kubernetes("kubelet"),
            _kubernetes("kube-proxy"),
            Tool("coredns", "./coredns", ("-version",), r"^CoreDNS-1\.1[1-9]\."),
            Tool("storage-provisioner", "./storage-provisioner"),
        ),
        (
            # Compose asks for buildx' version, and refuses an unknown one.
            f"github.com/moby/buildkit/version.Version=v{BUILDKIT}",
            f"github.com/docker/buildx/version.Version=v{BUILDX}",
            *(
                f"k8s.io/{package}/version.git{name}"
                for package in ("component-base", "client-go/pkg")
                for name in (f"Version=v{KUBERNETES}", "Major=1", "Minor=35")
            ),
        ),
    ),
    Family(
        "pulumi",
        Stage.ENGINE,
        "pulumi",
        (
            Tool("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", ("version",), PULUMI_SUITABLE),
            # Pulumi looks for these beside its own file.
            Tool("pulumi-language-python", "./pulumi-language-python", ("-help",), "tracing"),
            Tool("pulumi-resource-pulumi-python", "./pulumi-resource-pulumi-python"),
        ),
        (f"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{PULUMI}",),
    ),
    Family(
        "pulumi-plugins",
        Stage.ENGINE,
        "platform",
        (
            Tool(
                "pulumi-resource-docker-build",
                "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build",
                plugin=True,
            ),
            Tool("pulumi-resource-kubernetes", "./pulumi-resource-kubernetes", plugin=True),
        ),
        (
            f"github.com/pulumi/pulumi-docker-build/provider.Version={DOCKER_BUILD}",
            # Semantic versioning ignores what follows the plus sign, and the engine warns of an older plugin.
            f"{_KUBERNETES_PLUGIN}/pkg/version.Version={version('pulumi-kubernetes')}+{KUBERNETES_PLUGIN}",
        ),
        (
            f"{_KUBERNETES_PLUGIN}//cmd/pulumi-resource-kubernetes/schema.json",
            f"{_KUBERNETES_PLUGIN}//cmd/pulumi-resource-kubernetes/terraform-mapping.json",
        ),
    ),
    Family(
        "kube-router",
        Stage.LATE,
        "platform",
        (Tool("kube-router", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"),),
    ),
    Family(
        "metrics-server",
        Stage.LATE,
        "metrics-server",
        (Tool("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server"),),
    ),
    Family(
        "vegeta",
        Stage.TESTS,
        "vegeta",
        (Tool("vegeta", "github.com/tsenart/vegeta/v12", ("-version",), r"Version: v?12\."),),
    ),
)

FOR_USERS = ("pulumi", "kubectl")
# From the system's packages (packages.txt) or, kubectl, from the virtualenv.
SYSTEM = (
    *(Tool(name) for name in ("etcd", "containerd", "runc", "docker-registry", "socat", "catatonit")),
    Tool("kubectl", "", ("version", "--client"), KUBECTL_SUITABLE),
)
