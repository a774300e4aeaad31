"""A version that cannot run is reported with its cause, while the one before it serves on."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.conftest import SOAK
from tests.e2e.load.attack import load
from tests.e2e.load.conftest import HERE, NOTICED_S, Service, deployed
from tests.e2e.own_program import write_project

CAUSES = {
    "crashes": "CrashLoopBackOff|exit code 1",
    "exits-later": "CrashLoopBackOff|exit code 3",
    "never-ready": "was not attained",
    "not-pulled": "ErrImagePull|ImagePullBackOff",
    "too-much-memory": "OOMKilled",
    "too-large": "was not attained",
    "over-quota": "was not attained",
    "as-root": "was not attained",
}
"""What Pulumi's Kubernetes plugin reports. It names no cause for a pod that is not ready or not created."""
EARLY = "StatefulSet initialization complete"
"""The report of release 4.25.0 if it reads a StatefulSet before the cluster has acted on the change."""
REPORTED_WITHIN_S = 120 if SOAK else 150
"""Two minutes, and what other workers may take from this one."""
RATE = 5
EXITS_AFTER_S = 50 if SOAK else 20
"""When the version that exits later exits. Kubernetes reports it after the second time."""
EXITS = 2
DROPPED = {"exits-later": EXITS * NOTICED_S * RATE / 2}
"""Until Kubernetes has noticed each time that it has exited, half of the requests were sent to it."""


@pytest.fixture(scope="module")
def services(
    sandbox: dict[str, str], versions: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("flaws")
    write_project(directory, "load", [HERE / "flaws/__main__.py"])
    # Gone before another file's load begins, so not left to the session's end.
    config = {"image": versions[0], "flawed": False, "exits_after_s": EXITS_AFTER_S}
    yield from deployed(directory, sandbox, "flaws", lambda work: work(), **config)


def output_of(output: str, name: str) -> str:
    """Return the lines about a service: those during the update, and those below its heading at the end."""
    passing = "\n".join(line for line in output.splitlines() if f"Deployment {name} " in line)
    heading = rf"^  kubernetes:apps/v1:Deployment \({name}\):\n((?:    .*\n|\n)+)"
    return "\n".join([passing, *re.findall(heading, output, re.M)])


def test_the_old_version_serves_until_a_good_one_comes(services: Service, versions: list[str]) -> None:
    """The control is a service that lets the old pods go first, with a version that crashes."""
    with ExitStack() as loads:
        names = (*CAUSES, "unprotected")
        results = {name: loads.enter_context(load(f"{services.output(name)}/livez", RATE)) for name in names}
        services.succeed("config", "set", "flawed", "true")
        started = time.monotonic()
        failed = services.run("up", "--yes", "--skip-preview", "--parallel=20")  # all at once
        took = time.monotonic() - started
        services.succeed("config", "set", "flawed", "false")
        services.run_version(versions[1])
    assert failed.returncode != 0
    redis = "".join(line for line in failed.stdout.splitlines() if "StatefulSet redis " in line)
    assert re.search(f"{CAUSES['not-pulled']}|{EARLY}", redis), redis
    for name, cause in CAUSES.items():
        text = output_of(failed.stdout + failed.stderr, name)
        assert re.search(cause, text), f"{cause} is not in the output about {name}:\n{text}"
        assert results[name].failed <= DROPPED.get(name, 0), f"{name}: {results[name]}"
    assert results["unprotected"].failed > 0
    assert took < REPORTED_WITHIN_S
    assert services.changes() == []
