"""The directories and files of a service: volumes, tmpfs, secrets and configs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.adopt import code
from slipway.adopt.code import Code
from slipway.adopt.reading import short_forms
from slipway.adopt.reading.compose_files import Model
from slipway.adopt.reading.interpolation import text_of
from slipway.adopt.reading.short_forms import Mount
from slipway.adopt.reading.source import Source
from slipway.adopt.report import Report, join
from slipway.adopt.services.process import is_path
from slipway.adopt.services.roles import Part
from slipway.adopt.services.settings import Settings, has_secret
from slipway.errors import BadSource

CLAIM = "1Gi"
SCRATCH = "256Mi"
MEMORY_MIB = 64
_KEYS = ("type", "source", "target", "read_only", "tmpfs.size")
_EMPTY = "it begins empty, without what the image has there"  # in Docker, a new volume has a copy of that
_NO_TEXT = "it is not a text, or cannot be read"
_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")


@dataclass
class Storage:
    """The directories and files of an application's processes, apart from those of their images."""

    source: Source
    settings: Settings
    report: Report
    users: Mapping[str, int]
    """How many services use each named volume."""
    passwords: Collection[str] = ()
    """The secrets that have the password of a database, which its component generates."""
    claims: dict[str, str] = field(default_factory=dict)
    """The claims that a component before has made, by the name of the volume."""
    volumes: list[Code] = field(default_factory=list)
    files: list[Code] = field(default_factory=list)
    tmp: str | None = None
    keeps: bool = False
    """Whether the service has a directory that is kept."""

    def translate(self, service: Model, part: Part, path: str) -> None:
        """Translate the directories and files of a service."""
        self.volumes, self.files, self.tmp, self.keeps = [], [], None, False
        for index, entry in enumerate(service.get("volumes", [])):
            place = f"{path}.volumes[{index}]"
            known = self.source.keys(part.service, "volumes", index, _KEYS)
            self._mount(short_forms.mount(entry, place), part, place, known)
        tmpfs = service.get("tmpfs", [])
        for entry in [tmpfs] if isinstance(tmpfs, str) else tmpfs:
            target, _, given = str(entry).partition(":")
            options = dict(option.partition("=")[::2] for option in given.split(","))
            self._memory(target, options.get("size"), join(path, "tmpfs"))
        if "shm_size" in service:
            self._memory("/dev/shm", service["shm_size"], join(path, "shm_size"))  # noqa: S108 # in the pod
        for kind in ("secrets", "configs"):
            for index, entry in enumerate(service.get(kind, [])):
                definition = entry if isinstance(entry, Mapping) else {"source": entry}
                known = self.source.keys(part.service, kind, index, ("source", "target"))
                self._file(kind, definition, part, f"{path}.{kind}[{index}]", known)

    def _mount(self, mount: Mount, part: Part, path: str, known: Sequence[str]) -> None:
        if not is_path(mount.target):
            self.report.left_out(
                path, f"components take paths of letters, digits, `.`, `_` and `-`: {mount.target}"
            )
        elif mount.kind == "bind":
            self._bind(mount, path, known)
        elif mount.kind == "tmpfs":
            self._memory(mount.target, mount.size, path, *known)
        elif mount.kind != "volume":
            self.report.left_out(
                path, "pods have volumes, tmpfs and files only: copy the content into the image"
            )
        elif not mount.source:
            self.volumes.append(
                code.invoke("Volume.scratch", code.text(mount.target), size=code.text(SCRATCH))
            )
            text = f"a directory of {SCRATCH} that goes with the pod; {_EMPTY}"
            self.report.changed(path, text, *known)
        elif ((self.source.model.get("volumes") or {}).get(mount.source) or {}).get("external"):
            self.report.left_out(path, "the volume is external: make a claim, and add `Volume.existing(…)`")
        else:
            self._claim(mount, part, path, known)

    def _claim(self, mount: Mount, part: Part, path: str, known: Sequence[str]) -> None:
        self.keeps = True
        target = code.text(mount.target)
        if claim := self.claims.get(mount.source):
            self.volumes.append(code.invoke("Volume.existing", target, claim=code.text(claim)))
            self.report.translated(path, f"the claim {claim}", *known)
            return
        name = "".join(c if c.isalnum() else "-" for c in mount.source.lower()).strip("-") or "data"
        name = name if name[0].isalpha() else f"volume-{name}"
        self.claims[mount.source] = f"{part.name}-{name}"
        shared = self.users.get(mount.source, 0) > 1
        access = {"access": code.text("ReadWriteMany")} if shared else {}
        self.volumes.append(
            code.invoke("Volume.claim", target, name=code.text(name), size=code.text(CLAIM), **access)
        )
        more = "; several services use it, so that its class must offer ReadWriteMany" if shared else ""
        self.report.changed(
            path, f"a claim of {CLAIM}, because Compose gives no size: set `size`; {_EMPTY}{more}", *known
        )

    def _bind(self, mount: Mount, path: str, known: Sequence[str]) -> None:
        file = Path(mount.source).expanduser()
        file = file if file.is_absolute() else self.source.directory / file
        if mount.source in _SOCKETS:
            self.report.left_out(path, "pods cannot have the container engine of their node")
        elif not file.is_file():
            self.report.left_out(
                path, f"the image has what it needs at {mount.target}: COPY it, or use a volume"
            )
        elif not file.resolve().is_relative_to(self.source.directory.resolve()):
            self.report.left_out(path, "the file is outside the application: move it there, or COPY it")
        elif (content := text_of(file)) is None:
            self.report.left_out(
                path, f"{_NO_TEXT}: COPY it, or make a Secret of it and add `File.secret(…)`"
            )
        elif file.stat().st_size > 900_000 or has_secret(content):
            self.report.left_out(path, "the file is too large, or has a secret: COPY it, or make it a secret")
        else:
            own = f"{self.source.expression_of(file)}.read_text()"
            self.files.append(code.invoke("File.text", code.text(mount.target), own))
            self.report.changed(path, "a file to read, with the content that it has at `pulumi up`", *known)

    def _memory(self, target: str, size: Any, path: str, *keys: str) -> None:
        amount = short_forms.mebibytes(size, path) if size else MEMORY_MIB
        if target == "/tmp":  # noqa: S108 # in the pod
            self.tmp = f"{amount}Mi" if size else None
            self.report.changed(path, "a directory on the node's disk, which every component has", *keys)
        elif not is_path(target):
            self.report.left_out(path, f"{target!r} must be an absolute path")
        else:
            kind = "memory" if amount <= MEMORY_MIB else "scratch"
            self.volumes.append(
                code.invoke(f"Volume.{kind}", code.text(target), size=code.text(f"{amount}Mi"))
            )
            where = "in memory" if kind == "memory" else "on disk, because it does not fit the memory limit"
            self.report.translated(path, f"a directory of {amount}Mi {where}", *keys)

    def _file(self, kind: str, entry: Mapping[str, Any], part: Part, path: str, known: Sequence[str]) -> None:
        name = str(entry["source"])
        default = f"/run/secrets/{name}" if kind == "secrets" else f"/{name}"
        target = str(entry.get("target") or default)
        target = target if target.startswith("/") else f"/run/secrets/{target}"
        definition = self.source.model[kind][name] or {}
        if not is_path(target):
            raise BadSource(f"{path}.target is {target!r}, but must be an absolute path: /run/secrets/key")
        if definition.get("external"):
            self.report.left_out(path, "it is external: add `File.secret(…)` or `File.config_map(…)`")
            return
        if kind == "secrets" and name in self.passwords:
            text = "the component of the database makes the password: read PGPASSWORD, not the file"
            self._without(path, text, definition, f"{kind}.{name}", "the component makes the password")
            return
        if (found := self._definition(definition, kind, name)) is None:
            text = "make a Secret or ConfigMap of it, and add `File.secret(…)` or `File.config_map(…)`"
            self._without(path, text, definition, f"{kind}.{name}", _NO_TEXT)
            return
        content, written = found
        if kind == "secrets" or has_secret(content):
            self.files.append(self.settings.file(target, name, content, part.name))
            key = self.settings.secret_key(name, content, part.name)
            self.report.changed(path, f"a file with a secret: `pulumi config set --secret {key}`", *known)
        else:
            self.files.append(code.invoke("File.text", code.text(target), written))
            self.report.translated(path, "a file to read", *known)
        for key in ("uid", "gid", "mode"):
            if key in entry:
                self.report.left_out(f"{path}.{key}", "every user of the container may read the file")

    def _without(self, path: str, text: str, definition: Iterable[str], place: str, reason: str) -> None:
        """Record a secret or config that no file has, and the keys of its definition."""
        self.report.left_out(path, text)
        for key in definition:
            self.report.left_out(f"{place}.{key}", reason)

    def _definition(self, definition: Mapping[str, Any], kind: str, name: str) -> tuple[str, Code] | None:
        """Return the content of a secret or config, and its code; None if it is not a text.

        Raises:
            BadSource: there is no file, or no variable, with the content of a config.
        """
        if "content" in definition:
            return str(definition["content"]), code.text(str(definition["content"]))
        if "environment" in definition:
            variable = str(definition["environment"])
            if kind == "configs" and variable not in self.source.variables:
                raise BadSource(
                    f"configs.{name}.environment is {variable!r}, which is not set: set it in .env"
                )
            value = self.source.variables.get(variable, "")
            return value, code.text(value)
        file = self.source.directory / str(definition.get("file", ""))
        if file.is_file():
            if (content := text_of(file)) is None:
                return None
            own = f"{self.source.expression_of(file)}.read_text()"
            return content.rstrip("\n") if kind == "secrets" else content, own
        if kind == "configs":
            raise BadSource(f"{kind}.{name}.file is {definition.get('file')!r}, but there is no {file}")
        return "", ""
