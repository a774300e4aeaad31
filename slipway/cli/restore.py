"""`slipway restore`: a new database from the backups of another one, next to it."""

from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.check_options import with_checks
from slipway.cli.console import make_prompter
from slipway.cli.options import HERE, Directory, Stack, Yes
from slipway.databases import restore as databases
from slipway.promotion.options import VerifyOptions
from slipway.pulumi.project import Project


@with_checks
def restore(
    stack: Stack,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Name of the new database.")],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Moment to restore to, by default in UTC; or LATEST."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Database whose backups are read (default: the one that the stack uses)."
        ),
    ] = None,
    switch: Annotated[
        bool, typer.Option("--switch", help="Let the application use NAME; alone, without --to, only that.")
    ] = False,
    yes: Yes = False,
    *,
    verify: VerifyOptions,
    cwd: Directory = HERE,
) -> None:
    """Restore a database of STACK to a moment, as a new database next to it.

    Reads the store of the backups alone: the old database may be lost, and is never touched.
    With --switch, the application then uses the new database, with the checks of a promotion; if one fails,
    it uses again what it used before.

    Exit code: 0 restored (and switched), 1 not.
    """
    if to is None and not switch:
        raise typer.BadParameter("give --to, or --switch to a database that was restored before")
    with interrupts.deferred():
        project, prompter = Project(cwd), make_prompter(yes)
        if to is not None:
            databases.restore(project, stack, databases.Order(name, to, database), prompter)
        if switch:
            databases.switch(project, stack, name, verify, prompter)
