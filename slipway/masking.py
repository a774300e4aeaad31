"""Mask secrets and escape control characters in values and messages, so that they can be printed."""

import re
from collections.abc import Mapping
from typing import Any

MASK = "[secret]"

# The same patterns are in policy/plain_secrets.py, which imports nothing of the project.
SECRET_NAME = re.compile(
    r"""(?:secret|passw|pass_?phrase|(?<!max)(?<!max[_-])token(?!iz)|credential|(?:basic|cli)_?auth$
    |(?:access|account|api|app|auth|cipher|client|cookie|crypt|deploy|encryption|fernet|gpg|hmac|jwt|license
       |master|pgp|private|role|rsa|session|shared|signing|ssh|ssl|storage|tls|webhook)[_-]?key(?![_-]?id)
    |(?:^|[_.-])(?:pass|pat|pw|creds)$|[_-]pwd$|(?-i:[a-z](?:Pass|Pat|Pw|Pwd|Creds))$)
    (?![^].["]*(?:ref|name|namespace|file|path|dir|mount|url|uri|endpoint|host|ttl|expir(?:y|es|ation)|lifetime
       |seconds|minutes|hours|days|timeout|interval|length|size|count|limit|enabled|required|policy|algorithm
       |issuer|audience|header|prefix|stdin|type|version)s?$)
    [^].["]*$""",
    re.IGNORECASE | re.VERBOSE,
)
PASSWORD_IN_URL = re.compile(
    r"""(://[^\s/:@"]*:(?=[^\s/"]+@)|(?:^|[?&;])(?i:password|passwd|pwd|accountkey|sharedaccesskey)=)(?!\$\()
    (?:(?<=:)[^\s/"]+(?=@)|(?<==)[^\s&;"']+)""",
    re.VERBOSE,
)

_NAME = r"(?<![\w.-])(?P<name>[\w.-]++)"
_ASSIGNMENTS = (
    re.compile(
        _NAME + r"""(?P<mark>(?:\\*["']\]?)?\s*[:=]\s*(?P<quote>\\*["']))"""
        r"""(?P<value>(?:(?!(?P=quote))(?:\\.|[^\\\n]))+)"""
    ),
    re.compile(r"""(?<=define\(["'])(?P<name>\w+)(?P<mark>["'],\s*["'])(?P<value>[^"'\n]+)"""),
    re.compile(_NAME + r"""(?P<mark>=)(?P<value>[^\s"',;&]+)"""),
    re.compile(
        r"""^(?P<name>[ \t-]*+["']?[\w.-]++)(?P<mark>["']?\s*[:=]\s*)(?P<value>[^\s"']+)(?=\s*$)""",
        re.MULTILINE,
    ),
)
"""NAME="a value", "NAME": "a value", ["NAME"] = "a value", PHP's define("NAME", "a value") and NAME=value
anywhere; `NAME: value` on a line of its own."""
_ARGUMENT = re.compile(
    r"""(?<![\w.-])(?P<option>--?[A-Za-z][\w.-]*+|-[uUH])
    (?P<mark>=|[ \t]+|,[ \t]*                                     # in a shell, or in [--option, value]
       |\\*["'](?:\s*,\s*|[ \t]+)(?=\\*["'])                      # in ["--option", "value"]
       |\\*["']?[ \t]*\n[ \t]*-[ \t]+                             # in a list in YAML
       |(?<=-[uUH])(?=[^\s:="'\\])|(?<=\s-[uUH])(?=["']))         # without a space
    (?:(?P<quote>\\*["'])(?P<quoted>(?:(?!(?P=quote))(?:\\.|[^\\\n]))+)|(?P<word>(?!-)(?:\\[^\n"']|[^\s"'`\\])+))""",
    re.VERBOSE,
)
"""An option of a command, and the argument after it."""
_LOGIN_AT = re.compile(r"((?<![\w.-])[\w.-]+:)[^\s@/]+(?=@(?:tcp|tcp6|unix)\()")
"""The login in an address of Go's MySQL driver: user:password@tcp(host:3306)/database."""
_LOGIN_OPTION = re.compile(r"-[fgikLsSvN]*[uU]|--user|--proxy-user|--auth")
"""Options with a login after them; curl takes several letters at once: -fsu. `cp -Lu web:/x` has a path."""
_REDIS_OPTIONS = ("--requirepass", "--masterauth")
_REFERENCE = re.compile(r"\$(?:[({]|[A-Z_][A-Z0-9_]*$)")
"""A reference to a variable: $(NAME), ${NAME} or $NAME."""
_OTHER_WORD = re.compile(
    r"-|(?:id|type|src|source|env)=|(?:is|are|was|were|must|and|or|to|for|not|cannot|needs|requires)$"
)
"""The next option; `docker build --secret id=…`; the next word of a sentence about an option."""
_TOKEN = re.compile(
    r"""(?P<before>\bauthorization["']?\s*[:=]\s*["']?(?:\w+\s+)?|\bbearer\s+(?=[^\s"']*\d))[^\s"']{8,}
    |\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+
    |\b(?:gh[oprsu]_|github_pat_|glpat-|dckr_pat_|pypi-|xox[abprs]-|sk_live_)[\w-]{16,}""",
    re.IGNORECASE | re.VERBOSE,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Escape control characters, ends of lines and changes of direction."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def message(text: str) -> str:
    """Make a message from elsewhere, such as an error of the API server, safe to print; lines stay."""
    return "\n".join(map(visible, masked_text(text).split("\n")))


def masked_text(text: str) -> str:
    """Mask passwords in URLs, tokens, and the values that follow a name of a secret."""
    text = PASSWORD_IN_URL.sub(rf"\1{MASK}", text)
    text = _LOGIN_AT.sub(rf"\1{MASK}", text)
    text = _TOKEN.sub(lambda match: f"{match['before'] or ''}{MASK}", text)
    text = _masked_arguments(text)
    for pattern in _ASSIGNMENTS:
        text = pattern.sub(_masked_assignment, text)
    return text


def _masked_arguments(text: str) -> str:
    parts: list[str] = []
    position = end = 0
    while match := _ARGUMENT.search(text, position):
        option, value = match["option"], match["quoted"] or match["word"]
        begin, position = match.span("quoted" if match["quoted"] else "word")
        # There, --secret has no argument: a key follows.
        is_flag = option == "--secret" and text.rfind("config set", max(0, match.start() - 200), begin) >= 0
        shown = value if is_flag else masked_argument(option, value)
        if shown != value:
            parts += (text[end:begin], shown)
            end = position
        elif match["quoted"]:  # it may be a command, as in sh -c '…'
            position = begin
    return "".join((*parts, text[end:]))


def masked_argument(option: str, value: str) -> str:
    """Mask the secret in the argument after an option: --token SECRET, -u NAME:SECRET, -H "NAME: SECRET".

    Numbers are not a login: `docker run --user 1000:1000` has the ids of a user and a group.
    """
    name, _, rest = value.partition(":")
    rest = rest.strip()
    if _LOGIN_OPTION.fullmatch(option):
        is_path = rest.startswith("//" if option in ("-u", "-U") or option.startswith("--") else "/")
        is_login = rest and not is_path and not (name + rest).isdecimal()
        return f"{name}:{MASK}" if is_login and not _REFERENCE.match(rest) else value
    if option in ("-H", "--header"):
        is_secret = rest and is_secret_name(name) and not _REFERENCE.match(rest)
        return f"{name}: {MASK}" if is_secret else value
    named = option in _REDIS_OPTIONS or (option.startswith("-") and is_secret_name(option))
    if not named or not value or "=" in option or _REFERENCE.match(value) or _OTHER_WORD.match(value):
        return value
    return MASK


def _masked_assignment(match: re.Match[str]) -> str:
    name, mark, value = match["name"], match["mark"], match["value"]
    if not is_secret_name(name) or value.startswith(("$(", "${", MASK)):
        return match[0]
    return f"{name}{mark}{MASK}"


def is_secret_name(name: object) -> bool:
    """Return whether a name, or a property path that ends in it, looks like that of a secret."""
    return bool(SECRET_NAME.search(str(name).rstrip('"]')))


def masked(value: Any) -> Any:
    """Mask the parts of a value whose names look like those of secrets."""
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, Mapping):
        named = is_secret_name(value.get("name", "")) and isinstance(value.get("value"), str)
        return {
            key: MASK
            if (isinstance(item, str) and is_secret_name(key)) or (named and key == "value")
            else masked(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_masked_item(before, item) for before, item in zip((None, *value), value, strict=False)]
    return value


def _masked_item(before: Any, item: Any) -> Any:
    """Mask an item of a list, which may be the argument after an option."""
    if isinstance(before, str) and isinstance(item, str):
        item = masked_argument(before, item)
    return masked(item)
