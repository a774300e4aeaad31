"""What the real kube-scheduler needs for random workloads, next to the packed nodes.

python -m benchmarks.capacity_scheduler --context slipway --workloads 100 --types 20

The nodes are objects without a kubelet: the scheduler of the cluster binds pods to them, and nothing runs.
Their taint keeps other pods away. Namespace, nodes and pods are deleted at the end.
"""

import json
import math
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.capacity_packing import problem
from slipway.capacity.packing.model import Node, Problem
from slipway.capacity.packing.search import pack
from slipway.cluster.kubectl import Cluster, Object
from slipway.errors import SlipwayError

BATCH = 200
"""The objects that are created at once."""
POLL_S = 1.0
QUIET_S = 5.0
"""After this without a newly bound pod, the scheduler is done: it retries when a node is added."""


@dataclass(frozen=True)
class Simulation:
    """A problem on a cluster, under a name that its namespace, nodes, label and taint have."""

    cluster: Cluster
    problem: Problem
    name: str

    def node(self, number: int, node: Node) -> Object:
        """Return a node with what a real one has free for the workloads."""
        kind = self.problem.types[node.kind]
        cores, size, pods = self.problem.free[node.kind]
        amounts = {"cpu": f"{cores * 1000:.0f}m", "memory": f"{size:.0f}", "pods": f"{pods:.0f}"}
        name = f"{self.name}-{number}"
        labels = {
            self.name: "",
            "kubernetes.io/hostname": name,
            "node.kubernetes.io/instance-type": kind.name,
            "topology.kubernetes.io/zone": node.zone or "none",
        }
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": [{"key": self.name, "effect": "NoSchedule"}]},
            "status": {
                "capacity": amounts,
                "allocatable": amounts,
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }

    def pods(self) -> Iterator[Object]:
        """Yield the pods in the order of their workloads."""
        for workload in self.problem.workloads:
            labels = {"app": workload.name}
            selector = {"labelSelector": {"matchLabels": labels}}
            spec: dict[str, Any] = {
                "nodeSelector": {self.name: ""},
                "tolerations": [{"operator": "Exists"}],
                "containers": [
                    {
                        "name": "nothing",
                        "image": "nothing",
                        "resources": {
                            "requests": {
                                "cpu": f"{math.ceil(workload.cpu * 1000 - 1e-6)}m",
                                "memory": f"{math.ceil(workload.memory)}",
                            }
                        },
                    }
                ],
            }
            if workload.per_node == 1:
                term = {"topologyKey": "kubernetes.io/hostname", **selector}
                spec["affinity"] = {
                    "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
                }
            if workload.spread:
                rule = {
                    "maxSkew": 1,
                    "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "DoNotSchedule",
                }
                spec["topologySpreadConstraints"] = [{**rule, **selector}]
            for replica in range(workload.replicas):
                metadata = {"name": f"{workload.name}-{replica}", "labels": labels}
                yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep a namespace for a block, and delete everything that the simulation has created after it."""
        self.cluster.kubectl("create", "namespace", self.name)
        try:
            self._wait_for_account()
            yield
        finally:
            own = f"--namespace={self.name}"
            options = ("--all", "--force", "--grace-period=0", "--wait=false")
            self.cluster.kubectl("delete", "pods", own, *options)
            self.cluster.kubectl("delete", "nodes", f"--selector={self.name}", "--wait=false")
            self.cluster.kubectl("delete", "namespace", self.name, "--wait=false")

    def create(self, objects: Sequence[Object]) -> None:
        """Create objects in the simulation's namespace."""
        for first in range(0, len(objects), BATCH):
            items = {"apiVersion": "v1", "kind": "List", "items": objects[first : first + BATCH]}
            self.cluster.kubectl("create", f"--namespace={self.name}", "-f", "-", stdin=json.dumps(items))

    def waiting(self) -> int:
        """Return how many pods have no node when the scheduler is done."""
        lowest, since = math.inf, time.monotonic()
        while True:
            columns = "custom-columns=NODE:.spec.nodeName"
            text = self.cluster.kubectl(
                "get", "pods", f"--namespace={self.name}", "--no-headers", "-o", columns
            )
            waiting = text.split().count("<none>")
            if waiting < lowest:
                lowest, since = waiting, time.monotonic()
            if not waiting or time.monotonic() - since > QUIET_S:
                return waiting
            time.sleep(POLL_S)

    def _wait_for_account(self) -> None:
        """Wait for the service account without which no pod can be created."""
        deadline = time.monotonic() + 30
        while True:
            try:
                self.cluster.kubectl("get", "serviceaccount", "default", f"--namespace={self.name}")
                return
            except SlipwayError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)


def simulate(simulation: Simulation, nodes: Sequence[Node], most: int) -> tuple[int, list[Node]]:
    """Return the pods that found no place on the nodes, and the nodes that were added until all had one.

    Nodes are added one after the other, in the order of the packed nodes.

    Args:
        simulation: the cluster and the problem.
        nodes: the packed nodes.
        most: the highest number of nodes to add.
    """
    added: list[Node] = []
    with simulation.running():
        simulation.create([simulation.node(number, node) for number, node in enumerate(nodes)])
        simulation.create(list(simulation.pods()))
        left = waiting = simulation.waiting()
        while waiting and len(added) < most:
            node = nodes[len(added) % len(nodes)]
            simulation.create([simulation.node(len(nodes) + len(added), node)])
            added.append(node)
            waiting = simulation.waiting()
        if waiting:
            raise SlipwayError(f"{waiting} pods have no node, with {most} nodes more: raise --most")
    return left, added


def main() -> None:
    """Print a line for each random problem."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--context", required=True, help="the context of the cluster")
    parser.add_argument("--name", default="capacity-simulation", help="of the namespace, nodes and label")
    parser.add_argument("--workloads", type=int, default=100)
    parser.add_argument("--types", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--time-limit", type=float, default=10.0)
    parser.add_argument("--most", type=int, default=50, help="the highest number of nodes to add")
    arguments = parser.parse_args()
    for seed in range(arguments.seeds):
        built = problem(seed, arguments.workloads, arguments.types, "none")
        found = pack(built, time_limit_s=arguments.time_limit, gap=0.01)
        nodes = found.placement.nodes
        simulation = Simulation(Cluster(arguments.context), built, f"{arguments.name}-{seed}")
        left, added = simulate(simulation, nodes, arguments.most)
        more = sum(built.types[node.kind].price for node in added)
        pods = sum(item.replicas for item in built.workloads)
        print(
            f"{arguments.workloads} workloads ({pods} pods): packed on {len(nodes)} nodes,"
            f" gap {found.gap:.2%};"
            f" the scheduler left {left} pods, and needed {len(added)} nodes more:"
            f" {more / found.placement.cost:+.1%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
