"""The `typechecker` option: a program that it finds fault with is not run."""

import os
import subprocess

from sandbox.plugins.language_python import packages
from sandbox.plugins.language_python.toolchain import Toolchain, ToolchainError


def check(toolchain: Toolchain) -> None:
    """Check the program's types, if that is asked for."""
    name = toolchain.typechecker
    if not name:
        return
    if name not in (package.name for package in packages.installed(toolchain, transitive=True)):
        raise ToolchainError(
            f"The typechecker option is set to {name}, but {name} is not installed. "
            f"Please add an entry for {name} to requirements.txt and run "
            f"`{toolchain.virtualenv}/bin/pip install -r requirements.txt`"
        )
    excluded = ["--exclude", os.path.relpath(toolchain.path, toolchain.directory)] if name == "mypy" else []
    done = subprocess.run(
        toolchain.command("-m", name, *excluded, str(toolchain.directory)),
        env=toolchain.environment(),
        cwd=toolchain.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(done.stdout, end="", flush=True)  # the engine shows what the host prints
    if done.returncode:
        raise ToolchainError(f"{name} failed: exit status {done.returncode}\n{done.stdout}".rstrip())
