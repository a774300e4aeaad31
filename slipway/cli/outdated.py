"""`slipway outdated`: the stacks whose image has an old base."""

from collections.abc import Sequence

import typer
from pydantic import BaseModel
from rich.table import Table
from rich.text import Text

from slipway.cli.console import print_json, print_table, table
from slipway.cli.options import HERE, Directory, Json, Stacks
from slipway.errors import SlipwayError
from slipway.images.base_images import State, compare
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot
from slipway.status import for_stacks

_STYLES = {State.CURRENT: "green", State.OUTDATED: "red", State.NO_BASE: "dim", State.UNKNOWN: "yellow"}


class Row(BaseModel):
    """The base of the image of one stack."""

    stack: str
    image: str = ""
    base: str = ""
    state: State
    problem: str = ""


def outdated(
    stack: Stacks = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show which stacks run an image whose base image has changed since the build.

    A base has changed if its tag in the registry has other layers than the image begins with. The image
    records the name of its base when AppImage builds it. To renew the base, write its new digest into the
    Dockerfile's FROM.

    Exit code: 0 no image is outdated, 2 an image is outdated or cannot be compared.
    """
    rows = for_stacks(Project(cwd), stack, _row)
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
    else:
        print_table(bases_table(rows), (f"{row.stack}: {row.problem}" for row in rows if row.problem))
    if any(row.state in (State.OUTDATED, State.UNKNOWN) for row in rows):
        raise typer.Exit(2)


def _row(project: Project, name: str) -> Row:
    try:
        image = StackSnapshot.read(project, name).image
    except SlipwayError as error:
        return Row(stack=name, state=State.UNKNOWN, problem=str(error))
    if image is None:
        return Row(stack=name, state=State.NO_BASE, problem="not deployed, or without an output `image`")
    result = compare(image)
    return Row(stack=name, image=str(image), **result._asdict())


def bases_table(rows: Sequence[Row]) -> Table:
    """Return a table with a row for each stack."""
    return table(("STACK", "IMAGE", "BASE", "STATE"), map(_cells, rows))


def _cells(row: Row) -> tuple[str | Text, ...]:
    name, mark, digest = row.image.partition("@sha256:")
    image = f"{name}@{digest[:12]}" if mark else row.image
    return (row.stack, image, row.base, Text(row.state, style=_STYLES[row.state]))
