"""kubectl gets the kubeconfig, the context and the cluster that the engine uses for a stack."""

import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pulumi import automation

from slipway.cluster import capacity, compatibility
from slipway.cluster import kubectl as module
from slipway.cluster.kubectl import Cluster
from slipway.errors import SlipwayError
from slipway.preview import preview
from slipway.pulumi.project import ConfigValue, Project, Stack
from slipway.pulumi.stack_cluster import check_providers, cluster_of

JSON = '{"contexts": [{"name": "there"}], "users": [{"name": "u", "user": {"token": "planted"}}]}'
YAML = "contexts:\n- name: there\n"


def cluster(project: Path, kubeconfig: str | None, secret: bool = False, **settings: str) -> Cluster:
    """Return the cluster of a stack whose kubeconfig is set to a value, or to a secret."""
    stack = SimpleNamespace(
        name="prod", project=SimpleNamespace(working_directory=project), secret=lambda key: kubeconfig
    )
    config = {
        "kubernetes:context": ConfigValue("there", secret=False),
        "kubernetes:kubeconfig": ConfigValue(None if secret else kubeconfig, secret),
        **{f"kubernetes:{key}": ConfigValue(value, secret=False) for key, value in settings.items()},
    }
    return cluster_of(cast(Stack, stack), config)


@pytest.fixture(autouse=True)
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kubectl").write_text("#!/bin/sh\n")
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    # The ambient kubeconfig has a context of the same name, for another cluster.
    (tmp_path / "ambient").write_text(YAML)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "ambient"))


@pytest.mark.parametrize("value", ["kubeconfig", "~/kubeconfig"])
def test_a_path_starts_at_the_project_or_at_home(tmp_path: Path, value: str) -> None:
    (tmp_path / "kubeconfig").write_text(YAML)
    assert f"--kubeconfig={tmp_path}/kubeconfig" in cluster(tmp_path, value).command("get")


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize("contents", [YAML, JSON])
def test_contents_are_written_to_a_private_file(tmp_path: Path, contents: str, secret: bool) -> None:
    file = Path(cluster(tmp_path, contents, secret).kubeconfig or "")
    assert file.read_text() == contents and file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "value",
    ["gone", "~/gone", "ambient:gone", "planted: [", '{"contexts": [{"name": "elsewhere"}], "planted": 1}'],
)
@pytest.mark.parametrize("secret", [False, True])
def test_the_ambient_kubeconfig_never_takes_the_place_of_an_unusable_one(
    tmp_path: Path, value: str, secret: bool
) -> None:
    """The engine reads a list of files, which only KUBECONFIG may have, as contents."""
    with pytest.raises(SlipwayError) as error:
        cluster(tmp_path, value, secret)
    assert "planted" not in str(error.value)


def test_without_a_setting_kubectl_and_the_engine_read_the_ambient_kubeconfig(tmp_path: Path) -> None:
    assert cluster(tmp_path, None).command("get") == ["kubectl", "--context=there", "get"]


def test_another_cluster_of_the_kubeconfig(tmp_path: Path) -> None:
    """`kubernetes:cluster` takes the place of the context's own cluster."""
    assert "--cluster=b" in cluster(tmp_path, None, cluster="b").command("get")
    assert "--cluster=b" in cluster(tmp_path, JSON, cluster="b").command("get")


@pytest.mark.parametrize(
    ("main", "expected"), [("", "."), ("main: src\n", "src"), ("main: src/app.py\n", "src")]
)
def test_a_relative_path_starts_where_the_engine_runs_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, main: str, expected: str
) -> None:
    monkeypatch.setattr(automation, "LocalWorkspace", lambda *_, **__: None)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").touch()
    (tmp_path / "Pulumi.yaml").write_text(f"name: shop\n{main}")
    assert Project(tmp_path).working_directory == (tmp_path / expected).resolve()


@pytest.mark.parametrize("secret", [False, True])
def test_a_preview_asks_the_same_cluster_for_its_capacity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: bool
) -> None:
    """The engine masks a secret in its events."""
    asked: list[Cluster] = []
    monkeypatch.setattr(capacity, "read", asked.append)
    monkeypatch.setattr(compatibility, "unsupported_version", asked.append)
    stack = SimpleNamespace(project=SimpleNamespace(working_directory=tmp_path), secret=lambda key: JSON)
    config = {"kubernetes:context": "there", "kubernetes:kubeconfig": "[secret]" if secret else JSON}
    preview._read_capacity(cast(Stack, stack), config)
    assert [Path(cluster.kubeconfig or "").read_text() for cluster in asked] == [JSON, JSON]


def kubeconfig(server: str) -> str:
    """Return a kubeconfig whose current context is `there`."""
    return json.dumps(
        {
            "current-context": "there",
            "contexts": [{"name": "there", "context": {"cluster": "c"}}],
            "clusters": [
                {"name": "c", "cluster": {"server": server}},
                {"name": "d", "cluster": {"server": "d"}},
            ],
        }
    )


def check(project: Path, setting: str, inputs: dict[str, object], name: str = "own") -> None:
    """Check a stack with a kubeconfig, whose program has a provider with these inputs."""

    def state(secrets: bool = False) -> dict[str, Any]:
        shown = inputs if secrets else {key: {"ciphertext": "v1:x"} for key in inputs}
        urn = f"urn:pulumi:prod::shop::pulumi:providers:kubernetes::{name}"
        return {"deployment": {"resources": [{"type": PROVIDER, "urn": urn, "inputs": shown}]}}

    stack = SimpleNamespace(name="prod", project=SimpleNamespace(working_directory=project), state=state)
    values = {"kubernetes:context": "there", "kubernetes:kubeconfig": setting}
    config = {key: ConfigValue(value, secret=False) for key, value in values.items()}
    check_providers(cast(Stack, stack), config, state())


PROVIDER = "pulumi:providers:kubernetes"
A, B = kubeconfig("https://a"), kubeconfig("https://b")


@pytest.mark.parametrize(
    "inputs",
    [{"kubeconfig": B}, {"kubeconfig": {"plaintext": json.dumps(B)}}, {"kubeconfig": A, "cluster": "d"}, {}],
)
def test_a_provider_of_the_program_that_reaches_another_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: dict[str, object]
) -> None:
    """Without a kubeconfig of its own, it uses the ambient one, and not the configuration."""
    (tmp_path / "ambient").write_text(B)
    with pytest.raises(SlipwayError, match=r"provider own reaches .*, but .* stack prod reaches https://a"):
        check(tmp_path, A, inputs)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("own", {"kubeconfig": A}),
        ("own", {"kubeconfig": {"plaintext": json.dumps(A)}, "context": "there"}),
        ("own", {"kubeconfig": "a"}),
        ("own", {"kubeconfig": "/path/on/another/machine"}),
        ("default_4_25_0", {"kubeconfig": B}),
    ],
)
def test_providers_that_do_not_contradict(tmp_path: Path, name: str, inputs: dict[str, object]) -> None:
    """The default provider of the next update has the configuration, whatever the last one had."""
    (tmp_path / "a").write_text(A)
    check(tmp_path, A, inputs, name)


# As `kubectl proxy`: it reports each request on the standard error, before it answers.
PROXY = """#!{python}
import http.server, socketserver, sys

class Handler(http.server.BaseHTTPRequestHandler):
    address_string = lambda self: "unix"
    def do_GET(self):
        sys.stderr.write("http: proxy error: context canceled\\n" * 5000)
        self.send_response(200)
        self.end_headers()

socketserver.UnixStreamServer(sys.argv[3].partition("=")[2], Handler).serve_forever()
"""


def proxy(directory: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Cluster:
    """Return a cluster whose kubectl is a script."""
    program = directory / "kubectl"
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(directory), prepend=":")
    return Cluster("there")


@pytest.mark.parametrize("long", [False, True])
def test_a_service_is_asked_through_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    """Whatever the proxy prints, and however long the directory of temporary files is."""
    if long:
        temporary = tmp_path / ("t" * 100)
        temporary.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with proxy(tmp_path, monkeypatch, PROXY.format(python=sys.executable)).service(
        "shop", "web", 80, "http"
    ) as client:
        assert client.get("livez", timeout=20).status_code == 200


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'error: no such context' >&2; exit 1", "error: no such context"),
        ("exec /bin/sleep 60", "no answer in 1 s"),
    ],
)
def test_a_proxy_that_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_S", 1)
    there = proxy(tmp_path, monkeypatch, f"#!/bin/sh\n{script}\n")
    expected = f"^kubectl proxy did not start: {reason}$"
    with pytest.raises(SlipwayError, match=expected), there.service("shop", "web", 80, "http"):
        pytest.fail("it has started")
