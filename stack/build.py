"""The settings of the image's build in a stack file."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema

from components.image.app_image import Identifier
from components.validation import Problem, Text, options

FilePath = Annotated[Path, WithJsonSchema({"type": "string"})]


def group(value: object) -> object:
    """Parse a group of keys, which Pulumi passes as JSON; return other values, which pydantic rejects."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
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
        dict[Identifier, str], BeforeValidator(group), Field(examples=['\'{"PYTHON": "3.12"}\''])
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
    return value if isinstance(value, BuildSettings | Mapping) else {"context": value}


Build = Annotated[BuildSettings, BeforeValidator(_as_group, json_schema_input_type=BuildSettings | str)]


def build_problems(value: object, project: Path) -> Iterator[Problem]:
    """Yield what is not there on this machine, if the value is well-formed."""
    try:
        build = BuildSettings(**_as_group(value)) if value else None
    except (TypeError, ValidationError):
        return  # which the settings report
    if not build:
        return
    text = f"must be a directory with a Dockerfile, relative to {project}"
    directory = project / build.context
    if isinstance(value, Mapping) and directory.is_dir() and not (directory / build.dockerfile).is_file():
        text = f"is {str(build.dockerfile)!r}, but must be a file, relative to {directory}"
        yield Problem(("build", "dockerfile"), "file", text)
    elif not (directory / build.dockerfile).is_file():
        key = ("build", "context") if isinstance(value, Mapping) else ("build",)
        yield Problem(key, "directory", f"is {str(build.context)!r}, but {text}")
