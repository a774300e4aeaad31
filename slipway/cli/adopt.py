"""`slipway adopt`: a Pulumi program from a Compose file, or from a Dockerfile."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.adopt import project
from slipway.adopt.report import Fate
from slipway.cli.console import info
from slipway.cli.options import HERE, Directory
from slipway.errors import SlipwayError


def adopt(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Directory of the application.")],
    file: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", help="Compose file; repeatable, each is merged over those before."),
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            help="Profile of Compose to translate too; repeatable, `*` for all (default: COMPOSE_PROFILES)."
        ),
    ] = None,
    context: Annotated[str, typer.Option(help="Kubeconfig context of the stack dev.")] = "sandbox",
    secrets: Annotated[
        bool, typer.Option("--secrets", help="Store the secrets of the source, encrypted, in the stack dev.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that differ.")] = False,
    cwd: Directory = HERE,
) -> None:
    """Write a Pulumi program for an application: from its Compose file, or from its Dockerfile.

    The application stays as it is. The report, ADOPTED.md, has a line for each field of the source: what
    became of it, and what is left to do. Files that exist are compared, and replaced with --overwrite only.
    """
    adopted = project.adopt(path, cwd, files=file or [], profiles=profile or [], context=context)
    report = adopted.translation.report
    for line in report.lines:
        if line.fate is Fate.LEFT_OUT:
            info(f"left out: {line.path}: {line.text}")
    info(", ".join(f"{report.count(fate)} {fate}" for fate in Fate) + ": ADOPTED.md has all of them")
    differences = project.write(adopted.files(), cwd, overwrite)
    for text in differences.written:
        info(text)
    if differences.diff:
        print(differences.diff, end="")
        raise SlipwayError(
            "nothing was written, because these files differ: pass --overwrite to replace them"
        )
    if secrets:
        project.store_secrets(adopted, cwd)
