"""Prometheus, which measures the containers of the nodes, and the pods whose annotations ask for it.

It runs in the control plane's network namespace. From there it reaches kubelets and pods, and
there the host and the pods reach it.
"""

from typing import Any

from sandbox.platform import addons, files, pki, readiness
from sandbox.platform.instance import Instance
from sandbox.platform.processes import Program
from sandbox.progress import Progress
from sandbox.shell import inside, wait
from sandbox.tools.toolchain import Toolchain

PORT = 9090
INTERVAL_S = 15
_ANNOTATION = "__meta_kubernetes_pod_annotation_prometheus_io_"


def url(instance: Instance) -> str:
    """Return the address of Prometheus, or nothing before `sandbox up --prometheus`."""
    return f"http://{instance.control_ip}:{PORT}" if instance.prometheus.exists() else ""


def programs(instance: Instance, tools: Toolchain) -> list[Program]:
    """Return Prometheus, if it is installed."""
    if not _installed(instance, tools):
        return []
    kubeconfig = pki.kubeconfig(instance, "prometheus")
    config = files.write_json(instance.etc / "prometheus.json", _config(instance))
    argv = (
        tools.path("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={instance.prometheus}",
        "--storage.tsdb.retention.size=1GB",
        f"--web.listen-address={instance.control_ip}:{PORT}",
        "--log.level=warn",
    )
    return [Program("prometheus", (*inside(instance.control_netns), *argv), (config, kubeconfig))]


def _installed(instance: Instance, tools: Toolchain) -> bool:
    return instance.prometheus.exists() and tools.has("prometheus")


def deploy(instance: Instance, tools: Toolchain, progress: Progress, timeout: float) -> None:
    """Grant Prometheus the right to read the metrics of nodes, and wait until it serves."""
    if not _installed(instance, tools):
        return
    rights = addons.manifest("prometheus", {})
    if addons.is_applied(instance, "prometheus", rights) and not unready(instance):
        return
    with progress.step("wait for Prometheus"):
        addons.apply(instance, "prometheus", rights)
        wait(timeout, lambda: unready(instance))


def unready(instance: Instance) -> list[str]:
    """Return why Prometheus does not serve; nothing if it was not asked for."""
    if not instance.prometheus.exists():
        return []
    return readiness.unserved(instance, "Prometheus", f"{url(instance)}/-/ready", "prometheus")


def _config(instance: Instance) -> dict[str, Any]:
    """Return the configuration: https://prometheus.io/docs/prometheus/latest/configuration/configuration/."""
    kubeconfig = str(instance.etc / "prometheus.kubeconfig")
    tls = {
        "ca_file": pki.certificate(instance, "ca"),
        "cert_file": pki.certificate(instance, "prometheus"),
        "key_file": pki.key(instance, "prometheus"),
    }

    def discover(role: str) -> list[dict[str, str]]:
        return [{"role": role, "kubeconfig_file": kubeconfig}]

    return {
        "global": {"scrape_interval": f"{INTERVAL_S}s"},
        "scrape_configs": [
            {
                "job_name": "containers",
                "scheme": "https",
                "metrics_path": "/metrics/cadvisor",
                "tls_config": tls,
                "kubernetes_sd_configs": discover("node"),
            },
            {
                "job_name": "pods",
                "kubernetes_sd_configs": discover("pod"),
                "relabel_configs": [
                    {"source_labels": [f"{_ANNOTATION}scrape"], "regex": "true", "action": "keep"},
                    _rename(f"{_ANNOTATION}path", "__metrics_path__"),
                    {
                        "source_labels": ["__meta_kubernetes_pod_ip", f"{_ANNOTATION}port"],
                        "separator": ":",
                        "regex": "(.+:.+)",
                        "target_label": "__address__",
                    },
                    _rename("__meta_kubernetes_namespace", "namespace"),
                    _rename("__meta_kubernetes_pod_name", "pod"),
                ],
            },
        ],
    }


def _rename(source: str, target: str) -> dict[str, Any]:
    return {"source_labels": [source], "regex": "(.+)", "target_label": target}
