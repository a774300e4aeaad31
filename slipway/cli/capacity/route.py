"""`slipway capacity route`: shares of load over unequal backends."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.capacity.routing import LoadClass, Routes
from slipway.capacity.routing import route as solve
from slipway.cli.capacity.options import mapping, number
from slipway.cli.console import print_json, print_table, table
from slipway.cli.options import Json
from slipway.errors import SlipwayError


def route(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML file of backends and load.")],
    as_json: Json = False,
) -> None:
    """Share load over backends so that the largest utilisation is as small as possible.

    The file has `backends`, with the capacity of each (requests a second, or any unit), and `load`: for each
    class of requests its `load` in the same unit, and optionally the `backends` that may serve it.

    Exit code: 0 the load fits, 2 a backend gets more than its capacity.
    """
    content = mapping(file, {"backends": dict, "load": dict})
    capacities = {
        str(name): number(f"{file}: backends.{name}", value)
        for name, value in (content.get("backends") or {}).items()
    }
    classes = [_class(file, str(name), item) for name, item in (content.get("load") or {}).items()]
    found = solve(classes, capacities)
    if as_json:
        facts = {"utilisation": found.utilisation, "equal": found.equal, "shares": found.shares}
        print_json(facts)
    else:
        _show(found)
    if found.utilisation > 1:
        raise typer.Exit(2)


def _class(file: Path, name: str, item: object) -> LoadClass:
    where = f"{file}: load.{name}"
    if not isinstance(item, dict):
        return LoadClass(name, number(where, item))
    if unknown := sorted(set(map(str, item)) - {"load", "backends"}):
        raise SlipwayError(f"{where}: the key {unknown[0]!r} is unknown; the keys are backends, load")
    backends = item.get("backends") or []
    if not isinstance(backends, list):
        raise SlipwayError(f"{where}.backends is {backends!r}, but must be a list of names")
    return LoadClass(name, number(f"{where}.load", item.get("load")), tuple(map(str, backends)))


def _show(found: Routes) -> None:
    backends = list(dict.fromkeys(name for shares in found.shares.values() for name in shares))
    rows = [
        (name, *(f"{shares.get(backend, 0):.1%}" for backend in backends))
        for name, shares in found.shares.items()
    ]
    if found.equal_is_optimal:
        texts = [f"Equal shares are optimal: the largest utilisation is {found.utilisation:.1%} either way."]
    else:
        texts = [
            f"The largest utilisation is {found.utilisation:.1%}; with equal shares it is {found.equal:.1%}."
        ]
    if found.utilisation > 1:
        texts.append("The load does not fit: add capacity.")
    print_table(table(("LOAD", *backends), rows), texts)
