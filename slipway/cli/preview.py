"""`slipway preview`: what merging a change will do to each stack."""

import json
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from slipway.cli.options import HERE, Directory, Json
from slipway.cli.output import save
from slipway.errors import SlipwayError
from slipway.preview import commits
from slipway.preview import plan as plans
from slipway.preview.preview import Preview, PreviewOptions, policy_packs
from slipway.preview.preview import preview as preview_one
from slipway.preview.report import html, markdown, terminal
from slipway.preview.report.model import Report
from slipway.preview.rules import Level
from slipway.pulumi.project import Project, Stack

_AT_ONCE = 4


class Format(StrEnum):
    """How the report is written."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


_SUFFIXES = {
    ".md": Format.MARKDOWN,
    ".html": Format.HTML,
    ".json": Format.JSON,
    ".txt": Format.TERMINAL,
}


class FailOn(StrEnum):
    """From what on the exit code is not 0."""

    CHANGES = "changes"
    ATTENTION = "attention"
    DANGEROUS = "dangerous"
    NEVER = "never"


def preview(
    stack: Annotated[
        list[str], typer.Option("--stack", "-s", help="Which stack; name several for one report on all.")
    ],
    cwd: Directory = HERE,
    form: Annotated[
        Format | None, typer.Option("--format", "-f", help="Default: terminal; of files, by their suffix.")
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output", "-o", help="Write to this file: .md, .html, .json or .txt; repeat for several."
        ),
    ] = None,
    as_json: Json = False,
    base_ref: Annotated[
        str | None, typer.Option(help="Tell commits since this one, instead of since the last update.")
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Also tell how the cluster differs from the state.")
    ] = False,
    save_plan: Annotated[
        Path | None,
        typer.Option(help="Directory for each stack's plan, STACK.json, which `apply --plan` takes."),
    ] = None,
    policy_pack: Annotated[
        list[Path] | None,
        typer.Option(help="Directory of a policy pack; default: policy/ of the project, if there is one."),
    ] = None,
    capacity: Annotated[bool, typer.Option(help="Ask the cluster whether it has room (kubectl).")] = True,
    fail_on: Annotated[FailOn, typer.Option(help="Exit with 0 below this.")] = FailOn.CHANGES,
) -> None:
    """Show what `pulumi up` will do to stacks, the consequences first. Nothing is built, pushed or changed.

    Exit code: 0 no changes, 2 changes, 3 dangerous changes, 1 an error or a policy that is not met.
    """
    for file in output or ():
        if form is None and file.suffix not in _SUFFIXES:
            raise SlipwayError(
                f"{file}: say the format with --format, or name it {file.stem}.md, .html or .json"
            )
    project = Project(cwd)
    if base_ref:
        commits.resolve(project.directory, base_ref)
    packs = policy_packs(project, policy_pack)
    options = PreviewOptions(refresh=refresh, policy_packs=packs, base_ref=base_ref, capacity=capacity)
    names = list(dict.fromkeys(stack))
    with (
        Console(stderr=True).status(f"Previewing {', '.join(names)} …"),
        ThreadPoolExecutor(max_workers=_AT_ONCE) as workers,
    ):
        report = Report(
            stacks=tuple(
                one.report
                for one in workers.map(lambda name: _one(project.stack(name), options, save_plan), names)
            )
        )
    form = Format.JSON if as_json else form
    for file in output or ():
        save("report", _text(report, form or _SUFFIXES[file.suffix]), file)
    if not output:
        _print(report, form or Format.TERMINAL)
    raise typer.Exit(exit_code(report, fail_on))


def _one(stack: Stack, options: PreviewOptions, directory: Path | None) -> Preview:
    if directory is None:
        return preview_one(stack, options)
    return plans.preview_and_save(stack, options, directory / f"{stack.name.replace('/', '-')}.json")


def exit_code(report: Report, fail_on: FailOn = FailOn.CHANGES) -> int:
    """Return what gates in a pipeline go by; an error counts whatever was asked for."""
    if any(stack.status == "failed" or any(v.mandatory for v in stack.violations) for stack in report.stacks):
        return 1
    if report.level is Level.DANGEROUS:
        return 0 if fail_on is FailOn.NEVER else 3
    changed = any(stack.status == "changed" for stack in report.stacks)
    counts = fail_on is FailOn.CHANGES or (fail_on is FailOn.ATTENTION and report.level is Level.ATTENTION)
    return 2 if changed and counts else 0


def _print(report: Report, form: Format) -> None:
    if form is Format.TERMINAL:
        terminal.show(report, Console(highlight=False))
    else:
        print(_text(report, form), end="")


def _text(report: Report, form: Format) -> str:
    if form is Format.MARKDOWN:
        return markdown.render(report)
    if form is Format.HTML:
        return html.render(report)
    if form is Format.JSON:
        return json.dumps(report.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    console = Console(highlight=False, width=120, color_system=None)
    with console.capture() as captured:
        terminal.show(report, console)
    return captured.get()
