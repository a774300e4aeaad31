"""The time and the gap of packing random workloads on node types with random prices.

python -m benchmarks.capacity_packing --workloads 1000 --types 20 --loss node
"""

import os
import random
import time
from argparse import ArgumentParser

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
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--workloads", type=int, default=1000)
    parser.add_argument("--types", type=int, default=20)
    parser.add_argument("--loss", default="node", choices=["none", "node", "zone"])
    parser.add_argument("--time-limit", type=float, default=9.0)
    arguments = parser.parse_args()
    workloads, types, loss = arguments.workloads, arguments.types, arguments.loss
    for seed in range(SEEDS):
        built = problem(seed, workloads, types, loss)
        start, cpu = time.monotonic(), time.process_time()
        found = pack(built, time_limit_s=arguments.time_limit, gap=0.01)
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
