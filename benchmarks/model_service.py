"""ModelService compared to its bare server in one container, and to ONNX Runtime in a loop, in turns.

    python -m benchmarks.model_service NAMESPACE [ROUNDS]

NAMESPACE has the deployed ModelService `scorer` of examples/digits, without an autoscaler. The service has
one pod during the measurement. The bare server is a pod with its image, model and limits, without probes or
a Service. Each round sends requests of one row by CLIENTS connections, and then by one.
"""

import http.client
import json
import secrets
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from slipway.images.model_card import CARD

CLIENTS = 4
SECONDS = 5.0
LOOP = """
import json, pathlib, sys, time
sys.path.insert(0, "/app")
from model import DATATYPES, Model
import numpy as np
directory = pathlib.Path("/srv/shared/model")
model = Model.load(directory)
rows = json.loads((directory / "held-out.json").read_bytes())["inputs"]["X"]
rows = np.asarray(rows, dtype=np.float32)
seconds = []
for count in range(3000):
    begun = time.perf_counter()
    model.answer({"X": rows[count % len(rows)][None]})
    seconds.append(time.perf_counter() - begun)
print(json.dumps(seconds))
"""


def kubectl(*words: str, stdin: str | None = None) -> str:
    """Run kubectl, and return its output."""
    return subprocess.run(("kubectl", *words), input=stdin, capture_output=True, text=True, check=True).stdout


def load(address: str, body: bytes, clients: int) -> list[float]:
    """Send requests for SECONDS by kept connections, and return the durations."""
    deadline = time.monotonic() + SECONDS

    def send(_: int) -> list[float]:
        durations = []
        connection = http.client.HTTPConnection(address, timeout=10)
        while (begun := time.monotonic()) < deadline:
            connection.request("POST", "/v2/models/scorer/infer", body)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                raise SystemExit(f"{address} answers {response.status}")
            durations.append(time.monotonic() - begun)
        connection.close()
        return durations

    with ThreadPoolExecutor(clients) as pool:
        return [duration for durations in pool.map(send, range(clients)) for duration in durations]


@contextmanager
def bare(namespace: str, deployment: dict[str, Any]) -> Iterator[str]:
    """Run the server alone in a pod, and yield its address and the name of the pod."""
    spec = deployment["spec"]["template"]["spec"]
    [container] = spec["containers"]
    for field in ("readinessProbe", "livenessProbe", "startupProbe", "lifecycle"):
        container.pop(field, None)
    name = f"bare-{secrets.token_hex(3)}"
    # The network policy admits requests by these labels; a pod that is never ready gets none of the Service.
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    spec.pop("topologySpreadConstraints", None)
    spec["readinessGates"] = [{"conditionType": "slipway/bare"}]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    kubectl("create", "--filename=-", stdin=json.dumps(pod))
    try:
        kubectl(
            "wait",
            "--for=jsonpath={.status.podIP}",
            f"pod/{name}",
            f"--namespace={namespace}",
            "--timeout=120s",
        )
        address = kubectl(
            "get", f"pod/{name}", f"--namespace={namespace}", "--output=jsonpath={.status.podIP}"
        )
        while not listens(address):
            time.sleep(0.5)
        yield f"{address}:8080"
    finally:
        kubectl("delete", f"pod/{name}", f"--namespace={namespace}", "--wait=false")


def listens(host: str) -> bool:
    """Return whether the server accepts connections."""
    try:
        socket.create_connection((host, 8080), 1).close()
    except OSError:
        return False
    return True


def row(name: str, durations: list[float], clients: int) -> str:
    """Return the throughput and the percentiles of one way."""
    ordered = sorted(durations)
    rate = len(durations) / sum(durations) * clients
    p50, p95 = (ordered[int(share * len(ordered))] * 1000 for share in (0.5, 0.95))
    return f"{name:32} {rate:8.0f} a second   p50 {p50:7.3f} ms   p95 {p95:7.3f} ms"


def compare(ways: Mapping[str, Callable[[], list[float]]], rounds: int, clients: int) -> None:
    """Measure the ways in turns, and print them and the ratio of their medians."""
    found: dict[str, list[list[float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, measure in ways.items():
            found[name].append(measure())
    for name, measured in found.items():
        print(row(name, [duration for durations in measured for duration in durations], clients))
    first, second = found.values()
    p95 = [
        statistics.quantiles(durations, n=20)[-1]
        for pair in zip(first, second, strict=True)
        for durations in pair
    ]
    ratios = [a / b for a, b in zip(p95[::2], p95[1::2], strict=True)]
    counts = [len(b) / len(a) for a, b in zip(first, second, strict=True)]
    print(
        f"  of {rounds} rounds, median: p95 {statistics.median(ratios):.2f} x,"
        f" time of a request {statistics.median(counts):.2f} x"
    )


def main(namespace: str, rounds: int) -> None:
    """Measure, and print a table."""
    where = f"--namespace={namespace}"
    deployment = json.loads(kubectl("get", "deployment/scorer", where, "--output=json"))
    [sample] = json.loads(deployment["metadata"]["annotations"][CARD])["sample"]["inputs"]["X"]
    request = {"inputs": [{"name": "X", "datatype": "FP32", "shape": [1, len(sample)], "data": sample}]}
    body = json.dumps(request).encode()
    replicas = deployment["spec"]["replicas"]
    service = kubectl("get", "service/scorer", where, "--output=jsonpath={.spec.clusterIP}")
    kubectl("scale", "deployment/scorer", where, "--replicas=1")
    try:
        kubectl("rollout", "status", "deployment/scorer", where)
        time.sleep(10)  # the pods before have ended
        with bare(namespace, deployment) as address:
            for clients in (CLIENTS, 1):
                ways = {
                    f"ModelService, {clients} connections": partial(load, service, body, clients),
                    f"the bare server, {clients} connections": partial(load, address, body, clients),
                }
                compare(ways, rounds, clients)
        printed = kubectl(
            "exec", "deployment/scorer", where, "--container=scorer", "--", "python", "-c", LOOP
        )
        print(row("ONNX Runtime in a loop", json.loads(printed), 1))
    finally:
        kubectl("scale", "deployment/scorer", where, f"--replicas={replicas}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5)
