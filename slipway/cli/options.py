"""Options that several commands share, so that they are called and explained alike."""

from pathlib import Path
from typing import Annotated

import typer

Directory = Annotated[
    Path, typer.Option("--cwd", "-C", help="Directory of the project; default: where you are.")
]
Json = Annotated[bool, typer.Option("--json", help="Print an object instead.")]
Plan = Annotated[Path, typer.Option("--plan", help="A plan that `preview --save-plan` has written.")]
HERE = Path()
