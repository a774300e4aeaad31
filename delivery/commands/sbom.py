"""`python -m delivery sbom`: what is in the image that a stack runs."""

from pathlib import Path
from typing import Annotated

import typer

from delivery.bill import bill
from delivery.commands.promote import console
from delivery.errors import DeliveryError
from delivery.files import save
from delivery.options import HERE, Directory
from delivery.side import Side
from delivery.stacks import Project


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
    image = Side.read(Project(cwd), stack).image
    if not image:
        raise DeliveryError(f"stack {stack} runs no image yet: pulumi up --stack {stack}")
    text = bill(image)
    if output:
        save("bill of materials", f"{text}\n", output)
        console.print(f"{image}: {output}", highlight=False, markup=False)
    else:
        print(text)
