"""Reading PCL, in which the engine describes programs: of that language, what `pulumi import` writes.

Its form is HCL's native syntax. https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NoReturn, TypeAlias

_TOKEN = re.compile(
    r"""
    (?P<space> [ \t\r]+ )
    | (?P<newline> \n )
    | (?P<string> "(?: [^"\\\n] | \\. )*" )
    | (?P<number> \d+ (?: \.\d+ )? (?: [eE][+-]?\d+ )? )
    | (?P<name> [^\W\d][\w-]* )
    | (?P<sign> [][{}().,=-] )
    """,
    re.VERBOSE,
)
_HEX = "[0-9a-fA-F]"
_ESCAPE = re.compile(
    rf"""
    \\(?P<simple> [nrt"\\] )
    | \\u(?P<short> (?![dD][89a-fA-F]) {_HEX}{{4}} )
    | \\U(?P<long> 00(?:0{_HEX}|10){_HEX}{{4}} )
    | (?P<sign> [$%] )(?P=sign)\{{
    | \\ | [$%]\{{
    """,
    re.VERBOSE,
)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


class PclError(Exception):
    """What is written there is not understood."""


@dataclass(frozen=True)
class Reference:
    """A resource, or one property of it."""

    name: str
    property: str = ""


@dataclass(frozen=True)
class Key:
    """A key of an object: the name of a property as its schema has it, or in quotes, any text."""

    text: str
    quoted: bool


Value: TypeAlias = "str | bool | Decimal | list[Value] | Mapping[Key, Value] | Reference | None"


@dataclass
class Block:
    """A block, as `resource "name" "type" { attribute = value … }`."""

    kind: str
    labels: list[str] = field(default_factory=list)
    attributes: dict[str, Value] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)


def parse(text: str) -> list[Block]:
    """The blocks of a program. Raises PclError."""
    reader = _Reader(text)
    blocks = []
    while reader.skip_lines().kind:
        blocks.append(reader.block())
    return blocks


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found or not found.lastgroup:
            raise PclError(f"unexpected {text[at]!r} {_place(text, at)}")
        if found.lastgroup != "space":
            yield _Token(found.lastgroup, found.group(), at)
        at = found.end()
    yield _Token("", "", at)


def _place(text: str, at: int) -> str:
    line = text.count("\n", 0, at)
    return f"in line {line + 1} of its PCL: {text.split(chr(10))[line].strip()[:80]}"


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def skip_lines(self) -> _Token:
        while self._token.kind == "newline":
            self._next += 1
        return self._token

    def block(self) -> Block:
        block = Block(self._take("name"))
        while self._token.text != "{":
            block.labels.append(self._string() if self._token.kind == "string" else self._take("name"))
        self._expect("{")
        while self.skip_lines().text != "}":
            if not self._token.kind:
                self._fail()
            if self._tokens[self._next + 1].text == "=":
                name = self._take("name")
                self._expect("=")
                block.attributes[name] = self._value()
                self._line_end()
            else:
                block.blocks.append(self.block())
        self._expect("}")
        self._line_end()
        return block

    def _value(self) -> Value:
        token = self._token
        if token.kind == "string":
            return self._string()
        if token.kind == "number":
            return Decimal(self._take("number"))
        if token.kind == "name":
            return self._named()
        if self._has("-"):
            return Decimal(self._take("number")).copy_negate()
        if self._has("["):
            return self._list()
        if self._has("{"):
            return self._object()
        self._fail()

    def _named(self) -> Value:
        name = self._take("name")
        if name in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[name]
        return Reference(name, self._take("name") if self._has(".") else "")

    def _list(self) -> list[Value]:
        items: list[Value] = []
        while self.skip_lines().text != "]":
            items.append(self._value())
            if self.skip_lines().text != "]":
                self._expect(",")
        self._expect("]")
        return items

    def _object(self) -> Mapping[Key, Value]:
        items: dict[Key, Value] = {}
        while self.skip_lines().text != "}":
            quoted = self._token.kind == "string"
            key = Key(self._string() if quoted else self._take("name"), quoted)
            self._expect("=")
            items[key] = self._value()
            if self._token.text not in ("}", "\n"):
                self._expect(",")
        self._expect("}")
        return items

    def _string(self) -> str:
        token = self._token
        text = self._take("string")[1:-1]

        def meant(found: re.Match[str]) -> str:
            match found.lastgroup:
                case "simple":
                    return _ESCAPED[found["simple"]]
                case "short" | "long":
                    return chr(int(found[found.lastgroup], 16))
                case "sign":
                    return f"{found['sign']}{{"
            raise PclError(f"unexpected {found.group()!r} {_place(self._text, token.at)}")

        return _ESCAPE.sub(meant, text)

    def _line_end(self) -> None:
        if self._token.kind not in ("", "newline") and self._token.text != "}":
            self._fail()

    def _has(self, sign: str) -> bool:
        found = self._token.kind == "sign" and self._token.text == sign
        self._next += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._has(sign):
            self._fail()

    def _take(self, kind: str) -> str:
        token = self._token
        if token.kind != kind:
            self._fail()
        self._next += 1
        return token.text

    def _fail(self) -> NoReturn:
        token = self._token
        raise PclError(f"unexpected {token.text or 'end'!r} {_place(self._text, token.at)}")
