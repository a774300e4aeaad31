"""The stack file, edited so that a line changes for each value, and nothing else.

The edit replaces text at the position that the YAML parser reports. docs/decisions/stack-file-edits.md
explains why the document is not loaded and dumped.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slipway.errors import SlipwayError

SALT = "encryptionsalt"
_SALT_LINE = re.compile(rf"^{SALT}:.*\n?", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*\S", re.MULTILINE)


def stack_files(project: Path) -> Path:
    """Return the directory of a project's stack files: `stackConfigDir` in Pulumi.yaml, or the project's.

    Pulumi also reads its former name: a `config` that is a text.
    """
    try:
        settings = yaml.safe_load((project / "Pulumi.yaml").read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return project
    named = [settings.get(key) for key in ("stackConfigDir", "config")] if isinstance(settings, dict) else []
    return project / next((name for name in named if name and isinstance(name, str)), "")


@dataclass(frozen=True)
class StackFile:
    """Pulumi.<stack>.yaml, and the key of its image: slipway:image."""

    path: Path
    key: str

    def text(self) -> str:
        """Return the content with its own ends of lines; a file that does not exist counts as empty."""
        try:
            return self.path.read_bytes().decode() if self.path.exists() else ""
        except OSError as error:
            raise SlipwayError(f"{self.path} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SlipwayError(f"{self.path} cannot be read: it is not UTF-8") from None

    def image(self) -> str | None:
        """Return the value of the key, or None."""
        value = self.value(self.key)
        return None if value is None else str(value)

    def value(self, key: str) -> Any:
        """Return the value of a key of the configuration as the file has it, or None."""
        return self._document(self.text())["config"].get(key)

    def with_values(self, values: Mapping[tuple[str, ...], str]) -> str:
        """Return the text with values set at paths below `config`: ("slipway:web", "replicas").

        Raises:
            SlipwayError: the file is not valid, or cannot be edited without a change to something else.
        """
        text = self.text()
        for path, value in values.items():
            before = self._document(text)
            expected = {**before, "config": _nested(before["config"], path, yaml.safe_load(value))}
            advice = f"Set the value yourself: pulumi config set --path {'.'.join(path)} {value}"
            text = self._checked(_set(text, path, value), expected, advice)
        return text

    def _checked(self, text: str, expected: dict[str, Any], advice: str) -> str:
        """Return an edited text; SlipwayError with the advice if it does not have the expected content."""
        if not self._parses_to(text, expected):
            raise SlipwayError(f"{self.path.name} cannot be edited safely. {advice}")
        return text

    def _parses_to(self, text: str, expected: dict[str, Any]) -> bool:
        try:
            return self._document(text) == expected
        except SlipwayError:
            return False

    def write(self, text: str) -> None:
        """Replace the content atomically; do nothing if the content is the same.

        The file keeps its mode and owner, and a link stays a link.
        """
        if text == self.text():
            return
        path = self.path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            before = path.stat() if path.exists() else None
            Path(name).chmod(before.st_mode & 0o777 if before else 0o644)
            if before:
                with suppress(PermissionError):  # only root may give a file away
                    shutil.chown(name, before.st_uid, before.st_gid)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def set_image(self, image: str | None) -> None:
        """Set the key in the file, or remove the key if `image` is None."""
        self.change({self.key: image})

    def change(self, values: Mapping[str, str | None]) -> None:
        """Set keys of the configuration to values as YAML has them, in one write; remove a key for None.

        Raises:
            SlipwayError: the file is not valid, or cannot be edited without a change to something else.
        """
        text = self.text()
        for key, value in values.items():
            before = self._document(text)
            after = _remove(text, key) if value is None else _set(text, (key,), value)
            config = {name: old for name, old in before["config"].items() if name != key}
            expected = {
                **before,
                "config": config if value is None else {**config, key: yaml.safe_load(value)},
            }
            command = f"rm {key}" if value is None else f"set {key} {value}"
            text = self._checked(after, expected, f"Set the image yourself: pulumi config {command}")
        self.write(text)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Run a command of pulumi in the block, and undo its rewriting of a file without a salt.

        With a passphrase, pulumi adds a salt to the file, and formats the whole file. The state has the salt
        too, so a file without secrets does not need it. A salt that the file had before, or that its secrets
        need, stays. So does everything that a user saves meanwhile.
        """
        existed, before = self.path.exists(), self.text()
        try:
            yield
        finally:
            if not _SALT_LINE.search(before):
                with suppress(SlipwayError, OSError):  # a salt too many must not fail the command
                    self._undo_rewriting(before)
                    if not existed and self.path.exists() and not self.text():
                        self.path.unlink()

    def has_salt(self) -> bool:
        """Return whether the file has a salt."""
        return bool(_SALT_LINE.search(self.text()))

    def remove_salt(self) -> None:
        """Remove the salt of a pulumi that was killed, unless the file's secrets need it."""
        self._undo_rewriting(_SALT_LINE.sub("", self.text()))

    def _undo_rewriting(self, before: str) -> None:
        after = self.text()
        if "secure:" in after or not _SALT_LINE.search(after):
            return
        unsalted = _SALT_LINE.sub("", after)
        comments = set(_COMMENT.findall(unsalted)) <= set(_COMMENT.findall(before))
        same = comments and self._parses_to(before, self._document(unsalted))
        self.write(before if same else unsalted)

    def _document(self, text: str) -> dict[str, Any]:
        """Return the content of a stack file, with an empty `config` if it has none."""
        try:
            document = yaml.safe_load(text) or {}
        except yaml.YAMLError as error:
            raise SlipwayError(f"{self.path} is not YAML: {error}") from None
        config = document.get("config") if isinstance(document, dict) else 0
        if config is not None and not isinstance(config, dict):
            raise SlipwayError(f"{self.path} is not a stack file: `config:` must be a mapping")
        return {**{str(key): value for key, value in document.items()}, "config": config or {}}


def _config(text: str) -> yaml.MappingNode | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return None
    node = next((value for key, value in root.value if key.value == "config"), None)
    return node if isinstance(node, yaml.MappingNode) and node.value else None


def _set(text: str, path: Sequence[str], value: str) -> str:
    node, newline, rest = _config(text), _newline(text), list(path)
    if node is None:
        kept = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("config:"))
        return f"{_with_newline(kept)}config:{newline}{_block(rest, value, 2, newline)}"
    while (child := next((item for name, item in node.value if name.value == rest[0]), None)) is not None:
        rest = rest[1:]
        if not rest or not isinstance(child, yaml.MappingNode) or not child.value:
            start, content = child.start_mark.index, f"{{{_flow(rest, value)}}}" if rest else value
            space = " " if text[start - 1] == ":" else ""
            return f"{text[:start]}{space}{content}{text[_end(text, child) :]}"
        node = child
    if node.flow_style:
        at = node.end_mark.index - 1
        return f"{text[:at].rstrip()}, {_flow(rest, value)}{text[at:]}"
    at = _end(text, node.value[-1][1])
    line_end = text.find("\n", at)
    at = len(text) if line_end < 0 else line_end + 1
    content = _block(rest, value, node.value[0][0].start_mark.column, newline)
    return f"{_with_newline(text[:at])}{content}{text[at:]}"


def _block(path: Sequence[str], value: str, indent: int, newline: str) -> str:
    """Return a line for each part of a path; the last has the value."""
    lines = [f"{' ' * (indent + 2 * depth)}{key}:" for depth, key in enumerate(path)]
    return newline.join(lines) + f" {value}{newline}"


def _flow(path: Sequence[str], value: str) -> str:
    """Return a path and its value on one line: a: {b: value}."""
    return f"{path[0]}: {{{_flow(path[1:], value)}}}" if len(path) > 1 else f"{path[0]}: {value}"


def _nested(values: Any, path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a mapping with the value at the path."""
    known = values if isinstance(values, dict) else {}
    inner = _nested(known.get(path[0]), path[1:], value) if len(path) > 1 else value
    return {**known, path[0]: inner}


def _remove(text: str, key: str) -> str:
    config = _config(text)
    for name, value in config.value if config else ():
        if name.value == key:
            start = text.rfind("\n", 0, name.start_mark.index) + 1
            end = text.find("\n", _end(text, value))
            return text[:start] + ("" if end < 0 else text[end + 1 :])
    return text


def _end(text: str, node: yaml.Node) -> int:
    """Return the end of a value, before the blank lines and comments that a block's end mark includes."""
    end: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode):
        return end if node.style != "|" and node.style != ">" else len(text[:end].rstrip())
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    return end


def _with_newline(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}{_newline(text)}"


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
