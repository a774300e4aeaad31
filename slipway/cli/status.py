"""`slipway status`: all stacks at a glance."""

import json
from html import escape
from pathlib import Path
from string import Template
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from slipway.cli.options import HERE, Directory, Json
from slipway.pulumi.project import Project
from slipway.status import Health, Row, age, overview

_STYLES = {Health.HEALTHY: "green", Health.UNHEALTHY: "red", Health.EMPTY: "dim", Health.UNKNOWN: "yellow"}
_PAGE = Path(__file__).with_name("status.html")


def status(
    stack: Annotated[
        list[str] | None,
        typer.Argument(help="Stacks, in the order of promotion; default: all."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write a page that draws the pipeline.")
    ] = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show what each stack runs: version, digest, commit, health, drift, age, last update.

    Exit code: 0 all are healthy or not deployed, 2 one is not, or has drifted.
    """
    rows = overview(Project(cwd), stack)
    if html:
        html.write_text(page(rows), encoding="utf-8")
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in rows], indent=2))
    else:
        console = Console()
        console.print(table(rows))
        for one in rows:
            for problem in one.problems:
                console.print(f"{one.stack}: {problem}", highlight=False, markup=False)
    if any(one.drifted or one.health in (Health.UNHEALTHY, Health.UNKNOWN) for one in rows):
        raise typer.Exit(2)


def table(rows: list[Row]) -> Table:
    """Draw the stacks, one line each."""
    drawn = Table(box=None, pad_edge=False)
    for column in ("STACK", "VERSION", "DIGEST", "COMMIT", "HEALTH", "DRIFT", "AGE", "LAST UPDATE"):
        drawn.add_column(column, overflow="fold")
    for one in rows:
        drawn.add_row(
            one.stack,
            one.version,
            one.digest[7:19],
            one.commit[:8],
            f"[{_STYLES[one.health]}]{one.health}{', verified' if one.verified else ''}",
            "drifted" if one.drifted else ("none" if one.digest else ""),
            age(one.age_s),
            f"{one.update}{f' {one.updated:%Y-%m-%d %H:%M}' if one.updated else ''}",
        )
    return drawn


def page(rows: list[Row]) -> str:
    """Write the pipeline as one self-contained page."""
    cards = []
    for one in rows:
        facts = {
            "version": one.version,
            "digest": one.digest[7:19],
            "commit": one.commit[:8],
            "drift": "drifted" if one.drifted else ("none" if one.digest else ""),
            "age": age(one.age_s),
            "last update": one.update,
        }
        lines = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
        problems = "".join(f"<li>{escape(problem)}</li>" for problem in one.problems)
        word = "verified" if one.verified and one.health is Health.HEALTHY else str(one.health)
        cards.append(
            f'<section class="{one.health.name.lower()}"><h2>{escape(one.stack)}</h2>'
            f'<p class="health">{word}</p><dl>{lines}</dl><ul>{problems}</ul></section>'
        )
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(cards='<div class="to">→</div>'.join(cards))
