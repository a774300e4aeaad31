"""`slipway history`: the receipts of a stack."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from slipway.cli.options import HERE, Directory, Json
from slipway.promotion.receipts import Outcome, Receipt
from slipway.pulumi.project import Project
from slipway.pulumi.snapshot import StackSnapshot

_STYLES = {Outcome.VERIFIED: "green", Outcome.ROLLED_BACK: "yellow", Outcome.FAILED: "red"}


def history(
    stack: Annotated[str, typer.Argument(help="The stack whose promotions are listed.")],
    last: Annotated[int | None, typer.Option(min=1, help="How many, the latest first; default: all.")] = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """List what was promoted to a stack: when, by whom, from where, with which result."""
    receipts = StackSnapshot.read(Project(cwd), stack).receipts.all()[:last]
    if as_json:
        print(json.dumps([json.loads(one.model_dump_json(exclude={"holder"})) for one in receipts], indent=2))
    elif not receipts:
        print(f"Nothing was promoted to {stack}: slipway promote SOURCE {stack}")
    else:
        Console().print(table(receipts))


def table(receipts: list[Receipt]) -> Table:
    """Draw receipts, one line each."""
    drawn = Table(box=None, pad_edge=False)
    for column in ("#", "WHEN", "FROM", "VERSION", "COMMIT", "WHO", "OUTCOME"):
        drawn.add_column(column, overflow="fold")
    for one in receipts:
        name, _, digest = one.image.rpartition("/")[2].partition("@")
        outcome = f"{one.outcome}: {one.reason}" if one.reason else f"{one.outcome}"
        drawn.add_row(
            str(one.number),
            f"{one.started:%Y-%m-%d %H:%M}",
            one.source,
            f"{name} {digest[:15]}",
            one.commit[:8],
            one.who,
            f"[{_STYLES.get(one.outcome, 'default')}]{outcome}",
        )
    return drawn
