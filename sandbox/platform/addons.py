"""The cluster's add-ons: DNS, the metrics API, and the RBAC of the node processes."""

import hashlib
from pathlib import Path
from string import Template

from sandbox.platform import environment, files, kubernetes, pki
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
    manifests = "\n---\n".join((MANIFESTS / f"{name}.yaml").read_text() for name in names)
    text = Template(manifests).substitute(_values(instance, tools))
    stamp = instance.state / "addons.sha256"
    digest = hashlib.sha256(text.encode()).hexdigest()
    applied = stamp.exists() and stamp.read_text() == digest
    if applied and not kubernetes.unready(instance, deployments(tools)):
        return
    with progress.step("wait for nodes, DNS and metrics"):
        command = (
            "kubectl",
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=sandbox",
            "-f",
            "-",
        )
        run(*command, stdin=text, env=environment.process(instance))
        wait(timeout, lambda: kubernetes.unready(instance, deployments(tools)))
        files.write(stamp, digest)


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
