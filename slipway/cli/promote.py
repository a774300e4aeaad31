"""`slipway promote` and `slipway rollback`: deploy a version that another update has run, and verify it."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.console import info, make_prompter
from slipway.cli.options import HERE, Directory, Json, Stack, Yes, stack_names
from slipway.promotion import promote as promotion
from slipway.promotion.options import PromotionOptions, VerifyOptions
from slipway.promotion.receipts import Outcome, Receipt
from slipway.pulumi.project import Project

CheckPath = Annotated[
    str,
    typer.Option(
        "--check-path",
        help="Path to request through the Service; a status of 200 to 299 passes.",
        show_default=True,
    ),
]
CheckHost = Annotated[
    str | None,
    typer.Option("--check-host", help="Host header of the requests, such as one of Django's ALLOWED_HOSTS."),
]
CheckStatus = Annotated[
    int | None,
    typer.Option(
        "--check-status", min=100, max=599, help="Status that passes, also a redirect (default: 200 to 299)."
    ),
]
Service = Annotated[
    str | None,
    typer.Option(help="Service to request (default: one that selects pods of the image, and answers)."),
]
Command = Annotated[
    str | None,
    typer.Option(
        "--check-command",
        help="Command that must exit 0. Gets STACK, IMAGE, NAMESPACE in its environment; not run in a shell.",
    ),
]
Soak = Annotated[
    float, typer.Option(min=0, help="Keep checking for this many seconds after the first success.")
]
Rate = Annotated[float, typer.Option(min=0.1, max=100, help="Requests per second during the soak.")]
MaxErrors = Annotated[
    float, typer.Option("--max-errors", min=0, max=1, help="Share of the soak's requests that may fail.")
]
RollBack = Annotated[
    bool,
    typer.Option(
        "--roll-back/--no-roll-back", help="Roll back automatically when the update or a check fails."
    ),
]


def promote(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Stack that runs the version.", autocompletion=stack_names)
    ],
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="Stack to deploy it to.", autocompletion=stack_names)
    ],
    yes: Yes = False,
    pull_request: Annotated[
        bool,
        typer.Option("--pull-request", help="Only change the stack file, for teams that deploy on merge."),
    ] = False,
    require_verified: Annotated[
        bool,
        typer.Option("--require-verified", help="Refuse a version that no promotion to SOURCE has verified."),
    ] = False,
    min_age: Annotated[
        float,
        typer.Option(
            "--min-age",
            min=0,
            help="Seconds since the verification in SOURCE, without another version there since;"
            " implies --require-verified.",
        ),
    ] = 0,
    min_soak: Annotated[
        float, typer.Option("--min-soak", min=0, hidden=True, help="Deprecated: use --min-age.")
    ] = 0,
    check_path: CheckPath = "/",
    check_host: CheckHost = None,
    check_status: CheckStatus = None,
    service: Service = None,
    check_command: Command = None,
    soak: Soak = 0,
    rate: Rate = 5,
    max_errors: MaxErrors = 0,
    roll_back: RollBack = True,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Deploy the image that SOURCE runs to TARGET, by digest, and verify it.

    Shows the consequences, asks, changes the image in TARGET's stack file, updates the stack, and checks it.
    If the update or a check fails, rolls back to the previous version.
    After an interruption, the same command continues.

    Exit code: 0 verified (or declined), 1 failed or rolled back.
    """
    verify = VerifyOptions(
        check_path, service, check_command, soak, rate, max_errors, host=check_host, status=check_status
    )
    options = PromotionOptions(verify, pull_request, roll_back)
    requirements = promotion.SourceRequirements(require_verified, min_age or min_soak)
    if min_soak:
        info("--min-soak is deprecated: use --min-age")
    with interrupts.deferred():
        prompter = make_prompter(yes or pull_request)
        show(promotion.promote(Project(cwd), source, target, requirements, options, prompter), as_json)


def rollback(
    target: Stack,
    to: Annotated[
        int | None,
        typer.Option(help="Number of a receipt in `slipway history` (default: the last good other version)."),
    ] = None,
    yes: Yes = False,
    check_path: CheckPath = "/",
    check_host: CheckHost = None,
    check_status: CheckStatus = None,
    service: Service = None,
    check_command: Command = None,
    soak: Soak = 0,
    rate: Rate = 5,
    max_errors: MaxErrors = 0,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Deploy an earlier version to a stack that was verified there before. Builds nothing.

    Exit code: 0 verified (or declined), 1 failed.
    """
    verify = VerifyOptions(
        check_path, service, check_command, soak, rate, max_errors, host=check_host, status=check_status
    )
    options = PromotionOptions(verify)
    with interrupts.deferred():
        receipt = promotion.rollback(Project(cwd), target, to, options, make_prompter(yes))
        show(receipt, as_json, bad=(Outcome.FAILED,) if receipt.kind == "promotion" else BAD)


BAD = (Outcome.ROLLED_BACK, Outcome.FAILED)


def show(receipt: Receipt, as_json: bool, bad: Sequence[Outcome] = BAD) -> None:
    """Print a closed receipt; exit code 1 for a bad outcome."""
    if as_json:
        print(json.dumps(receipt.printed(), indent=2))
    line = f"{receipt.kind} #{receipt.number} of {receipt.image} to {receipt.stack}: {receipt.outcome}"
    info(line + (f" ({receipt.reason})" if receipt.reason else ""))
    if receipt.outcome in bad:
        raise typer.Exit(1)
