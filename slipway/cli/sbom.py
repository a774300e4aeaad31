"""`slipway sbom`: the software bill of materials of a stack's image."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.console import info, save
from slipway.cli.options import HERE, Directory, Stack
from slipway.errors import SlipwayError
from slipway.images.sbom import generate
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot


def sbom(
    stack: Stack,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write (default: standard output).")
    ] = None,
    cwd: Directory = HERE,
) -> None:
    """Write the software bill of materials (SBOM) of a stack's image: CycloneDX 1.6 as JSON.

    The SBOM lists every package of the distribution (dpkg or apk) and of Python with its version and package
    URL, as the input of a vulnerability scanner. BuildKit exports the image's files and runs none of them.

    Exit code: 0 written, 1 an error.
    """
    image = StackSnapshot.read(Project(cwd), stack).image
    if not image:
        raise SlipwayError(f"stack {stack} runs no image yet: run `pulumi up --stack {stack}`")
    text = generate(image)
    if output:
        save("SBOM", f"{text}\n", output)
        info(f"{image}: {output}")
    else:
        print(text)
