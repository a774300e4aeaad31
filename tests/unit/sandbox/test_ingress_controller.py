"""Contour and Envoy, and the authority of host names."""

import ssl
from pathlib import Path

import pytest
import typer.testing
import yaml

from sandbox import cli
from sandbox.platform import addons, ingress_controller, pki
from sandbox.platform.instance import Instance, SandboxError
from sandbox.platform.lifecycle import _stages
from sandbox.tools.catalogue import Stage
from sandbox.tools.toolchain import Toolchain

HOST = "shop.example.com"


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    """An instance without an ingress controller."""
    made = Instance("test", tmp_path / "slipway", tmp_path / "cache")
    for directory in (made.libexec, made.etc, made.pki):
        directory.mkdir(parents=True)
    return made


@pytest.fixture
def opened(instance: Instance) -> Instance:
    """An instance with an ingress controller: Envoy is installed, and Contour is compiled."""
    ingress_controller._envoy(instance).parent.mkdir(parents=True)
    ingress_controller._envoy(instance).touch()
    (instance.libexec / "contour").symlink_to("/bin/true")
    ingress_controller.ensure(instance)
    pki.ensure(instance)
    return instance


def verifies(instance: Instance, issued: ingress_controller.Certificate, host: str, authority: Path) -> bool:
    """Return whether a client that trusts an authority accepts a certificate for a host."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(issued.certificate, issued.key)
    client = ssl.create_default_context(cafile=str(authority))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=host)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (asking, answering, asking):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_without_them_nothing_is_compiled_or_started(instance: Instance) -> None:
    (instance.libexec / "contour").symlink_to("/bin/true")
    assert ingress_controller.programs(instance, Toolchain(instance)) == []
    assert ingress_controller.unready(instance) == []
    assert "contour" not in {identity.file for identity in pki.identities(instance)}
    for wait in (False, True):
        assert Stage.INGRESS not in _stages(
            wait, docker=True, with_store=True, ingress=False, with_prometheus=False
        )
        assert Stage.INGRESS in _stages(
            wait, docker=False, with_store=False, ingress=True, with_prometheus=True
        )


def test_contour_and_envoy_listen_in_the_sandboxs_network_alone(opened: Instance) -> None:
    programs = ingress_controller.programs(opened, Toolchain(opened))
    assert [program.name for program in programs] == ["contour", "envoy"]
    for program in programs:
        assert program.argv[:2] == ("nsenter", f"--net=/run/netns/{opened.control_netns}")
    options = dict(word.split("=") for word in programs[0].argv if word.startswith("--") and "=" in word)
    addresses = {options[name] for name in options if name.endswith("address")}
    assert addresses == {"127.0.0.1", opened.control_ip}
    assert options["--xds-address"] == "127.0.0.1", "whoever reaches it gets the keys of certificates"


def test_envoy_gets_no_value_behind_an_equals_sign(opened: Instance) -> None:
    """It takes `--concurrency 2`, and refuses `--concurrency=2`."""
    script = ingress_controller.programs(opened, Toolchain(opened))[1].argv[-1]
    assert "=" not in script.partition(" && exec ")[2]


def test_a_certificate_proves_its_hosts_and_no_other(opened: Instance) -> None:
    issued = ingress_controller.certificate(opened, (HOST, "*.shop.example.com"))
    authority = ingress_controller.authority(opened)
    assert verifies(opened, issued, HOST, authority)
    assert verifies(opened, issued, "eu.shop.example.com", authority)
    assert not verifies(opened, issued, "example.com", authority)


def test_the_cluster_does_not_trust_it(opened: Instance) -> None:
    """The API server takes whatever its authority has issued for the login of a user."""
    issued = ingress_controller.certificate(opened, (HOST,))
    assert not verifies(opened, issued, HOST, Path(pki.certificate(opened, "ca")))


def test_a_certificate_is_issued_once_and_its_owner_alone_reads_the_key(opened: Instance) -> None:
    issued = ingress_controller.certificate(opened, (HOST,))
    before = issued.certificate.read_bytes()
    assert ingress_controller.certificate(opened, (HOST,)).certificate.read_bytes() == before
    assert issued.key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("host", ["shop", "https://shop.example.com", "../ca", "10.0.0.1", "a.*.example.com"])
def test_what_is_not_a_host_name_is_refused(host: str, opened: Instance) -> None:
    before = set(opened.state.rglob("*"))
    with pytest.raises(SandboxError, match="is not a host name: give"):
        ingress_controller.certificate(opened, (HOST, host))
    assert set(opened.state.rglob("*")) == before


def test_without_doors_a_certificate_names_the_command(instance: Instance) -> None:
    with pytest.raises(SandboxError, match="up --ingress"):
        ingress_controller.certificate(instance, (HOST,))


def test_the_command_prints_how_to_use_a_certificate(
    opened: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(opened.state_home.parent))
    monkeypatch.setenv("SANDBOX_NAME", opened.name)
    result = typer.testing.CliRunner().invoke(cli.app, ["certificate", "*.example.com"])
    create, request = result.stdout.splitlines()
    assert create == (
        f"kubectl create secret tls NAME --cert={opened.ingress}/wildcard.example.com.crt"
        f" --key={opened.ingress}/wildcard.example.com.key"
    )
    assert f"--resolve www.example.com:443:{opened.control_ip} https://www.example.com/" in request
    assert (opened.ingress / "wildcard.example.com.key").exists()


def test_the_gateway_has_a_certificate_for_its_hosts(opened: Instance) -> None:
    values = {"domain": ingress_controller.DOMAIN, "wildcard_crt": "crt", "wildcard_key": "key"}
    objects = {item["kind"]: item for item in yaml.safe_load_all(addons.manifest("contour", values))}
    listeners = {item["name"]: item for item in objects["Gateway"]["spec"]["listeners"]}
    assert {item["hostname"] for item in listeners.values()} == {f"*.{ingress_controller.DOMAIN}"}, (
        "else no redirect"
    )
    [reference] = listeners["https"]["tls"]["certificateRefs"]
    assert reference["name"] == objects["Secret"]["metadata"]["name"]
    for listener in listeners.values():
        assert listener["allowedRoutes"] == {"namespaces": {"from": "All"}}
