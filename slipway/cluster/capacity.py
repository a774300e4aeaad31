"""What the cluster has room for, read with kubectl: no more than `get` and `list` is needed."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from slipway.cluster.quantities import amount
from slipway.preview.rules import Cluster, Quota
from slipway.preview.rules.model import get, mapping
from slipway.preview.rules.resources import free_of

_SECONDS = 15


class CapacityUnavailable(Exception):
    """The cluster could not be looked at; the message says why."""


def look(config: Mapping[str, str]) -> Cluster:
    """Ask the cluster that a stack is configured for; `config` has the stack's configuration.

    Raises:
        CapacityUnavailable: no context is configured, or kubectl, the cluster or its permission is missing.
    """
    context = config.get("kubernetes:context")
    if not context:
        raise CapacityUnavailable("kubernetes:context is not set")
    kubeconfig = config.get("kubernetes:kubeconfig", "")
    with tempfile.TemporaryDirectory() as directory:
        environment = dict(os.environ)
        if "\n" in kubeconfig:
            (file := Path(directory, "kubeconfig")).write_text(kubeconfig)
            file.chmod(0o600)
            kubeconfig = str(file)
        if kubeconfig:
            environment["KUBECONFIG"] = kubeconfig
        found = _kubectl(context, environment)
    return cluster_of(found)


def cluster_of(objects: Iterable[Mapping[str, Any]]) -> Cluster:
    """Make one of the API server's nodes, pods and quotas."""
    kinds: dict[str, list[dict[str, object]]] = {"Node": [], "Pod": [], "ResourceQuota": []}
    for one in objects:
        kinds[str(one["kind"])].append(dict(one))
    quotas = tuple(
        Quota(
            str(get(one, "metadata", "name")),
            str(get(one, "metadata", "namespace")),
            {
                what: amount(hard) - amount(get(one, "status", "used", what))
                for what, hard in mapping(get(one, "status", "hard")).items()
            },
        )
        for one in kinds["ResourceQuota"]
    )
    return Cluster(free_of(kinds["Node"], kinds["Pod"]), quotas)


def _kubectl(context: str, environment: Mapping[str, str]) -> list[Mapping[str, Any]]:
    command = (
        "kubectl", "--context", context, "get", "nodes,pods,resourcequotas", "--all-namespaces",
        "--output", "json", "--request-timeout", f"{_SECONDS}s",
    )  # fmt: skip
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_SECONDS * 2, check=False
        )
    except FileNotFoundError:
        raise CapacityUnavailable("kubectl is not on PATH") from None
    except subprocess.TimeoutExpired:
        raise CapacityUnavailable(f"kubectl did not answer within {_SECONDS * 2} s") from None
    if done.returncode:
        raise CapacityUnavailable(
            done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "kubectl failed"
        )
    return list(json.loads(done.stdout)["items"])
