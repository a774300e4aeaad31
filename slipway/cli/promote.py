"""`slipway promote` and `slipway rollback`: deploy a version that a stack runs or has run, and verify it."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.check_options import with_checks
from slipway.cli.console import info, make_prompter, print_json
from slipway.cli.options import HERE, Directory, Json, Stack, Yes, stack_names
from slipway.promotion import promote as promotion
from slipway.promotion.options import GateOptions, PromotionOptions, VerifyOptions
from slipway.promotion.receipts import Outcome, Receipt
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import IMAGE, MODEL

_gate = functools.partial(typer.Option, rich_help_panel="Gate of a model")
READY = "/v2/health/ready"
"""The path at which a server of the Open Inference Protocol reports that its model answers."""
ModelFlag = Annotated[bool, typer.Option("--model", help="Deploy the stack's model instead of its image.")]


@with_checks
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
    require_drill: Annotated[
        float | None,
        typer.Option(
            "--require-drill",
            min=0,
            help="Refuse unless each database of TARGET was restored in a drill in the last SECONDS.",
        ),
    ] = None,
    *,
    verify: VerifyOptions,
    roll_back: Annotated[
        bool,
        typer.Option(
            "--roll-back/--no-roll-back", help="Roll back automatically when the update or a check fails."
        ),
    ] = True,
    model: ModelFlag = False,
    margin: Annotated[
        float,
        _gate(min=0, help="How much worse the new model may be: accuracy by this, an error by this share."),
    ] = GateOptions.margin,
    confidence: Annotated[
        float, _gate(min=0.5, max=0.9999, help="Confidence that the new model is not worse than that.")
    ] = GateOptions.confidence,
    max_latency: Annotated[
        float, _gate(min=0, help="How many times as long an inference may take.")
    ] = GateOptions.max_latency,
    max_size: Annotated[
        float, _gate(min=0, help="How many times as large the model may be.")
    ] = GateOptions.max_size,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Deploy the image that SOURCE runs to TARGET, by digest, and verify it.

    Shows the consequences, asks, changes the image in TARGET's stack file, updates the stack, and checks it.
    With --model, deploys the model that SOURCE serves, after a comparison with the one that TARGET serves.
    If the update or a check fails, rolls back to the previous version.
    After an interruption, the same command continues.

    Exit code: 0 verified (or declined), 1 failed or rolled back.
    """
    gate = GateOptions(margin, confidence, max_latency, max_size)
    setting, verify = _for_model(verify) if model else (IMAGE, verify)
    options = PromotionOptions(verify, gate, pull_request, roll_back, require_drill)
    requirements = promotion.SourceRequirements(require_verified, min_age)
    with interrupts.deferred():
        prompter = make_prompter(yes or pull_request)
        receipt = promotion.promote(Project(cwd), source, target, requirements, options, prompter, setting)
        show(receipt, as_json)


@with_checks
def rollback(
    target: Stack,
    to: Annotated[
        int | None,
        typer.Option(
            help="Number of a receipt in `slipway history` (default: the latest verified receipt of another"
            " version)."
        ),
    ] = None,
    yes: Yes = False,
    *,
    verify: VerifyOptions,
    model: ModelFlag = False,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Deploy an earlier version to a stack that was verified there before. Builds nothing.

    Exit code: 0 verified (or declined), 1 failed.
    """
    with interrupts.deferred():
        setting, verify = _for_model(verify) if model else (IMAGE, verify)
        options = PromotionOptions(verify)
        receipt = promotion.rollback(Project(cwd), target, to, options, make_prompter(yes), setting)
        show(receipt, as_json, bad=(Outcome.FAILED,) if receipt.kind == "promotion" else BAD)


def _for_model(verify: VerifyOptions) -> tuple[str, VerifyOptions]:
    """Return the key of models, and the checks; without a path, they ask for an inference of the sample."""
    path = READY if verify.path == VerifyOptions.path else verify.path
    return MODEL, replace(verify, path=path)


BAD = (Outcome.ROLLED_BACK, Outcome.FAILED)


def show(receipt: Receipt, as_json: bool, bad: Sequence[Outcome] = BAD) -> None:
    """Print a closed receipt; exit code 1 for a bad outcome."""
    if as_json:
        print_json(receipt.printed())
    line = f"{receipt.kind} #{receipt.number} of {receipt.image} to {receipt.stack}: {receipt.outcome}"
    info(line + (f" ({receipt.reason})" if receipt.reason else ""))
    if receipt.outcome in bad:
        raise typer.Exit(1)
