"""Python source, laid out as ruff format does."""

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WIDTH = 110
INDENT = 4


@dataclass(frozen=True)
class Group:
    """A call, a list or a dictionary: on one line if it fits, else with a line for each item."""

    start: str
    items: Sequence[tuple[str, "Code"]]
    """Each with what stands before it: `name=`, or `"key": `."""
    end: str


Code = str | Group


def invoke(function: str, *positional: Code, **named: Code) -> Group:
    """Return a call."""
    items: list[tuple[str, Code]] = [("", item) for item in positional]
    return Group(f"{function}(", [*items, *((f"{name}=", item) for name, item in named.items())], ")")


def array(items: Iterable[Code]) -> Group:
    """Return a list."""
    return Group("[", [("", item) for item in items], "]")


def mapping(items: Mapping[str, Code]) -> Group:
    """Return a dictionary with texts as keys."""
    return Group("{", [(f"{text(key)}: ", value) for key, value in items.items()], "}")


def texts(items: Iterable[str]) -> Group:
    """Return a list of texts."""
    return array(text(item) for item in items)


def text(value: str, prefix: str = "") -> str:
    """Return a text as Python has it, in double quotes unless it has more of these than of the others."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    escaped = "".join(_escaped(character, quote) for character in value)
    return f"{prefix}{quote}{escaped}{quote}"


def _escaped(character: str, quote: str) -> str:
    if character in ("\\", quote):
        return f"\\{character}"
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()


def render(code: Code, indent: int = 0, column: int = 0) -> str:
    """Return the source of a statement's value that begins at `column` of a line with that indent."""
    flat = _flat(code)
    if isinstance(code, str) or (column + len(flat) <= WIDTH and "\n" not in flat) or not code.items:
        return flat
    inner = indent + INDENT
    lines = [code.start]
    for before, item in code.items:
        lines.append(f"{' ' * inner}{before}{render(item, inner, inner + len(before) + 1)},")
    return "\n".join([*lines, f"{' ' * indent}{code.end}"])


def _flat(code: Code) -> str:
    if isinstance(code, str):
        return code
    return code.start + ", ".join(before + _flat(item) for before, item in code.items) + code.end


def statement(name: str, value: Code) -> str:
    """Return an assignment; without a name, the value alone."""
    before = f"{name} = " if name else ""
    return before + render(value, column=len(before))


def identifier(name: str, taken: Iterable[str] = ()) -> str:
    """Return a variable for a name that no other thing has."""
    word = re.sub(r"\W", "_", name.lower(), flags=re.ASCII).strip("_") or "service"
    word = f"service_{word}" if word[0].isdigit() else word
    while word in taken or keyword.iskeyword(word):
        word += "_"
    return word


def camel(name: str) -> str:
    """Return the name of a setting for a variable: secretKey for SECRET_KEY."""
    first, *rest = [word.lower() for word in re.split(r"[\W_]+", name, flags=re.ASCII) if word] or ["value"]
    return first + "".join(word.capitalize() for word in rest)
