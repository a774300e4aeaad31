"""The cluster's add-ons: DNS, the metrics API, and the RBAC of the node processes."""

import hashlib
from pathlib import Path
from string import Template

from sandbox.platform import environment, files, pki, readiness
from sandbox.platform.images import component
from sandbox.platform.instance import Instance
from sandbox.progress import Progress
from sandbox.shell import run, wait
from sandbox.tools.toolchain import Toolchain

MANIFESTS = Path(__file__).parent / "manifests"


def images(tools: Toolchain) -> dict[str, Path]:
    """Return the executable of each image that the cluster runs."""
    names = {"pause": "catatonit", "coredns": "coredns", "metrics-server": "metrics-server"}
    return {image: Path(tools.path(tool)) for image, tool in names.items() if tools.has(tool)}


def deployments(tools: Toolchain) -> tuple[str, ...]:
    """Return the Deployments in kube-system that must be available."""
    return ("coredns", *(("metrics-server",) if tools.has("metrics-server") else ()))


def ensure(instance: Instance, tools: Toolchain, progress: Progress, timeout: float) -> None:
    """Apply the manifests if they have changed or are not ready, and wait until they are."""
    names = ("kube-router", "storage", *deployments(tools))
    text = "\n---\n".join(manifest(name, _values(instance, tools)) for name in names)
    if is_applied(instance, "addons", text) and not readiness.unready(instance, deployments(tools)):
        return
    with progress.step("wait for nodes, DNS and metrics"):
        apply(instance, "addons", text)
        wait(timeout, lambda: readiness.unready(instance, deployments(tools)))


def manifest(name: str, values: dict[str, str]) -> str:
    """Return a file of manifests/ with its values."""
    return Template((MANIFESTS / f"{name}.yaml").read_text()).substitute(values)


def is_applied(instance: Instance, name: str, text: str) -> bool:
    """Return whether these manifests were the last of that name to be applied."""
    stamp = _stamp(instance, name)
    return stamp.exists() and stamp.read_text() == _digest(text)


def apply(instance: Instance, name: str, text: str) -> None:
    """Apply manifests, and record it for `is_applied`."""
    command = ("kubectl", "apply", "--server-side", "--force-conflicts", "--field-manager=sandbox", "-f", "-")
    run(*command, stdin=text, env=environment.process(instance))
    files.write(_stamp(instance, name), _digest(text))


def _stamp(instance: Instance, name: str) -> Path:
    return instance.state / f"{name}.sha256"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _values(instance: Instance, tools: Toolchain) -> dict[str, str]:
    references = {name.replace("-", "_"): component(name, file) for name, file in images(tools).items()}
    return {
        **references,
        "registry": instance.registry,
        "dns_ip": instance.dns_ip,
        "metrics_server_crt": pki.encoded(pki.certificate(instance, "metrics-server")),
        "metrics_server_key": pki.encoded(pki.key(instance, "metrics-server")),
        "ca_crt": pki.encoded(pki.certificate(instance, "ca")),
    }
