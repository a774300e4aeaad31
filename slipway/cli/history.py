"""`slipway history`: the receipts of a stack."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slipway import masking
from slipway.cli.options import HERE, Directory, Json, Stack
from slipway.promotion.receipts import Outcome, Receipt
from slipway.pulumi.project import Project
from slipway.pulumi.snapshot import StackSnapshot

_STYLES = {Outcome.VERIFIED: "green", Outcome.ROLLED_BACK: "yellow", Outcome.FAILED: "red"}


def history(
    stack: Stack,
    last: Annotated[int | None, typer.Option(min=1, help="Number of latest receipts (default: all).")] = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """List the promotions to a stack, the latest first: time, source, version, author and outcome."""
    receipts = StackSnapshot.read(Project(cwd), stack).receipts.all()[:last]
    if as_json:
        print(json.dumps([receipt.printed() for receipt in receipts], indent=2))
    elif not receipts:
        print(f"No promotions to {stack} yet: slipway promote SOURCE {stack}")
    else:
        Console().print(receipts_table(receipts))


def receipts_table(receipts: list[Receipt]) -> Table:
    """Return a table with a row for each receipt."""
    table = Table(box=None, pad_edge=False)
    for column in ("#", "WHEN", "FROM", "VERSION", "COMMIT", "WHO", "OUTCOME"):
        table.add_column(column, overflow="fold")
    for receipt in receipts:
        name, _, digest = receipt.image.rpartition("/")[2].partition("@")
        outcome = f"{receipt.outcome}: {receipt.reason}" if receipt.reason else f"{receipt.outcome}"
        cells = (
            str(receipt.number),
            f"{receipt.started:%Y-%m-%d %H:%M}",
            receipt.source,
            f"{name} {digest[:15]}",
            receipt.commit[:8],
            receipt.who,
        )
        table.add_row(
            *(Text(masking.message(cell)) for cell in cells),
            Text(masking.message(outcome), style=_STYLES.get(receipt.outcome, "default")),
        )
    return table
