"""The images of an application: what is built, and what is pulled."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.adopt import code
from slipway.adopt.code import Code, camel
from slipway.adopt.reading.compose_files import Model
from slipway.adopt.reading.interpolation import read_text
from slipway.adopt.reading.source import Source
from slipway.adopt.report import Report, join
from slipway.adopt.services.fields import BUILD
from slipway.adopt.services.process import user_of
from slipway.adopt.services.roles import Part
from slipway.adopt.services.settings import has_secret
from slipway.errors import BadSource
from slipway.masking import is_secret_name

_INDEX = {"ca", "pip"}
"""The secrets with which builds reach a package index; the image of a database takes them too."""


@dataclass
class Images:
    """The images of the program; services with the same build share one."""

    source: Source
    report: Report
    variables: dict[str, str] = field(default_factory=dict)
    """The variables that hold references, by what is built."""
    by_name: dict[str, str] = field(default_factory=dict)
    """The variables of images that are built, by the name that Compose gives them."""
    statements: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    """Code for the paths of files with secrets of builds, by the secret's identifier."""

    def reference(self, service: Model, part: Part, path: str) -> Code:
        """Return the code for the image of a service, and build it if no other service has."""
        build, name = service.get("build"), str(service.get("image", ""))
        if not build:
            if name in self.by_name:
                self.report.translated(join(path, "image"), "the image that another service builds")
                return self.by_name[name]
            self.report.translated(join(path, "image"), "image; name it by digest too: `NAME:TAG@sha256:…`")
            return code.text(name)
        if name:
            self.report.changed(
                join(path, "image"), "pushed to `repository`, tagged with a hash of its content"
            )
        identity = json.dumps(build, sort_keys=True)
        variable = self.variables.get(identity)
        arguments = self._arguments(build, join(path, "build"))
        if variable is None:
            variable = f"{part.variable}_image" if self.variables else "image"
            self.variables[identity] = variable
            self._build(variable, part, arguments)
        if name:
            self.by_name[name] = variable
        return variable

    def postgres(self, part: Part, extension: tuple[str, str] | None) -> str:
        """Return the variable of the image of a Postgres, and build it if none with the extension is."""
        identity = f"postgres {extension}"
        if identity not in self.variables:
            arguments: dict[str, Code] = {"context": "Postgres.image_context"}
            arguments["repository"] = 'config.require("repository")'
            if extension:
                arguments["build_args"] = code.mapping({"EXTENSIONS": code.text(extension[0])})
            if self.secrets.keys() & _INDEX:
                arguments["secrets"] = "build_secrets"
            self.variables[identity] = f"{part.variable}_image"
            self._build(self.variables[identity], part, arguments)
        return self.variables[identity]

    def user(self, service: Model) -> int | None:
        """Return the number of the user that the image of a service names, if it is built."""
        build = service.get("build")
        return user_of(self._directory(build) / build.get("dockerfile", "Dockerfile")) if build else None

    def _directory(self, build: Mapping[str, Any]) -> Path:
        return self.source.directory / str(build.get("context", "."))

    def _build(self, variable: str, part: Part, arguments: dict[str, Code]) -> None:
        app_image = code.invoke("AppImage", code.text(part.name), **arguments)
        value = code.Group(app_image.start, app_image.items, ").ref")
        before = f"{variable}: pulumi.Input[str] | None = config.get({code.text(camel(variable))})"
        body = code.render(value, code.INDENT, code.INDENT + len(variable) + 3)
        self.statements += [f"{before}\nif not {variable}:\n    {variable} = {body}"]

    def _arguments(self, build: Mapping[str, Any], path: str) -> dict[str, Code]:
        self.report.settle(build, path, BUILD)
        context, dockerfile = str(build.get("context", ".")), str(build.get("dockerfile", "Dockerfile"))
        directory = self._directory(build)
        if re.match(r"[a-z]+://|git@", context):
            raise BadSource(f"{path}.context is {context!r}, but must be a directory: clone the repository")
        if not directory.is_dir():
            raise BadSource(f"{path}.context is {context!r}, but there is no directory {directory}")
        if not (directory / dockerfile).is_file() and "dockerfile_inline" not in build:
            raise BadSource(
                f"{path}.dockerfile is {dockerfile!r}, but there is no file {directory / dockerfile}"
            )
        self.report.translated(join(path, "context"), "AppImage.context")
        arguments: dict[str, Code] = {"context": self.source.expression_of(directory)}
        arguments["repository"] = 'config.require("repository")'
        if "dockerfile" in build:
            self.report.translated(join(path, "dockerfile"), "AppImage.dockerfile")
        if dockerfile != "Dockerfile":
            arguments["dockerfile"] = f"Path({code.text(dockerfile)})"
        if target := build.get("target"):
            self._check_target(str(target), directory / dockerfile, path)
            arguments["target"] = code.text(str(target))
            self.report.translated(join(path, "target"), "AppImage.target")
        if own := self._build_args(build.get("args") or {}, join(path, "args")):
            arguments["build_args"] = code.mapping(own)
        if "platforms" in build:
            arguments["platforms"] = code.texts(map(str, build["platforms"]))
            self.report.translated(join(path, "platforms"), "AppImage.platforms")
        if self._build_secrets(build.get("secrets", []), join(path, "secrets")):
            arguments["secrets"] = "build_secrets"
        return arguments

    def _check_target(self, target: str, dockerfile: Path, path: str) -> None:
        stages = re.findall(r"^\s*FROM\s+.*\sAS\s+(\S+)", _text(dockerfile), re.IGNORECASE | re.MULTILINE)
        if not target.isdecimal() and target.lower() not in map(str.lower, stages):
            known = ", ".join(stages) or "none by name"
            raise BadSource(f"{path}.target is {target!r}, but {dockerfile} has the stages: {known}")

    def _build_args(self, args: Mapping[str, Any], path: str) -> dict[str, Code]:
        own: dict[str, Code] = {}
        for name, value in args.items():
            if value is None:
                self.report.left_out(join(path, name), "it has no value here: set one in the Compose file")
            elif is_secret_name(name) or has_secret(str(value)):
                self.report.left_out(
                    join(path, name),
                    "the image would keep the secret: use a secret of the build in the Dockerfile",
                )
            else:
                text = str(value).lower() if isinstance(value, bool) else str(value)
                own[name] = code.text(text)
                self.report.translated(join(path, name), "AppImage.build_args")
        return own

    def _build_secrets(self, entries: list[Any], path: str) -> bool:
        """Take the secrets of a build; return whether the program has one of them."""
        found = False
        for entry in entries:
            name = str(entry["source"] if isinstance(entry, Mapping) else entry)
            definition = (self.source.model.get("secrets") or {}).get(name) or {}
            if "file" in definition:
                found = True
                file = self.source.directory / str(definition["file"])
                written = self.source.expression("secrets", name, "file") or ""
                variable = re.fullmatch(r"\$\{(\w+)(?::?-([^${}]*))?\}", written)
                if variable:
                    default = f", {code.text(variable[2])}" if variable[2] else ', "/dev/null"'
                    self.secrets[name] = f"Path(os.environ.get({code.text(variable[1])}{default}))"
                else:
                    self.secrets[name] = self.source.expression_of(file)
                self.report.translated(f"secrets.{name}.file", "a secret of the build, if the file is there")
            else:
                text = f"`{name}` is not in a file: give it to AppImage as one of `secrets`"
                self.report.left_out(path, text)
                for key in definition:
                    self.report.left_out(f"secrets.{name}.{key}", "the build gets secrets of files alone")
        if found:
            self.report.translated(path, "AppImage.secrets", whole=True)
        return found

    def build_secrets(self) -> list[str]:
        """Return the statement that reads the secrets of builds."""
        if not self.secrets:
            return []
        pairs = code.mapping(self.secrets)
        files = code.statement("files", pairs)
        comment = "# Files of this machine; empty files are left out."
        read = "    name: text for name, file in files.items() if (text := file.read_text())"
        return [f"{comment}\n{files}\nbuild_secrets: dict[str, pulumi.Input[str]] = {{\n{read}\n}}"]


def _text(dockerfile: Path) -> str:
    return read_text(dockerfile) if dockerfile.is_file() else ""
