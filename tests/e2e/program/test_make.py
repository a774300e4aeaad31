"""`make up` in a fresh clone: its output, and the files that it leaves alone."""

import re
import uuid
from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.program.clone import Clone
from tests.e2e.program.conftest import INSTANCE, LITTLE
from tests.e2e.sandbox.cluster import eventually


@pytest.fixture(scope="module")
def clone(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    stack = f"make-{uuid.uuid4().hex[:6]}"
    clone = Clone.create(tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("home"), STACK=stack)
    web = {"replicas": 2, "resources": LITTLE}
    own = {"repository": f"{INSTANCE.registry}/hits", "build": "app", "web": web}
    config = {"kubernetes:context": INSTANCE.name, **{f"slipway:{key}": value for key, value in own.items()}}
    (clone.directory / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))
    clone.commit()
    yield clone
    clone.run("make", "destroy")
    clone.run("bash", "-c", f'eval "$(.venv/bin/sandbox env)"; pulumi stack rm --yes {stack}')


def test_make_up_deploys_and_shows_what_runs(clone: Clone) -> None:
    before = clone.files()
    shown = clone.run("make", "up")
    for part in ("slipway:components:WebService", "kubernetes:apps/v1:Deployment", "Running at http://"):
        assert part in shown
    first = re.search(r"hits=(\d+) version=(\w+) pod=web-", shown)
    assert first
    again = re.search(r"hits=(\d+) version=(\w+) pod=web-", clone.run("make", "up"))
    assert again
    assert int(again[1]) > int(first[1]), "the count rises"
    assert again[2] == first[2], "nothing was built anew"
    assert clone.git("status", "--porcelain") == ""
    assert clone.files() == before, "the user's own login and files are left alone"


def test_a_changed_line_is_live_after_the_next_up(clone: Clone) -> None:
    page = clone.directory / "app/hitcounter/templates/index.html"
    page.write_text(page.read_text().replace("Visits so far", "Visits up to now"))
    [url] = re.findall(r"Running at (\S+),", clone.run("make", "up"))
    # An old pod may answer until each node has removed it from the Service.
    eventually(
        "the new line is live", lambda: "Visits up to now" in clone.run("curl", "-sf", url), seconds=10
    )
    clone.git("checkout", "--quiet", ".")
