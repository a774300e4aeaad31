"""`slipway promote` and `rollback`: move a version that has run, and prove that it runs."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

from slipway import interrupts
from slipway.cli.options import HERE, Directory, Json
from slipway.errors import SlipwayError
from slipway.preview.report import terminal
from slipway.promotion import promote as flow
from slipway.promotion.phases import PromotionOptions, Prompter
from slipway.promotion.receipts import Outcome, Receipt
from slipway.promotion.verification import VerifyOptions
from slipway.pulumi.project import Project

console = Console(stderr=True)

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking; needed without a terminal.")]
CheckPath = Annotated[
    str, typer.Option("--check-path", help="Asked through the Service; 200 to 399 passes.", show_default=True)
]
Service = Annotated[
    str | None, typer.Option(help="The Service to ask; default: the one in front of the image's pods.")
]
Command = Annotated[
    str | None,
    typer.Option(
        "--check-command", help="Must exit with 0; is told STACK, IMAGE and NAMESPACE. No shell runs it."
    ),
]
Soak = Annotated[float, typer.Option(min=0, help="Seconds for which it is asked on after the first answer.")]
Rate = Annotated[float, typer.Option(min=0.1, max=100, help="Requests in a second during the soak.")]
MaxErrors = Annotated[
    float, typer.Option("--max-errors", min=0, max=1, help="Share of the soak's requests that may fail.")
]
PutBack = Annotated[
    bool,
    typer.Option(
        "--roll-back/--no-roll-back", help="Roll back automatically when the update or a check fails."
    ),
]


def promote(
    source: Annotated[str, typer.Argument(help="The stack whose version is promoted.")],
    target: Annotated[str, typer.Argument(help="The stack that is to run it.")],
    yes: Yes = False,
    pull_request: Annotated[
        bool,
        typer.Option(
            "--pull-request", help="Change the stack file, and stop: for teams that apply on merge."
        ),
    ] = False,
    require_verified: Annotated[
        bool, typer.Option("--require-verified", help="Refuse what no promotion has verified in the source.")
    ] = False,
    min_soak: Annotated[
        float,
        typer.Option("--min-soak", min=0, help="Seconds since it was verified in the source; implies it."),
    ] = 0,
    check_path: CheckPath = "/",
    service: Service = None,
    check_command: Command = None,
    soak: Soak = 0,
    rate: Rate = 5,
    max_errors: MaxErrors = 0,
    roll_back: PutBack = True,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Move what SOURCE runs to TARGET, the same bytes: shown, applied, verified, or rolled back.

    Changes one line of TARGET's stack file. Can be interrupted at any point; the same command goes on.
    Exit code: 0 verified (or declined), 1 not, and then the version from before runs.
    """
    wanted = VerifyOptions(check_path, service, check_command, soak, rate, max_errors)
    terms = PromotionOptions(wanted, pull_request, roll_back)
    demands = flow.SourceRequirements(require_verified, min_soak)
    with interrupts.deferred():
        talk = prompter(yes or pull_request)
        show(flow.promote(Project(cwd), source, target, demands, terms, talk), as_json)


def rollback(
    target: Annotated[str, typer.Argument(help="The stack that is to run an earlier version.")],
    to: Annotated[
        int | None, typer.Option(help="Number of a good receipt; default: the latest of another version.")
    ] = None,
    yes: Yes = False,
    check_path: CheckPath = "/",
    service: Service = None,
    check_command: Command = None,
    soak: Soak = 0,
    rate: Rate = 5,
    max_errors: MaxErrors = 0,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Move TARGET back to a version that was verified there before. Nothing is built.

    Exit code: 0 verified (or declined), 1 not.
    """
    terms = PromotionOptions(VerifyOptions(check_path, service, check_command, soak, rate, max_errors))
    with interrupts.deferred():
        receipt = flow.rollback(Project(cwd), target, to, terms, prompter(yes))
        show(receipt, as_json, bad=(Outcome.FAILED,) if receipt.kind == "promotion" else BAD)


def prompter(yes: bool) -> Prompter:
    """Return how to speak with the user.

    Raises:
        SlipwayError: when nobody is there to be asked.
    """
    if not yes and not sys.stdin.isatty():
        raise SlipwayError("there is no terminal to ask on; say --yes to apply without being asked")

    def tell(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    def ask(question: str) -> bool:
        if yes:
            return True
        with interrupts.at_once():
            return typer.confirm(question, err=True)

    return Prompter(tell, lambda report: terminal.show(report, console), ask)


BAD = (Outcome.ROLLED_BACK, Outcome.FAILED)


def show(receipt: Receipt, as_json: bool, bad: Sequence[Outcome] = BAD) -> None:
    """Print how it ended; exit code 1 when it did not end as wished."""
    if as_json:
        print(receipt.model_dump_json(indent=2, exclude={"holder"}))
    line = f"{receipt.kind} #{receipt.number} of {receipt.image} to {receipt.stack}: {receipt.outcome}"
    console.print(line + (f" ({receipt.reason})" if receipt.reason else ""), highlight=False, markup=False)
    if receipt.outcome in bad:
        raise typer.Exit(1)
