"""The Pulumi project that an adoption writes, next to the application."""

import difflib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import slipway
from slipway import process
from slipway.adopt.program import Program
from slipway.adopt.reading import source
from slipway.adopt.reading.dockerfile import without_compose
from slipway.adopt.reading.interpolation import read_text
from slipway.adopt.services.translation import Translation
from slipway.errors import BadSource, CommandFailed

KEPT = re.compile(r"Pulumi(\..+)?\.yaml")
"""Files that are the user's own once they exist."""
STACK = "dev"


@dataclass(frozen=True)
class Outcome:
    """The result of writing the files of a project."""

    written: list[str]
    """A sentence for each file."""
    diff: str
    """The difference of files that exist, if nothing was written for it."""


def adopt(
    application: Path, project: Path, *, files: Sequence[Path], profiles: Sequence[str], context: str
) -> Program:
    """Translate the application in a directory; nothing is written.

    Raises:
        BadSource: the application cannot be translated; the message names the field and what to do.
    """
    if not application.is_dir():
        raise BadSource(f"{application} is not a directory: give the directory of the application")
    if application.resolve() in (project.resolve(), *project.resolve().parents):
        raise BadSource(
            f"{application} has the project in it, so that the image would have the program: run this in a"
            " directory outside, or name one with --cwd"
        )
    root = Path(os.path.relpath(application.resolve(), project.resolve())).as_posix()
    found = source.read(application, files, root) or without_compose(application, root)
    if unknown := set(profiles) - {"*"} - _profiles(found):
        known_names = ", ".join(sorted(_profiles(found))) or "none"
        raise BadSource(
            f"--profile {sorted(unknown)[0]} names no profile of {found.name}, which has: {known_names}"
        )
    profiles = profiles or found.profiles
    active = found.services(profiles)
    if not active:
        known = " or ".join(sorted(_profiles(found)))
        raise BadSource(f"{found.name} has services with profiles only: choose with --profile {known}")
    translation = Translation(found, active)
    translation.translate()
    translation.finish(profiles)
    return Program(translation, _project_name(found, project), context)


def _profiles(found: source.Source) -> set[str]:
    return {str(name) for item in found.model["services"].values() for name in item.get("profiles", [])}


def _project_name(found: source.Source, project: Path) -> str:
    """Return the name in Pulumi.yaml, or else of the Compose project or its directory, as Pulumi takes it."""
    existing = project / "Pulumi.yaml"
    if existing.is_file() and (match := re.search(r"^name:\s*(\S+)", read_text(existing), re.MULTILINE)):
        return match[1].strip("\"'")
    given = str(found.written.get("name") or "")
    name = given if re.fullmatch(r"[\w.-]+", given) else project.resolve().name
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "app"


def write(files: Mapping[str, str], project: Path, overwrite: bool) -> Outcome:
    """Write the files of a project, unless one differs from what exists.

    A project file and stack files that exist stay: they are the user's, and may have secrets.
    """
    differing, missing, kept = [], [], []
    for name, text in files.items():
        path = project / name
        if not path.exists():
            missing.append(name)
        elif KEPT.fullmatch(name):
            kept.append(name)
        elif read_text(path) != text:
            differing.append(name)
    if differing and not overwrite:
        return Outcome([], "".join(_diff(project / name, files[name]) for name in differing))
    project.mkdir(parents=True, exist_ok=True)
    for name in [*missing, *differing]:
        (project / name).write_text(files[name], encoding="utf-8")
    sentences = [f"{project / name}: written" for name in [*missing, *differing]]
    sentences += [f"{project / name}: kept as it is" for name in kept]
    if (copied := _copy_components(project)) is not None:
        sentences.append(copied)
    return Outcome(sentences or ["nothing has changed"], "")


def _diff(path: Path, text: str) -> str:
    before, after = read_text(path).splitlines(keepends=True), text.splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, str(path), f"{path} (adopted)"))


def _copy_components(project: Path) -> str | None:
    """Copy the components next to the program, if they are not there; they are the user's to change."""
    components = Path(slipway.__file__).parent.parent / "components"
    if (project / "components").exists():
        return None
    if not components.is_dir():
        return f"{project / 'components'}: missing; copy it from Slipway's repository"
    shutil.copytree(components, project / "components", ignore=shutil.ignore_patterns("__pycache__"))
    return f"{project / 'components'}: copied"


def store_secrets(adopted: Program, project: Path) -> None:
    """Encrypt the secrets of the source into the stack's file; pulumi gets each on standard input.

    Raises:
        BadSource: a secret has no value in the source, or pulumi refuses.
    """
    passphrase = {key: value for key, value in os.environ.items() if key.startswith("PULUMI_")}
    process_result = _pulumi("stack", "init", "--no-select", STACK, project=project, passphrase=passphrase)
    if process_result.code and "already exists" not in process_result.error:
        raise BadSource(f"the stack {STACK} cannot be made: {process_result.error}")
    for key, value in adopted.translation.settings.secret.items():
        if not value:
            raise BadSource(
                f"{key} has no value in the source: pulumi config set --stack {STACK} --secret {key}"
            )
        done = _pulumi(
            "config",
            "set",
            "--secret",
            key,
            "--stack",
            STACK,
            project=project,
            passphrase=passphrase,
            value=value,
        )
        if done.code:
            raise BadSource(f"{key} cannot be stored: {done.error}")


def _pulumi(*command: str, project: Path, passphrase: Mapping[str, str], value: str = "") -> process.Result:
    try:
        return process.run(
            "pulumi", *command, "--non-interactive", directory=project, environment=passphrase, stdin=value
        )
    except CommandFailed as error:
        raise BadSource(f"secrets are stored by pulumi: {error}") from None
