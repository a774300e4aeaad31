"""`slipway preview`: the consequences of a change for each stack."""

import json
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from slipway.cli.console import save
from slipway.cli.options import HERE, Directory, Json, PolicyPacks, stack_names
from slipway.errors import SlipwayError
from slipway.preview import commits
from slipway.preview.plan import preview_and_save
from slipway.preview.preview import Preview, PreviewOptions, policy_packs
from slipway.preview.preview import preview as preview_stack
from slipway.preview.report import html, markdown, terminal
from slipway.preview.report.model import Report
from slipway.preview.rules import Level
from slipway.pulumi.project import Project, Stack

_WORKERS = 4


class Format(StrEnum):
    """A format of the report."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


_SUFFIXES = {".md": Format.MARKDOWN, ".html": Format.HTML, ".json": Format.JSON, ".txt": Format.TERMINAL}


class FailOn(StrEnum):
    """The lowest level of changes with an exit code other than 0."""

    CHANGES = "changes"
    ATTENTION = "attention"
    DANGEROUS = "dangerous"
    NEVER = "never"


def preview(
    stacks: Annotated[
        list[str] | None,
        typer.Argument(metavar="STACK", help="Stacks to preview, in one report.", autocompletion=stack_names),
    ] = None,
    stack: Annotated[
        list[str] | None,
        typer.Option("--stack", "-s", help="The same as STACK; repeatable.", autocompletion=stack_names),
    ] = None,
    cwd: Directory = HERE,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", "-f", help="Format of the report (default: terminal, or by the suffix of a file)."
        ),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            help="Write the report to this file instead: .md, .html, .json or .txt; repeatable.",
        ),
    ] = None,
    as_json: Json = False,
    base_ref: Annotated[
        str | None, typer.Option(help="List commits since this ref (default: the last update).")
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Also report drift: how the cluster differs from the state.")
    ] = False,
    save_plan: Annotated[
        Path | None, typer.Option(help="Save plans for `slipway apply` in this directory, as STACK.json.")
    ] = None,
    policy_pack: PolicyPacks = None,
    capacity: Annotated[bool, typer.Option(help="Check that the cluster has capacity for new pods.")] = True,
    fail_on: Annotated[FailOn, typer.Option(help="Exit 0 for changes below this level.")] = FailOn.CHANGES,
) -> None:
    """Show the consequences of `pulumi up` for stacks, then the changes. Builds, pushes and changes nothing.

    Exit code: 0 no changes, 2 changes, 3 dangerous changes, 1 an error or a violated mandatory policy.
    """
    names = list(dict.fromkeys([*(stacks or ()), *(stack or ())]))
    if not names:
        raise SlipwayError("name a stack to preview: slipway preview STACK")
    for file in output or ():
        if form is None and file.suffix not in _SUFFIXES:
            raise SlipwayError(
                f"{file} has no known suffix: pass --format, or name it {file.stem}.md, .html, .json or .txt"
            )
    project = Project(cwd)
    if base_ref:
        commits.resolve(project.directory, base_ref)
    packs = policy_packs(project, policy_pack)
    options = PreviewOptions(refresh=refresh, policy_packs=packs, base_ref=base_ref, capacity=capacity)
    with (
        Console(stderr=True).status(f"Previewing {', '.join(names)} …"),
        ThreadPoolExecutor(max_workers=_WORKERS) as workers,
    ):
        previews = workers.map(lambda name: _preview(project.stack(name), options, save_plan), names)
        report = Report(stacks=tuple(preview.report for preview in previews))
    form = Format.JSON if as_json else form
    for file in output or ():
        save("report", _text(report, form or _SUFFIXES[file.suffix]), file)
    if not output:
        _print(report, form or Format.TERMINAL)
    raise typer.Exit(exit_code(report, fail_on))


def _preview(stack: Stack, options: PreviewOptions, directory: Path | None) -> Preview:
    if directory is None:
        return preview_stack(stack, options)
    return preview_and_save(stack, options, directory / f"{stack.name.replace('/', '-')}.json")


def exit_code(report: Report, fail_on: FailOn = FailOn.CHANGES) -> int:
    """Return the exit code for a report; an error counts at every level."""
    failed = ("failed", "refused")
    if any(stack.status in failed or any(v.mandatory for v in stack.violations) for stack in report.stacks):
        return 1
    if report.level is Level.DANGEROUS:
        return 0 if fail_on is FailOn.NEVER else 3
    changed = any(stack.status == "changed" for stack in report.stacks)
    fails = fail_on is FailOn.CHANGES or (fail_on is FailOn.ATTENTION and report.level is Level.ATTENTION)
    return 2 if changed and fails else 0


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
