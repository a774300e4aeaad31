"""Variables in Compose files, and files with variables.

Messages name the place, and not the value there, which may be a secret.

https://docs.docker.com/reference/compose-file/interpolation/
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.errors import BadSource

_REFERENCE = re.compile(r"\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])|\}))", re.ASCII)
_ENTRY = re.compile(
    r"""(?:export[ \t]+)?(?P<name>[A-Za-z_][\w.-]*)[ \t]*
    (?:[=:][ \t]*(?:
        '(?P<raw>.*?)(?<!\\)'[^\n]*
        |"(?P<escaped>(?:[^"\\]|\\.)*)"[^\n]*
        |(?P<plain>[^\n]*)
    ))?[ \t\r]*$""",
    re.ASCII | re.DOTALL | re.MULTILINE | re.VERBOSE,
)
"""A variable of a file, whose value may have several lines in quotes."""
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def interpolate(value: Any, variables: Mapping[str, str], path: str = "") -> Any:
    """Return a copy of a value with its variables replaced, keys not included.

    Raises:
        BadSource: a reference is malformed, or a variable that must be set is not.
    """
    if isinstance(value, str):
        return _replaced(value, variables, path)
    if isinstance(value, Mapping):
        return {key: interpolate(item, variables, f"{path}.{key}".lstrip(".")) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, variables, f"{path}[{index}]") for index, item in enumerate(value)]
    return value


def _replaced(text: str, variables: Mapping[str, str], path: str) -> str:
    parts, position = [], 0
    while (start := text.find("$", position)) >= 0:
        parts.append(text[position:start])
        match = _REFERENCE.match(text, start)
        if not match:
            raise BadSource(
                f"{path} has `{text[start : start + 2]}`, which begins no variable: write $$ for $"
            )
        dollar, name, braced, operator = match.groups()
        position = match.end()
        if operator:
            end = _end(text, position, path)
            parts.append(_applied(braced, operator, text[position:end], variables, path))
            position = end + 1
        else:
            parts.append("$" if dollar else variables.get(name or braced, ""))
    return "".join([*parts, text[position:]])


def _end(text: str, start: int, path: str) -> int:
    """Return the position of the brace that closes a reference, whose default may have references."""
    depth = 1
    for position in range(start, len(text)):
        if text.startswith("${", position):
            depth += 1
        elif text[position] == "}":
            depth -= 1
        if not depth:
            return position
    raise BadSource(f"{path} has a `${{` without its end: add the `}}`")


def _applied(name: str, operator: str, rest: str, variables: Mapping[str, str], path: str) -> str:
    value = variables.get(name)
    given = value is not None and (bool(value) or not operator.startswith(":"))
    if operator[-1] == "+":
        return _replaced(rest, variables, path) if given else ""
    if given:
        return value or ""
    if operator[-1] == "?":
        reason = _replaced(rest, variables, path) or "it is not set"
        raise BadSource(f"{path} needs the variable {name}: {reason}. Set it in .env, or export it")
    return _replaced(rest, variables, path)


def read_variables(file: Path, outer: Mapping[str, str]) -> dict[str, str]:
    """Read a file of variables, such as .env; `outer` has the variables that its values may refer to.

    Raises:
        BadSource: the file cannot be read, or has a line that sets no variable.
    """
    found: dict[str, str] = {}
    text = read_text(file)
    position = _after_comments(text, 0)
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        match = _ENTRY.match(text, position)
        if not match:
            raise BadSource(f"{file}, line {line} must be NAME=value")
        name, value = match["name"], _value(match, {**found, **outer}, f"{file}, line {line}")
        if value is not None:
            found[name] = value
        elif name in outer:  # a name alone passes the variable on
            found[name] = outer[name]
        position = _after_comments(text, match.end())
    return found


def _after_comments(text: str, position: int) -> int:
    match = re.compile(r"\s*(?:#[^\n]*\s*)*").match(text, position)
    return match.end() if match else position


def _value(match: re.Match[str], variables: Mapping[str, str], place: str) -> str | None:
    if match["raw"] is not None:
        return match["raw"]
    if (text := match["escaped"]) is not None:
        text = re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), text, flags=re.DOTALL)
        return _replaced(text, variables, place)
    if (plain := match["plain"]) is None:
        return None
    if plain.startswith(("'", '"')):
        raise BadSource(f"{place} begins with a quote, but does not end with one")
    return _replaced(re.split(r"\s+#", plain)[0].strip(), variables, place)


def text_of(file: Path) -> str | None:
    """Return the text of a file; None if it cannot be read, or is not a text."""
    try:
        return read_text(file)
    except BadSource:
        return None


def read_text(file: Path) -> str:
    """Return the text of a file; BadSource if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadSource(f"{file} cannot be read: it is not UTF-8") from None
    except OSError as error:
        raise BadSource(f"{file} cannot be read: {error.strerror}") from None
