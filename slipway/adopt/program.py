"""The text of the program, of Pulumi.yaml and of stack files."""

import re
from dataclasses import dataclass

from slipway.adopt import code
from slipway.adopt.services.roles import Role
from slipway.adopt.services.translation import Translation

COMPONENTS = (
    "AppImage", "Compute", "Database", "Endpoint", "EnvVar", "Exposure", "File", "Job", "Namespace",
    "PodSecurity", "Postgres", "Probe", "Probes", "Redis", "Resources", "Rollout", "Tls", "Volume",
    "WebService", "Worker",
)  # fmt: skip
REPORT = "ADOPTED.md"
ADDED = """\
## What the components add

- A WebService has three replicas, unless `replicas` says otherwise.
- Processes run as user 10001 without privileges, and write to `/tmp` and their volumes only.
  A process that writes elsewhere reports "Read-only file system": give it a volume there.
- Nothing may connect but what the program names. To reach the internet, give `reaches=[Endpoint(…)]`.
- A namespace of their own, `PROJECT-STACK`, refuses pods that are less secure.
"""


@dataclass(frozen=True)
class Program:
    """The files of a Pulumi project for an application."""

    translation: Translation
    project: str
    context: str
    """The kubeconfig context of the stack."""

    def files(self) -> dict[str, str]:
        """Return the texts by file name."""
        return {
            "__main__.py": self.main(),
            "Pulumi.yaml": self.pulumi_yaml(),
            "Pulumi.dev.yaml": self.stack_file(),
            REPORT: self.translation.report.markdown(self._described, self.notes()),
        }

    @property
    def _described(self) -> str:
        source = self.translation.source
        return f"{source.root}/{source.name}" if source.root != "." else source.name

    def main(self) -> str:
        """Return the program."""
        found = self.translation
        body = [code.statement("config", "pulumi.Config()")]
        for key in found.host_settings:
            variable = re.sub(r"(?<!^)Host$", "_host", key) if key != "host" else "host"
            body.append(code.statement(variable, f"config.get({code.text(key)})"))
        name = 'f"{pulumi.get_project()}-{pulumi.get_stack()}"'
        body.append(code.statement("namespace", code.invoke("Namespace", name)))
        sections = [
            "\n".join(body),
            *found.images.build_secrets(),
            *found.images.statements,
            *found.settings.statements(),
            *found.statements,
            "\n".join(self._exports()),
        ]
        text = "\n\n".join(section for section in sections if section)
        return f"{self._head(text)}\n\n{text}\n"

    def _head(self, body: str) -> str:
        standard = ["import os"] * ("os.environ" in body) + ["from pathlib import Path"] * ("Path(" in body)
        others = ["import pulumi", *["import pulumi_kubernetes as k8s"] * ("k8s." in body)]
        used = [name for name in COMPONENTS if re.search(rf"\b{name}[.(]", body)]
        line = f"from components import {', '.join(used)}"
        if len(line) > code.WIDTH:
            line = "from components import (\n" + "".join(f"    {name},\n" for name in used) + ")"
        doc = f'"""{self.project}, adopted from {self._described}; {REPORT} has a line for each field."""'
        groups = [doc, "\n".join(standard), "\n".join(others), line]
        return "\n\n".join(group for group in groups if group)

    def _exports(self) -> list[str]:
        """Return the outputs: `slipway promote` reads `image`."""
        found = self.translation
        reached = [part.service for part in found.host_settings.values()]
        webs = [part for part in found.parts.values() if part.role == "WebService"]
        webs.sort(key=lambda part: part.service not in reached)
        urls = {"url" if index == 0 else f"{part.variable}Url": part for index, part in enumerate(webs)}
        lines = [f'pulumi.export("{name}", {part.variable}.url)' for name, part in urls.items()]
        images = sorted(set(found.images.variables.values()))
        lines += [f'pulumi.export("{code.camel(image)}", {image})' for image in images]
        return [*lines, 'pulumi.export("namespace", namespace.name)']

    def pulumi_yaml(self) -> str:
        """Return the project file."""
        lines = [f"name: {self.project}", "runtime:", "  name: python", "  options:", "    toolchain: pip"]
        lines += ["    virtualenv: .venv", f"description: {self.project} on Kubernetes"]
        if self.translation.images.variables:
            lines += ["config:", f"  {self.project}:repository:", "    type: string"]
            lines += ["    description: Where images are pushed to and pulled from"]
            lines += [f"    default: localhost:5001/{self.project}"]
        return "\n".join([*lines, ""])

    def stack_file(self) -> str:
        """Return the file of the stack dev, without secrets."""
        lines = ["config:", f"  kubernetes:context: {self.context}"]
        if any(part.role is Role.JOB for part in self.translation.parts.values()):
            lines.append("  # A return to an earlier version takes over the Job that has run for it.")
            lines.append("  kubernetes:upsertExistingObjects: true")
        if plain := self.translation.settings.plain:
            lines.append("  # TODO: the addresses of your own servers")
            lines += [f"  {self.project}:{key}: {value}" for key, value in plain.items()]
        return "\n".join([*lines, ""])

    def notes(self) -> list[str]:
        """Return the end of the report: what the stack has to set, and what the components add."""
        settings = self.translation.settings
        notes = []
        if settings.secret:
            notes += ["## Secrets", "", "No file has them in plain text. Pulumi asks for each value:", ""]
            notes += ["```console"]
            notes += [f"pulumi config set --stack dev --secret {key}" for key in settings.secret]
            notes += ["```", ""]
        return [*notes, ADDED.rstrip()]
