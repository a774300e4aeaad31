"""`slipway status`: version and health of every stack."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from slipway.cli.console import print_json, print_table, save, table
from slipway.cli.options import HERE, Directory, Json, Stacks
from slipway.page import Markup, element, fill
from slipway.pulumi.project import Project
from slipway.status import Health, Row, age, overview

_STYLES = {Health.HEALTHY: "green", Health.UNHEALTHY: "red", Health.EMPTY: "dim", Health.UNKNOWN: "yellow"}
_CLASSES = {
    Health.HEALTHY: "safe",
    Health.UNHEALTHY: "dangerous",
    Health.EMPTY: "empty",
    Health.UNKNOWN: "attention",
}
"""The classes of cards in page.css."""
_PAGE = Path(__file__).with_name("status.html")


def status(
    stack: Stacks = None,
    html: Annotated[Path | None, typer.Option(help="Also write an HTML page with the pipeline.")] = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show the version, digest, commit, health, drift, age and last update of every stack.

    Exit code: 0 all stacks are healthy or not deployed, 2 a stack is unhealthy, unreadable or has drifted.
    """
    rows = overview(Project(cwd), stack)
    if html:
        save("page", page(rows, datetime.now(UTC)), html)
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
    else:
        problems = (
            f"{row.stack}: {text}"
            for row in rows
            for text in (*row.problems, *row.notes, *row.drills, *row.usage)
        )
        print_table(overview_table(rows), problems)
    if any(row.drifted or row.health in (Health.UNHEALTHY, Health.UNKNOWN) for row in rows):
        raise typer.Exit(2)


def overview_table(rows: list[Row]) -> Table:
    """Return a table with a row for each stack."""
    columns = ("STACK", "VERSION", "DIGEST", "COMMIT", "HEALTH", "DRIFT", "AGE", "LAST UPDATE")
    return table(columns, map(_cells, rows))


def _cells(row: Row) -> tuple[str | Text, ...]:
    health = Text(f"{row.health}{', verified' if row.verified else ''}", style=_STYLES[row.health])
    updated = f" {row.updated:%Y-%m-%d %H:%M}" if row.updated else ""
    version, digest, commit, *others = _facts(row).values()
    return (row.stack, version, digest, commit, health, *others, f"{row.update}{updated}")


def _facts(row: Row) -> dict[str, str]:
    return {
        "version": row.version,
        "digest": row.digest[7:19],
        "commit": row.commit[:8],
        "drift": "drifted" if row.drifted else ("none" if row.digest else ""),
        "age": age(row.age_s),
    }


def page(rows: list[Row], time: datetime) -> str:
    """Return the pipeline as a self-contained HTML page; `time` is when the rows were read."""
    arrow = element("div", "→", class_="to")
    read = element("p", f"Read at {time.astimezone(UTC):%Y-%m-%d %H:%M} UTC", class_="dim")
    cards = Markup(arrow.join(map(_card, rows)))
    return fill(_PAGE, f"Stacks: {', '.join(row.stack for row in rows)}", time=read, cards=cards)


def _card(row: Row) -> Markup:
    facts = {
        **_facts(row),
        "last update": row.update,
        "drill": "; ".join(row.drills),
        "use": "; ".join(row.usage),
    }
    lines = [
        part for name, value in facts.items() if value for part in (element("dt", name), element("dd", value))
    ]
    verified = row.verified and row.health is Health.HEALTHY
    badge = element("span", "verified" if verified else str(row.health), class_="badge")
    problems = [element("li", problem) for problem in (*row.problems, *row.notes)]
    return element(
        "section",
        element("h2", row.stack, badge),
        element("dl", *lines),
        element("ul", *problems) if problems else None,
        class_=_CLASSES[row.health],
    )
