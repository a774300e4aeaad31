"""The line of a stack's file that a promotion changes, and nothing else of that file.

The text is edited where YAML's own parser says that the value stands. Loading and writing the document would
reformat what the promotion is not about.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slipway.errors import SlipwayError

SALT = "encryptionsalt"


@dataclass(frozen=True)
class StackFile:
    """Pulumi.<stack>.yaml, and the key that names the image: slipway:image."""

    path: Path
    key: str

    def text(self) -> str:
        """What it holds; a stack that was never configured has no file, which is an empty text."""
        return self.path.read_text(encoding="utf-8") if self.path.exists() else ""

    def image(self) -> str | None:
        """The value of the key, None when it is not there.

        Raises:
            SlipwayError: when the file is not what Pulumi writes.
        """
        value = (self._document(self.text()).get("config") or {}).get(self.key)
        return None if value is None else str(value)

    def with_image(self, image: str | None) -> str:
        """Return its text with the key set, or without the key where `image` is None."""
        text = self.text()
        before = self._document(text)
        after = _without(text, self.key) if image is None else _with(text, self.key, image)
        wanted = {**before, "config": {**(before.get("config") or {})}}
        wanted["config"].pop(self.key, None)
        if image is not None:
            wanted["config"][self.key] = image
        if not self._reads_as(after, wanted):
            raise SlipwayError(
                f"{self.path.name} is written in a way that cannot be edited safely. Set the image yourself:"
                f" pulumi config set {self.key} {image or ''}"
            )
        return after

    def _reads_as(self, text: str, wanted: dict[str, Any]) -> bool:
        try:
            found = self._document(text)
        except SlipwayError:
            return False
        return {**found, "config": found.get("config") or {}} == wanted

    def write(self, text: str) -> None:
        """Put a text in the file's place, whole or not at all; one that is the same is left alone."""
        if text == self.text():
            return
        mode = self.path.stat().st_mode & 0o777 if self.path.exists() else 0o644
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def set_image(self, image: str | None) -> None:
        """Change the line in the file."""
        self.write(self.with_image(image))

    def undo_rewriting(self, before: str) -> None:
        """Undo what pulumi does to a file without a salt: it adds one, and lays the whole file out anew.

        The state has the salt as well, so that a file without secrets need not have it. A salt that was
        there, or that secrets need, stays.

        Args:
            before: the text of the file before pulumi ran.
        """
        now = self._document(self.text())
        if "secure:" in self.text() or SALT in self._document(before) or SALT not in now:
            return
        image = self.image()
        text = _without(before, self.key) if image is None else _with(before, self.key, image)
        del now[SALT]
        if self._reads_as(text, {**now, "config": now.get("config") or {}}):
            self.write(text)

    def _document(self, text: str) -> dict[str, Any]:
        try:
            document = yaml.safe_load(text) or {}
        except yaml.YAMLError as error:
            raise SlipwayError(f"{self.path} is not YAML: {error}") from None
        config = document.get("config") if isinstance(document, dict) else 0
        if config is not None and not isinstance(config, dict):
            raise SlipwayError(f"{self.path} is not a stack's configuration: `config:` must be a mapping")
        return {str(key): value for key, value in document.items()}


def _config(text: str) -> yaml.MappingNode | None:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return None
    found = [value for key, value in root.value if key.value == "config"]
    return found[0] if found and isinstance(found[0], yaml.MappingNode) and found[0].value else None


def _with(text: str, key: str, image: str) -> str:
    config = _config(text)
    if config is None:
        kept = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("config:"))
        return f"{_ended(kept)}config:\n  {key}: {image}\n"
    for name, value in config.value:
        if name.value == key:
            return text[: value.start_mark.index] + image + text[_end(text, value) :]
    if config.flow_style:
        at = config.end_mark.index - 1
        return f"{text[:at].rstrip()}, {key}: {image}{text[at:]}"
    last = config.value[-1][1]
    at = _end(text, last)
    line_end = text.find("\n", at)
    at = len(text) if line_end < 0 else line_end + 1
    indent = " " * config.value[0][0].start_mark.column
    return f"{_ended(text[:at])}{indent}{key}: {image}\n{text[at:]}"


def _without(text: str, key: str) -> str:
    config = _config(text)
    for name, value in config.value if config else ():
        if name.value == key:
            start = text.rfind("\n", 0, name.start_mark.index) + 1
            end = text.find("\n", _end(text, value))
            return text[:start] + ("" if end < 0 else text[end + 1 :])
    return text


def _end(text: str, node: yaml.Node) -> int:
    """Return where a value ends; a block's mark lies behind the blank lines and comments that follow it."""
    end: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode):
        return end if node.style != "|" and node.style != ">" else len(text[:end].rstrip())
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    return end


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
