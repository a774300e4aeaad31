"""`python -m delivery`: what surrounds `pulumi up`. Each command is a module of its own."""

import typer
from rich.console import Console

from delivery.commands import apply, drift, history, preview, promote, prune, recover, status
from delivery.errors import DeliveryError

app = typer.Typer(
    help="What surrounds `pulumi up`: see what a change will do before it is made, and apply what was seen.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _delivery() -> None:
    """Keep commands named, also while there is only one."""


app.command()(preview.preview)
app.command()(apply.apply)
app.command()(promote.promote)
app.command()(promote.rollback)
app.command()(history.history)
app.command()(drift.drift)
app.command()(recover.recover)
app.command()(prune.prune)
app.command()(status.status)


def main() -> None:
    """Run the command line; an error that the user can act on is one message and exit code 1."""
    try:
        app()
    except DeliveryError as error:
        Console(stderr=True).print(f"[red]error:[/red] {error}", highlight=False)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
