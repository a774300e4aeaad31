"""`pulumi-resource-pulumi-python`: dynamic providers, which run in the project's own virtualenv."""

import os
import sys
from pathlib import Path

from sandbox.plugins.language_python.toolchain import Toolchain, ToolchainError


def main() -> None:
    """Become the SDK's server of dynamic providers."""
    # The engine starts the provider in the project's directory, with the runtime options in its environment.
    project = Path.cwd()
    toolchain = Toolchain(project, project, os.environ.get("PULUMI_RUNTIME_VIRTUALENV", ""))
    try:
        toolchain.validate()
        command = toolchain.command("-u", "-m", "pulumi.dynamic", *sys.argv[1:])
    except ToolchainError as error:
        sys.exit(str(error))
    os.execve(command[0], command, toolchain.environment())  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
