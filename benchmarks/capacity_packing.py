"""The time and the gap of packing random workloads on node types with random prices.

python -m benchmarks.capacity_packing [WORKLOADS [TYPES [LOSS]]]
"""

import os
import random
import sys
import time

from slipway.capacity.packing.model import Loss, NodeType, Problem, Workload
from slipway.capacity.packing.search import pack

GIB = 2.0**30
SEEDS = 3


def problem(seed: int, workloads: int, types: int, loss: Loss) -> Problem:
    """Return a random problem: small requests as in most clusters, prices near the sum of their parts."""
    random_ = random.Random(seed)  # noqa: S311 - not for secrets
    kinds = []
    for number in range(types):
        size = random_.choice([4, 8, 16, 32, 48])
        gib = size * random_.choice([2, 4, 8])
        price = (size * 0.03 + gib * 0.004) * random_.uniform(0.9, 1.1)
        kinds.append(NodeType(f"type{number}", size * 0.94, gib * 0.9 * GIB, price, 110, ("a", "b", "c")))
    items = []
    for number in range(workloads):
        cores = random_.choice([0.05, 0.1, 0.1, 0.25, 0.5, 1.0, 2.0])
        memory = cores * random_.choice([1, 2, 4, 8]) * GIB
        replicas = random_.choice([1, 2, 3, 3, 5])
        alone = random_.choice([None, 1])
        items.append(Workload(f"w{number}", cores, memory, replicas, alone, random_.random() < 0.3))
    return Problem(tuple(items), tuple(kinds), ((0.1, 0.2 * GIB, 1.0), (0.05, 0.1 * GIB, 1.0)), loss)


def main() -> None:
    """Print a line for each random problem."""
    workloads, types = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else (1000, 20)
    loss: Loss = "none" if "none" in sys.argv else "zone" if "zone" in sys.argv else "node"
    for seed in range(SEEDS):
        built = problem(seed, workloads, types, loss)
        start, cpu = time.monotonic(), time.process_time()
        found = pack(built, time_limit_s=9.0, gap=0.01)
        took, used = time.monotonic() - start, time.process_time() - cpu
        first = found.first_fit.cost / found.placement.cost if found.first_fit else float("nan")
        print(
            f"{workloads} workloads ({sum(item.replicas for item in built.workloads)} pods), {types} types,"
            f" loss of {loss}: {took:.2f} s, {used:.2f} s of CPU, {len(found.placement.nodes)} nodes,"
            f" gap {found.gap:.2%},"
            f" first fit decreasing x {first:.3f}, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
