"""The settings of the image's build in a stack file."""

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from components.image.app_image import Identifier
from components.validation import Problem, Text, conflict, options


def _path(value: object) -> object:
    if not isinstance(value, str | Path):
        raise ValueError("must be a path")
    return value


FilePath = Annotated[Path, BeforeValidator(_path), WithJsonSchema({"type": "string"})]


def group(value: object) -> object:
    """Parse a group of keys, which Pulumi passes as JSON; return other values, which pydantic rejects."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _texts(value: object) -> object:
    """Refuse numbers, with the command that sets the same as text: YAML reads 3.10 as 3.1, and 2.0 as 2."""
    if isinstance(value, Mapping) and any(isinstance(item, int | float) for item in value.values()):
        wrong = ", ".join(key for key, item in value.items() if isinstance(item, int | float))
        texts = {key: item if isinstance(item, str) else json.dumps(item) for key, item in value.items()}
        raise conflict(
            f"has no text for {wrong}, but values must be in quotes: YAML reads 3.10 as 3.1",
            use=shlex.quote(json.dumps(texts)),
        )
    return value


@options
class BuildSettings:
    """What the image is built from. A directory alone, `build: app`, means its Dockerfile."""

    context: Annotated[FilePath, Field(examples=["app"])]
    """The directory to build from."""
    dockerfile: Annotated[FilePath, Field(examples=["docker/Dockerfile"])] = Path("Dockerfile")
    """The Dockerfile, relative to `context`."""
    target: Annotated[Text | None, Field(examples=["runtime"])] = None
    """The stage to build; the last stage by default."""
    build_args: Annotated[
        dict[Identifier, str],
        BeforeValidator(_texts),
        BeforeValidator(group),
        Field(examples=['\'{"PYTHON": "3.12"}\'']),
    ] = Field(default_factory=dict)
    """Arguments of the build. They are part of the image's identity, and stay readable in the image."""

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of AppImage."""
        return {
            "context": self.context,
            "dockerfile": self.dockerfile,
            "target": self.target,
            "build_args": self.build_args,
        }


def _as_group(value: Any) -> Any:
    """Return the group of keys that a directory alone stands for."""
    if isinstance(value, str | Path):
        return {"context": value}
    if not isinstance(value, Mapping | BuildSettings):
        raise ValueError("must be a directory, or a group of keys with context")
    return value


Build = Annotated[BuildSettings, BeforeValidator(_as_group, json_schema_input_type=BuildSettings | str)]


def build_problems(value: object, project: Path) -> Iterator[Problem]:
    """Yield what is not there on this machine, if the value is well-formed."""
    try:
        build = BuildSettings(**_as_group(value)) if value else None
    except (TypeError, ValueError):
        return  # which the settings report
    if not build:
        return
    text = f"must be a directory with a Dockerfile, relative to {project}"
    directory = project / build.context
    # Path's own methods raise an error for a name that is too long, or a directory that must not be read.
    has_directory = os.path.isdir(directory)  # noqa: PTH112
    has_file = os.path.isfile(directory / build.dockerfile)  # noqa: PTH113
    if isinstance(value, Mapping) and has_directory and not has_file:
        text = f"is {str(build.dockerfile)!r}, but must be a file, relative to {directory}"
        yield Problem(("build", "dockerfile"), "file", text)
    elif not has_file:
        key = ("build", "context") if isinstance(value, Mapping) else ("build",)
        yield Problem(key, "directory", f"is {str(build.context)!r}, but {text}")
