"""`slipway sbom`: what is in the image that a stack runs."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.options import HERE, Directory
from slipway.cli.output import save
from slipway.cli.promote import console
from slipway.errors import SlipwayError
from slipway.images.sbom import bill
from slipway.pulumi.project import Project
from slipway.pulumi.snapshot import StackSnapshot


def sbom(
    stack: Annotated[str, typer.Argument(help="The stack whose image is looked into.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file; default: to standard output.")
    ] = None,
    cwd: Directory = HERE,
) -> None:
    """Write the software bill of materials of the image that a stack runs: CycloneDX 1.6, as JSON.

    It lists every package of the distribution (dpkg or apk) and of Python with version and package URL, for
    a scanner to look up. BuildKit reads the image; nothing of it is run.
    """
    image = StackSnapshot.read(Project(cwd), stack).image
    if not image:
        raise SlipwayError(f"stack {stack} runs no image yet: pulumi up --stack {stack}")
    text = bill(image)
    if output:
        save("bill of materials", f"{text}\n", output)
        console.print(f"{image}: {output}", highlight=False, markup=False)
    else:
        print(text)
