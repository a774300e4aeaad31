"""The tools of the platform: the Go package of each, and the test for a suitable one on PATH.

Each directory in go/ is a Go module of its own, because their dependencies conflict. Families have the order
in which a first deployment needs them.
"""

from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version

# The Python SDK in requirements.txt is 3.272.0. The module proxy has no pkg module of 3.272 and 3.273;
# this is the last patch of the next release.
PULUMI = "3.274.1"
DOCKER_BUILD = "0.0.22"
# The only release of the Kubernetes plugin on the Go module proxy.
KUBERNETES_PLUGIN = "4.25.0"
# The commit of the Terraform provider that Pulumi's Docker plugin is made of.
DOCKER_PLUGIN = "96d331c98ff4"
KUBERNETES = "1.35.4"
BUILDKIT = "0.31.0"
BUILDX = "0.35.0"
COMPOSE = "2.40.3"

# Without DWARF, which debuggers need, compilation takes an eighth less time. Without inlining (-l), it takes
# a quarter less, but the tools take more processor time: the API server up to an eighth, zstd in buildkitd a
# third. So the packages with hot loops keep inlining: the standard library, compression and protobuf.
# All families have the same flags, so Go compiles a package that several families need once.
INLINED = ("std", "github.com/klauspost/compress/...", "google.golang.org/protobuf/...")
FLAGS = ("-gcflags=all=-dwarf=false -l", *(f"-gcflags={packages}=-dwarf=false" for packages in INLINED))


class Stage(Enum):
    """The time at which a family is compiled, in this order."""

    CLUSTER = "first: the cluster, and its images"
    ENGINE = "while the cluster starts"
    LATE = "once the platform serves"
    TESTS = "for tests alone, by `up --wait`"
    DOCKER = "for stacks on a Docker engine, by `up --docker`"
    DOCKER_TESTS = "for tests of these alone, by `up --wait --docker`"
    STORE = "for backups of databases, by `up --store`"
    INGRESS = "for host names, by `up --ingress`"
    PROMETHEUS = "for measured use, by `up --prometheus`"


PLATFORM = (Stage.CLUSTER, Stage.ENGINE, Stage.LATE)
"""The stages that the platform needs."""


@dataclass(frozen=True)
class Tool:
    """An executable.

    `package` is its Go package, or empty for a tool from a system package. A tool on PATH is used if its
    output for `version` matches the regular expression `suitable`. A tool with a package and without
    `suitable` is always compiled. A `plugin` of Pulumi is compiled only where `pulumi plugin install` cannot
    download it.
    """

    name: str
    package: str = ""
    version: tuple[str, ...] = ()
    suitable: str = ""
    plugin: bool = False
    built: str = ""
    """The name that Go gives the executable, if it is another one."""


@dataclass(frozen=True)
class Family:
    """Tools that one `go build` compiles in one Go module, a directory in go/.

    The linker sets `variables`. `files` are paths in Go modules (module//path), copied next to the tools.
    """

    name: str
    stage: Stage
    module: str
    tools: tuple[Tool, ...]
    variables: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Go's build tags: they leave out what the tools do not need."""

    @property
    def tagged(self) -> tuple[str, ...]:
        """The option with the build tags, for every command of Go."""
        return ("-tags", ",".join(self.tags)) if self.tags else ()

    @property
    def command(self) -> tuple[str, ...]:
        """The command that compiles the family; -s and -w omit the symbol table."""
        linked = (f"-X {variable}" for variable in self.variables)
        return ("go", "build", "-trimpath", *self.tagged, *FLAGS, "-ldflags", " ".join(("-s", "-w", *linked)))


BUILDKIT_SUITABLE = r" v0\.(2[5-9]|3\d)\."
KUBERNETES_SUITABLE = r"^Kubernetes v1\.35\."
# Kubernetes supports a difference of one minor version between kubectl and the API server.
KUBECTL_SUITABLE = r"Client Version: v1\.3[456]\.\d+"
PULUMI_SUITABLE = r"^v3\.27[2-9]\."
_KUBERNETES_PLUGIN = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_CONTOUR = "github.com/projectcontour/contour"


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
            # Compose refuses a buildx with an unknown version.
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
            # Pulumi looks for these in its own directory.
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
            # Semantic versioning ignores the part after the plus sign. With the compiled version alone, the
            # engine would warn of an older plugin.
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
    Family(
        "compose",
        Stage.DOCKER_TESTS,
        "compose",
        # Debian's package is version 1, which is a program of its own.
        (Tool("docker-compose", "github.com/docker/compose/v2/cmd", ("version",), " v?2[.]", built="cmd"),),
        (f"github.com/docker/compose/v2/internal.Version=v{COMPOSE}",),
    ),
    Family(
        "docker-plugin",
        Stage.DOCKER,
        "docker",
        (Tool("pulumi-resource-docker", "./pulumi-resource-docker", plugin=True),),
        (f"main.version={version('pulumi-docker')}+{DOCKER_PLUGIN}",),
        tags=("no_compose",),
    ),
    Family(
        "versitygw",
        Stage.STORE,
        "versitygw",
        (Tool("versitygw", "github.com/versity/versitygw/cmd/versitygw"),),
    ),
    Family(
        "contour",
        Stage.INGRESS,
        "contour",
        (Tool("contour", f"{_CONTOUR}/cmd/contour"),),
        # Its own kinds, and those of Gateway API.
        files=(f"{_CONTOUR}//examples/contour/01-crds.yaml", f"{_CONTOUR}//examples/gateway/00-crds.yaml"),
    ),
    Family(
        "prometheus",
        Stage.PROMETHEUS,
        "prometheus",
        # Always compiled: Debian's does not find the pods of a cluster.
        (Tool("prometheus", "github.com/prometheus/prometheus/cmd/prometheus"),),
        tags=("remove_all_sd", "enable_kubernetes_sd"),
    ),
)

FOR_USERS = ("pulumi", "kubectl")
# From the system packages (packages.txt); kubectl from the virtualenv.
SYSTEM = (
    *(Tool(name) for name in ("etcd", "containerd", "runc", "docker-registry", "socat", "catatonit")),
    Tool("kubectl", "", ("version", "--client"), KUBECTL_SUITABLE),
)
