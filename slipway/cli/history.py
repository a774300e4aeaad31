"""`slipway history`: the receipts of a stack."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slipway import masking
from slipway.cli.console import print_json, table
from slipway.cli.options import HERE, Directory, Json, Stack
from slipway.promotion.receipts import Outcome, Receipt
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot

_STYLES = {Outcome.VERIFIED: "green", Outcome.ROLLED_BACK: "yellow", Outcome.FAILED: "red"}


def history(
    stack: Stack,
    last: Annotated[int | None, typer.Option(min=1, help="Number of latest receipts (default: all).")] = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """List the promotions to a stack, the latest first: time, source, version, author and outcome.

    Exit code: 0 listed, 1 an error.
    """
    receipts = StackSnapshot.read(Project(cwd), stack).receipts.all()[:last]
    if as_json:
        print_json([receipt.printed() for receipt in receipts])
    elif not receipts:
        print(f"No promotions to {stack} yet: slipway promote SOURCE {stack}")
    else:
        Console().print(receipts_table(receipts))


def receipts_table(receipts: list[Receipt]) -> Table:
    """Return a table with a row for each receipt."""
    columns = ("#", "WHEN", "FROM", "VERSION", "COMMIT", "WHO", "OUTCOME")
    return table(columns, map(_cells, receipts))


def _cells(receipt: Receipt) -> tuple[str | Text, ...]:
    outcome = f"{receipt.outcome}: {receipt.reason}" if receipt.reason else f"{receipt.outcome}"
    return (
        str(receipt.number),
        f"{receipt.started:%Y-%m-%d %H:%M}",
        receipt.source,
        "\n".join(map(_version, receipt.changes)),
        receipt.commit[:8],
        receipt.who,
        Text(masking.message(outcome), style=_STYLES.get(receipt.outcome, "default")),
    )


def _version(receipt: Receipt) -> str:
    name, _, digest = receipt.image.rpartition("/")[2].partition("@")
    return f"{name} {digest[:15]}"
