"""`slipway outdated`: the stacks whose image has an old base."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from slipway.cli.options import HERE, Directory, Json, stack_names
from slipway.errors import SlipwayError
from slipway.images.bases import State, compare
from slipway.pulumi.project import Project
from slipway.pulumi.snapshot import StackSnapshot
from slipway.status import AT_ONCE

_STYLES = {State.CURRENT: "green", State.OUTDATED: "red", State.NO_BASE: "dim", State.UNKNOWN: "yellow"}


class Row(BaseModel):
    """The base of the image of one stack."""

    stack: str
    image: str = ""
    base: str = ""
    state: State
    problem: str = ""


def outdated(
    stack: Annotated[
        list[str] | None, typer.Argument(help="Stacks (default: all).", autocompletion=stack_names)
    ] = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show which stacks run an image whose base image has changed since the build.

    A base has changed if its tag in the registry has other layers than the image begins with. The image
    records the name of its base when AppImage builds it. To renew the base, write its new digest into the
    Dockerfile's FROM.

    Exit code: 0 no image is outdated, 2 an image is outdated or cannot be compared.
    """
    project = Project(cwd)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(lambda name: _row(project, name), stack or project.stacks()))
    if as_json:
        print(json.dumps([row.model_dump(mode="json") for row in rows], indent=2))
    else:
        console = Console()
        console.print(table(rows))
        for row in rows:
            if row.problem:
                console.print(f"{row.stack}: {row.problem}", highlight=False, markup=False)
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


def table(rows: Sequence[Row]) -> Table:
    """Return a table with a row for each stack."""
    table = Table(box=None, pad_edge=False)
    for column in ("STACK", "IMAGE", "BASE", "STATE"):
        table.add_column(column, overflow="fold")
    for row in rows:
        image = row.image.partition("@sha256:")
        shown = f"{image[0]}@{image[2][:12]}" if image[1] else row.image
        table.add_row(
            escape(row.stack), escape(shown), escape(row.base), f"[{_STYLES[row.state]}]{row.state}"
        )
    return table
