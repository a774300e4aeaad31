"""Two stacks of the same web service under load: one as the components make it, one without protection."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import SOAK
from tests.e2e import soak
from tests.e2e.conftest import Ending
from tests.e2e.load.attack import Load
from tests.e2e.own_program import own_stack, write_project
from tests.e2e.program.conftest import INSTANCE, PROJECT, Stack
from tests.e2e.pushing import push

HERE = Path(__file__).parent
VERSIONS = 20 if SOAK else 2
TIMES = 12 if SOAK else 1
"""How often what is short is repeated."""
RATE = 150 if SOAK else 50
"""Requests in a second."""
IDLE_RATE = 5
"""So few that the autoscaler takes pods away."""
REPLICAS = 2
"""Of the protected service; the control has one."""
NOTICED_S = 5
"""Within this Kubernetes stops sending requests to a container that has died: its node's kubelet looks every
second, and the nodes' proxies hear of it through the API server. One that is killed cannot serve on."""
OFTEN = (
    f"{VERSIONS} new versions. A pod deleted, a node drained, Redis restarted and a container killed: "
    f"{TIMES} times each. The rest once."
)
HEAD = ["", "Requests", "Failed", "Failed without the protection"]

Figures = Callable[[str, Load, Load], None]


class Service(Stack):
    """A deployed stack of the program for these tests."""

    def run_version(self, image: str) -> None:
        self.succeed("config", "set", "image", image)
        self.up()

    def ready(self) -> int:
        """How many pods are ready."""
        number = self.kubectl("get", "deployment/web", "--output=jsonpath={.status.readyReplicas}")
        return int(number or 0)

    def node_of(self, pod: str) -> str:
        return self.kubectl("get", pod, "--output=jsonpath={.spec.nodeName}")

    def pods(self) -> list[str]:
        selector = "--selector=app.kubernetes.io/name=web"
        return self.kubectl("get", "pods", selector, "--output=name").split()


@pytest.fixture(scope="session")
def versions(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """References by digest of an image of app/, and of some in which one line has changed."""
    source = tmp_path_factory.mktemp("source") / "app"
    shutil.copytree(PROJECT / "app", source)
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    secret = [f"--secret=id=ca,src={certificates}"] if certificates.exists() else []
    return [_version(sandbox, source, number, secret) for number in range(VERSIONS + 1)]


def _version(sandbox: dict[str, str], source: Path, number: int, secret: list[str]) -> str:
    (source / "hitcounter/__init__.py").write_text(f'"""Version {number}."""\n')
    return push(sandbox, f"{INSTANCE.registry}/load:v{number}", source, *secret)


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the service with and without protection."""
    directory = tmp_path_factory.mktemp("load")
    write_project(directory, "load", [HERE / "project/__main__.py"])
    return directory


def deployed(
    directory: Path, sandbox: dict[str, str], name: str, ending: Ending, **config: object
) -> Iterator[Service]:
    with own_stack(Service, directory, sandbox, name, **config).while_up(ending) as stack:
        yield stack


@pytest.fixture(scope="module")
def safe(directory: Path, sandbox: dict[str, str], versions: list[str], ending: Ending) -> Iterator[Service]:
    """Replicas with all that the components give them."""
    yield from deployed(
        directory, sandbox, "safe", ending, image=versions[0], replicas=REPLICAS, protected=True
    )


@pytest.fixture(scope="module")
def bare(directory: Path, sandbox: dict[str, str], versions: list[str], ending: Ending) -> Iterator[Service]:
    """The control: one replica without a readiness probe, which stops at once on SIGTERM."""
    yield from deployed(directory, sandbox, "bare", ending, image=versions[0], replicas=1, protected=False)


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Record the figures of each passed scenario; `make soak` writes them."""
    table: list[tuple[str, Load, Load]] = []

    def add(what: str, load_result: Load, control: Load) -> None:
        print(f"{what}: {load_result}; control: {control}")
        table.append((what, load_result, control))

    yield add
    if SOAK and not request.session.testsfailed:
        total = sum(load_result.requests for _, load_result, _ in table)
        introduction = (
            f"{total:,} requests, {RATE} a second, {IDLE_RATE} while the autoscaler scales in. {OFTEN}"
        )
        soak.write("load", introduction, [HEAD, *map(_row, table)])


def _row(measured: tuple[str, Load, Load]) -> list[str]:
    what, load_result, control = measured
    return [
        what,
        f"{load_result.requests:,}",
        f"{load_result.failed:,}",
        f"{control.failed:,} of {control.requests:,}",
    ]
