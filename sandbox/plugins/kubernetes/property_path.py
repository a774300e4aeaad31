"""Property paths, as `spec.template["a.b"][0].c`: in detailed diffs and in `ignore_changes`.

Their grammar is that of sdk/go/common/resource/property_path.go of pulumi.
"""

import re
from collections.abc import Sequence

from sandbox.plugins.kubernetes.errors import ProviderError

Path = tuple[str | int, ...]
"""Keys and indices. In patterns `*` stands for any of them."""

_STEP = re.compile(r"""\.?(?P<name>[^.\[\]"]+)|\.?\["(?P<quoted>(?:[^"\\]|\\.)*)"\]|\[(?P<index>\d+|\*)\]""")


def parse(text: str) -> Path:
    """The path of a text."""
    path: list[str | int] = []
    position = 0
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            raise ProviderError(f"failed to parse ignore path: {text!r} has no key or index at {position}")
        if step["index"]:
            path.append("*" if step["index"] == "*" else int(step["index"]))
        else:
            path.append(step["name"] or re.sub(r"\\(.)", r"\1", step["quoted"]))
        position = step.end()
    return tuple(path)


def render(path: Sequence[str | int]) -> str:
    """The text of a path, as detailed diffs have it: quoted where a key would end early."""
    return _render(path, re.compile(r'[."\[\]]'))


def render_strictly(path: Sequence[str | int]) -> str:
    """The text of a path, with every key quoted that is not a plain word (`PropertyPath.String`)."""
    return _render(path, re.compile(r"[^A-Za-z0-9_]"))


def _render(path: Sequence[str | int], quoted: re.Pattern[str]) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif quoted.search(step):
            escaped = step.replace('"', '\\"')
            text += f'["{escaped}"]'
        else:
            text += f".{step}" if text else step
    return text


def contains(pattern: Path, path: Path) -> bool:
    """Whether the path is the pattern's or below it."""
    return len(pattern) <= len(path) and all(
        wanted in ("*", step) for wanted, step in zip(pattern, path, strict=False)
    )
