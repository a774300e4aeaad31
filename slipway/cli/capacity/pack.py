"""`slipway capacity pack`: workloads on nodes with prices."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slipway.capacity.packing.model import Loss, NodeType, Problem, Vector, Workload
from slipway.capacity.recommend import containers
from slipway.capacity.replicas import autoscaler, bounds
from slipway.capacity.solver import MISSING
from slipway.cli.capacity.options import mapping, number
from slipway.cli.console import print_json, print_table, table
from slipway.cli.options import HERE, Directory, Json, stack_names
from slipway.cluster.objects import StackObject
from slipway.cluster.quantities import amount
from slipway.errors import SlipwayError
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot

if TYPE_CHECKING:
    from slipway.capacity.packing.search import Packing

_HOSTNAME = "kubernetes.io/hostname"


def pack(
    nodes: Annotated[Path, typer.Option(help="YAML file of the node types; see the guide.")],
    stack: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STACK...", help="Stacks whose workloads to place.", autocompletion=stack_names
        ),
    ] = None,
    loss: Annotated[
        str, typer.Option(help="What may be lost, so that all pods still fit: none, node or zone.")
    ] = "node",
    autoscaled: Annotated[
        str, typer.Option(help="Pods of a workload with an autoscaler: its lowest or its highest number.")
    ] = "highest",
    time_limit: Annotated[
        float, typer.Option(min=0.1, help="Seconds after which the best found is printed.")
    ] = 10.0,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Find the cheapest nodes for the workloads of stacks, and prove how far from optimal they may be.

    The file has a list `types`: name, cpu, memory (allocatable, as Kubernetes writes them), price an hour,
    and optionally pods, zones, most. It may have lists `workloads` (name, cpu, memory, replicas, perNode,
    spread, apart) in place of stacks, and `daemons` (cpu, memory) for pods that run on every node.
    """
    if loss not in ("none", "node", "zone"):
        raise SlipwayError(f"--loss is {loss!r}, but must be none, node or zone")
    if autoscaled not in ("lowest", "highest"):
        raise SlipwayError(f"--autoscaled is {autoscaled!r}, but must be lowest or highest")
    lists = mapping(nodes, {"types": list, "workloads": list, "daemons": list})
    workloads = [_workload(nodes, index, item) for index, item in enumerate(lists.get("workloads") or ())]
    daemons = [
        _vector(f"{nodes}: daemons[{index}]", item) for index, item in enumerate(lists.get("daemons") or ())
    ]
    for name in stack or ():
        objects = StackSnapshot.read(Project(cwd), name).objects
        more, always = of_stack(objects, name, highest=autoscaled == "highest")
        workloads += more
        daemons += always
    types = [_type(nodes, index, item) for index, item in enumerate(lists.get("types") or ())]
    chosen: Loss = "none" if loss == "none" else "node" if loss == "node" else "zone"
    problem = Problem(tuple(workloads), tuple(types), tuple(daemons), chosen)
    found = _search(problem, time_limit)
    if as_json:
        print_json(_facts(problem, found))
    else:
        _show(problem, found)


def _search(problem: Problem, time_limit_s: float) -> "Packing":
    """Search with numpy and HiGHS, which take a fifth of a second to import."""
    try:
        from slipway.capacity.packing.search import pack as search
    except ImportError:
        raise SlipwayError(MISSING) from None
    return search(problem, time_limit_s=time_limit_s)


def of_stack(
    objects: list[StackObject], stack: str, *, highest: bool = True
) -> tuple[list[Workload], list[Vector]]:
    """Return the workloads of a stack by their requests, and the requests of its daemon sets.

    A workload with an autoscaler has the `highest` number of pods, or the lowest.
    """
    workloads: list[Workload] = []
    daemons: list[Vector] = []
    for item in objects:
        pods = [(box.today, box.replicas) for box in containers([item.manifest])]
        if not pods:
            continue
        cores = sum(today.cpu_request or 0 for today, _ in pods)
        size = sum(today.memory_request or 0 for today, _ in pods)
        if item.kind == "DaemonSet":
            daemons.append((cores, size, 1.0))
        elif pods[0][1]:
            alone = 1 if _one_per_node(item) else None
            spec = autoscaler(item, objects)
            replicas = bounds(spec)[highest] if spec else pods[0][1]
            workloads.append(Workload(f"{stack}/{item.name}", cores, size, replicas, alone))
    return workloads, daemons


def _one_per_node(item: StackObject) -> bool:
    """Return whether there is a required anti-affinity by host name, which is taken for one to itself."""
    spec = item.manifest["spec"]["template"]["spec"]
    rules = (spec.get("affinity") or {}).get("podAntiAffinity") or {}
    terms = rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    return any(term.get("topologyKey") == _HOSTNAME for term in terms)


_TYPE_KEYS = {"name", "cpu", "memory", "price", "pods", "zones", "most"}
_WORKLOAD_KEYS = {"name", "cpu", "memory", "replicas", "perNode", "spread", "apart"}


def _type(file: Path, index: int, item: Any) -> NodeType:
    where = f"{file}: types[{index}]"
    _check(where, item, {"name", "cpu", "memory", "price"}, _TYPE_KEYS)
    cores, size, _ = _vector(where, {key: item[key] for key in ("cpu", "memory")})
    most, zones = item.get("most"), _names(f"{where}.zones", item.get("zones", [""]))
    return NodeType(
        str(item["name"]), cores, size, number(f"{where}.price", item["price"]),
        int(number(f"{where}.pods", item.get("pods", 110))), zones,
        None if most is None else int(number(f"{where}.most", most)),
    )  # fmt: skip


def _workload(file: Path, index: int, item: Any) -> Workload:
    where = f"{file}: workloads[{index}]"
    _check(where, item, {"name", "cpu", "memory"}, _WORKLOAD_KEYS)
    cores, size, _ = _vector(where, {key: item[key] for key in ("cpu", "memory")})
    alone = item.get("perNode")
    return Workload(
        str(item["name"]), cores, size, int(number(f"{where}.replicas", item.get("replicas", 1))),
        None if alone is None else int(number(f"{where}.perNode", alone)),
        bool(item.get("spread", False)), frozenset(_names(f"{where}.apart", item.get("apart", []))),
    )  # fmt: skip


def _names(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise SlipwayError(f"{where} is {value!r}, but must be a list of names")
    return tuple(map(str, value))


def _vector(where: str, item: Any) -> Vector:
    _check(where, item, {"cpu", "memory"}, {"cpu", "memory"})
    values = {key: amount(item[key]) for key in ("cpu", "memory")}
    for key, value in values.items():
        if value == 0 and str(item[key]).strip() not in ("0", "0.0"):
            raise SlipwayError(f"{where}.{key} is {item[key]!r}, but must be a quantity, as in 500m or 2Gi")
    return values["cpu"], values["memory"], 1.0


def _check(where: str, item: Any, needed: set[str], allowed: set[str]) -> None:
    if not isinstance(item, dict):
        raise SlipwayError(f"{where} is {item!r}, but must be a mapping with {', '.join(sorted(needed))}")
    if missing := sorted(needed - set(item)):
        raise SlipwayError(f"{where} has no {missing[0]}")
    if unknown := sorted(set(item) - allowed):
        raise SlipwayError(
            f"{where}: the key {unknown[0]!r} is unknown; the keys are {', '.join(sorted(allowed))}"
        )


def _facts(problem: Problem, found: "Packing") -> dict[str, Any]:
    return {
        "cost": found.placement.cost,
        "bound": found.bound,
        "gap": found.gap,
        "first_fit_decreasing": found.first_fit.cost if found.first_fit else None,
        "nodes": [
            {
                "type": problem.types[node.kind].name,
                "zone": node.zone,
                "pods": {
                    problem.workloads[number].name: count for number, count in node.pods.items() if count
                },
            }
            for node in found.placement.nodes
        ],
    }


def _show(problem: Problem, found: "Packing") -> None:
    proof = "which is optimal" if found.gap < 1e-6 else f"at most {found.gap:.1%} above the optimum"
    first = f"{found.first_fit.cost:.4g}" if found.first_fit else "no placement"
    cost = f"{found.placement.cost:.4g} an hour, {proof}: no placement costs less than {found.bound:.4g}."
    print_table(
        table(("NODES", "TYPE", "ZONE", "PRICE AN HOUR", "PODS"), _rows(problem, found)),
        (cost, f"First fit decreasing on nodes of one type: {first}."),
    )


def _rows(problem: Problem, found: "Packing") -> Iterator[tuple[str, ...]]:
    nodes = found.placement.nodes
    for (kind, zone), count in sorted(Counter((node.kind, node.zone) for node in nodes).items()):
        pods = sum(node.pods.total() for node in nodes if (node.kind, node.zone) == (kind, zone))
        price = f"{count * problem.types[kind].price:.4g}"
        yield str(count), problem.types[kind].name, zone, price, str(pods)
