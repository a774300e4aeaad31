"""The Python that a project runs on: its virtualenv, made and filled by pip.

The options are those of `runtime.options` in Pulumi.yaml; what goes wrong is a `ToolchainError`.
"""

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from sandbox.plugins.protocol import language_pb2

Write = Callable[[bytes], None]
LOCKS = {"uv": "uv.lock", "poetry": "poetry.lock"}


class ToolchainError(Exception):
    """What the user reads when the project's Python cannot be used."""


@dataclass(frozen=True)
class Toolchain:
    """A project's Python; without a `virtualenv` the ambient one."""

    root: Path
    directory: Path
    virtualenv: str = ""
    typechecker: str = ""
    named: str = "Auto"

    @classmethod
    def of(cls, info: language_pb2.ProgramInfo, plugin: bool = False) -> "Toolchain":
        """The toolchain that a program's options ask for. A plugin has a virtualenv `venv` by default."""
        options = dict(info.options)
        chosen = _option(options, "toolchain", ("pip", *LOCKS))
        directory = Path(info.program_directory)
        name = chosen or next((name for name, lock in LOCKS.items() if _upward(directory, lock)), "pip")
        if name != "pip":
            raise ToolchainError(
                f"toolchain {name} is not offered by the sandbox's stand-in for pulumi-language-python: "
                "set `toolchain: pip` under runtime.options in Pulumi.yaml, or install the official Pulumi"
            )
        return cls(
            Path(info.root_directory),
            directory,
            _option(options, "virtualenv") or ("venv" if plugin else ""),
            _option(options, "typechecker", ("mypy", "pyright")),
            chosen.capitalize() or "Auto",
        )

    @property
    def path(self) -> Path:
        """The virtualenv's absolute path."""
        return self.root / self.virtualenv

    @property
    def exists(self) -> bool:
        """Whether the virtualenv is one."""
        return (self.path / "bin/python").is_file()

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs the project's Python."""
        return [str(self.path / "bin/python") if self.virtualenv else _ambient(), *arguments]

    def environment(self) -> dict[str, str]:
        """The environment of that command: the present one with the virtualenv activated."""
        if not self.virtualenv:
            return dict(os.environ)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
        path = os.pathsep.join((str(self.path / "bin"), *filter(None, [os.environ.get("PATH")])))
        return {**environment, "PATH": path, "VIRTUAL_ENV": str(self.path)}

    def output(self, *arguments: str) -> str:
        """What the project's Python prints."""
        command = self.command(*arguments)
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise ToolchainError(
                f"calling `{' '.join(command)}`: exit status {done.returncode}: {done.stderr}"
            )
        return done.stdout

    def validate(self) -> None:
        """Refuse a virtualenv that is not there, and say how to make it."""
        if not self.virtualenv or self.exists:
            return
        state = "doesn't appear to be a virtual environment" if self.path.exists() else "doesn't exist"
        python = self.path / "bin/python"
        raise ToolchainError(
            f"The 'virtualenv' option in Pulumi.yaml is set to \"{self.virtualenv}\", "
            f'but "{self.path}" {state}; run the following commands to create the virtual environment and '
            "install dependencies into it:\n\n"
            f"    1. python3 -m venv {self.path}\n"
            f"    2. {python} -m pip install --upgrade pip setuptools wheel\n"
            f"    3. {python} -m pip install -r requirements.txt\n\n\nFor more information see: "
            "https://www.pulumi.com/docs/intro/languages/python/#virtual-environments"
        )

    def ensure(self, out: Write, err: Write) -> None:
        """Make and fill the virtualenv if there is none yet."""
        if not self.virtualenv or self.exists:
            return
        if self.path.exists() and not self.path.is_dir():
            raise ToolchainError(
                f"the 'virtualenv' option in Pulumi.yaml is set to \"{self.path}\" but it is not a directory"
            )
        if not self.path.exists() or not any(self.path.iterdir()):
            self.install(out, err)

    def install(self, out: Write, err: Write) -> None:
        """Make the virtualenv and install requirements.txt of the program's directory into it."""
        if self.virtualenv:
            out(b"Creating virtual environment...\n")
            failure = f"creating virtual environment at '{self.path}'"
            _stream(
                [_ambient(), "-m", "venv", str(self.path)],
                self.directory,
                dict(os.environ),
                out,
                err,
                failure,
            )
            out(b"Finished creating virtual environment\n")
        out(b"Updating pip, setuptools, and wheel in virtual environment...\n")
        self.pip("updating pip, setuptools, and wheel", out, err, "--upgrade", "pip", "setuptools", "wheel")
        out(b"Finished updating\n")
        if (self.directory / "requirements.txt").exists():
            out(b"Installing dependencies in virtual environment...\n")
            self.pip("installing dependencies", out, err, "-r", "requirements.txt")
            out(b"Finished installing dependencies\n")

    def pip(self, doing: str, out: Write, err: Write, *arguments: str) -> None:
        """Run `pip install` in the program's directory."""
        command = self.command("-m", "pip", "install", *arguments)
        failure = f"{doing} via '{' '.join(command)}'"
        _stream(command, self.directory, self.environment(), out, err, failure)


def package_name(directory: Path) -> str:
    """The name of the package that a directory's pyproject.toml can build, or nothing."""
    file = directory / "pyproject.toml"
    if not file.exists():
        return ""
    try:
        described = tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ToolchainError(f"parsing pyproject.toml: {error}") from None
    buildable = described.get("build-system", {}).get("build-backend")
    return str(described.get("project", {}).get("name", "")) if buildable else ""


def _option(options: Mapping[str, Any], name: str, allowed: tuple[str, ...] = ()) -> str:
    value = options.get(name, "")
    if not isinstance(value, str):
        raise ToolchainError(f"{name} option must be a string")
    if name in options and allowed and value not in allowed:
        raise ToolchainError(f"unsupported {name} option: {value}")
    return value


def _upward(directory: Path, name: str) -> bool:
    return any((parent / name).exists() for parent in (directory, *directory.parents))


def _ambient() -> str:
    wanted = (
        [os.environ.get("PULUMI_PYTHON_CMD", "")]
        if os.environ.get("PULUMI_PYTHON_CMD")
        else ["python3", "python"]
    )
    found = next(filter(None, map(shutil.which, wanted)), None)
    if not found:
        quoted = " ".join(f'"{name}"' for name in wanted)
        raise ToolchainError(
            f"failed to locate any of [{quoted}] on your PATH. Have you installed Python 3.6 or greater?"
        )
    return found


def _stream(
    command: list[str], directory: Path, environment: dict[str, str], out: Write, err: Write, failure: str
) -> None:
    """Run a command whose output is shown as it comes."""
    with subprocess.Popen(
        command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        said = bytearray()

        def both(data: bytes) -> None:
            said.extend(data)
            err(data)

        readers = [
            Thread(target=forward, args=(process.stdout, out)),
            Thread(target=forward, args=(process.stderr, both)),
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    if process.returncode:
        text = said.decode(errors="replace").strip()
        raise ToolchainError(re.sub(r": $", "", f"{failure}: exit status {process.returncode}: {text}"))


def forward(source: Any, write: Write) -> None:
    """Pass on what a pipe yields until it ends."""
    while data := source.read(65536):
        write(data)
