"""The command line when something goes wrong: no cluster, an interrupt, a secret that must not leak."""

import json
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.platform.instance import Instance
from tests.e2e.plugins.pulumi_project import Project, Step
from tests.e2e.sandbox.cluster import IMAGE

Make = Callable[[str], Project]
NO_IMAGE = f"{Instance.from_environment().registry}/library/nothing:typo"

MAP = """
    import pulumi_kubernetes as k8s

    k8s.core.v1.ConfigMap("map", metadata={"name": "map"}, data={"a": "b"})
"""
DEPLOYMENT = """
    import pulumi
    import pulumi_kubernetes as k8s

    config = pulumi.Config()
    space = k8s.core.v1.Namespace("space", metadata={"name": config.require("namespace")})
    labels = {"app": "web"}
    pod = {
        "termination_grace_period_seconds": 0,
        "containers": [{"name": "c", "image": config.require("image"), "command": ["sleep", "3600"]}],
    }
    k8s.apps.v1.Deployment(
        "web",
        metadata={"name": "web", "namespace": space.metadata.name},
        spec={
            "selector": {"match_labels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    )
"""
HIDDEN = """
    import pulumi
    import pulumi_kubernetes as k8s

    config = pulumi.Config()
    word = config.require_secret("word")
    space = k8s.core.v1.Namespace("space", metadata={"name": config.require("namespace")})
    placed = {"namespace": space.metadata.name}
    made = k8s.core.v1.Secret("made", metadata=placed, string_data={"word": word})
    k8s.core.v1.ConfigMap("copy", metadata=placed, data={"word": word, "open": "nothing to hide"})
    pulumi.export("word", made.data["word"])
"""


@pytest.fixture
def project(sandbox: dict[str, str], tmp_path: Path) -> Make:
    def make(program: str) -> Project:
        made = Project(tmp_path / "project", sandbox)
        made.write("__main__.py", program)
        made.pulumi("config", "set", "namespace", f"line-{uuid.uuid4().hex[:8]}")
        return made

    return make


def test_a_cluster_out_of_reach_can_be_previewed_and_fails_an_update(project: Make, tmp_path: Path) -> None:
    made = project(MAP)
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    server = {"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}
    user = {"name": "u", "user": {"token": "t"}}  # without one, the plugin waits for a name to be typed
    config = {"clusters": [server], "contexts": [context], "users": [user], "current-context": "c"}
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    made.use({**made.environment, "KUBECONFIG": str(tmp_path / "kubeconfig")})
    assert made.operate("preview").changes == {"map": Step("create")}
    failed = made.operate("up", check=False)
    assert failed.code != 0
    assert "configured Kubernetes cluster is unreachable" in failed.failures
    assert "connection refused" in failed.failures


def test_interrupting_an_update_ends_the_wait_and_the_next_one_goes_on(project: Make) -> None:
    made = project(DEPLOYMENT)
    made.pulumi("config", "set", "image", NO_IMAGE)
    command = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive")
    with subprocess.Popen(
        command, cwd=made.directory, env=made.environment, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout
        assert any("Pods available" in line for line in running.stdout), "it says what it waits for"
        running.send_signal(signal.SIGINT)
        began = time.monotonic()
        output = running.stdout.read()
    assert time.monotonic() - began < 60, "not the wait's 600 seconds"
    assert running.returncode != 0
    assert "cancel" in output
    made.pulumi("config", "set", "image", IMAGE)
    assert made.operate("preview").changes["web"].op == "update"
    made.operate("up")
    assert not made.operate("preview").changes
    made.operate("destroy")


def test_a_secret_is_nowhere_in_plain(project: Make) -> None:
    made = project(HIDDEN)
    made.pulumi("config", "set", "--secret", "word", "correct-horse")
    shown = made.operate("preview", "--diff")
    done = made.operate("up")
    files = (made.directory / "backend").rglob("*.json")
    written = "".join(file.read_text() for file in files)
    for plain in ("correct-horse", "Y29ycmVjdC1ob3JzZQ"):
        assert plain not in written
        assert plain not in shown.output + done.output
    assert "nothing to hide" in written
    assert made.outputs() == {"word": "Y29ycmVjdC1ob3JzZQ=="}
    made.operate("destroy")
