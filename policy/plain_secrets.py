"""Secrets in plain text: in variables, in arguments, in shell scripts."""

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

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
"""The name of a value that should be secret, or a property path that ends in such a name.

Names such as `tokenTTL` and `PASSWORD_FILE` do not match: their values are not secret. The same pattern is in
slipway/masking.py, because this pack imports nothing of the project.
"""
PASSWORD_IN_URL = re.compile(
    r"""(://[^\s/:@"]*:(?=[^\s/"]+@)|(?:^|[?&;])(?i:password|passwd|pwd|accountkey|sharedaccesskey)=)(?!\$\()
    (?:(?<=:)[^\s/"]+(?=@)|(?<==)[^\s&;"']+)""",
    re.VERBOSE,
)
"""A password in a URL or a connection string; no match for a reference to another variable, `$(NAME)`."""

_REFERENCE = re.compile(r"""["']?(?:`|\$\(|\$\w+["']?$|\$\{\w+(?::?\?[^}]*)?\}["']?$)""")
"""A reference to a variable, or the output of a command: $(NAME), $NAME, ${NAME}, $(cat FILE)."""
_ASSIGNMENT = re.compile(r"(?<![\w.(\[-])-*([\w.-]+)=(?=([^\s;&|,]*))")
"""NAME=value: in a shell, in a query, after an option."""
_ENTRY = re.compile(r"""(["'])([\w.-]+)\1\s*:\s*(["'])(.+?)\3""")
""""NAME": "value" in JSON."""
_HEADER = re.compile(r"\bauthorization[\"']?\s*[:=]\s*[\"']?(?:\w+\s+)?+(?![\"'\s$])", re.IGNORECASE)
_OPTION = re.compile(r"--?(?!(?:no|skip|without|disable|enable|use|show|require)-)[A-Za-z][\w.-]*")
_REDIS_OPTIONS = ("--requirepass", "--masterauth")
_NO_VALUE = re.compile(r"-|(?:id|type|src|source|env)=")
"""The next option; `docker build --secret id=…`."""
_LOGIN = r"(?!\d+:\d+$)[^\s:$]+:(?P<value>\S+)"
_SHORT_OPTIONS = {
    "curl": re.compile(rf"(?:-\w*u|--user|--proxy-user)[ =]?{_LOGIN}"),
    "redis-cli": re.compile(r"-a ?(?P<value>\S+)"),
    "valkey-cli": re.compile(r"-a ?(?P<value>\S+)"),
    "sshpass": re.compile(r"-p ?(?P<value>\S+)"),
    "mongosh": re.compile(r"-p (?P<value>\S+)"),
    "mongodump": re.compile(r"-p (?P<value>\S+)"),
    # Without a blank: the word after -p is a database.
    "mysql": re.compile(r"-p(?P<value>\S+)"),
    "mysqladmin": re.compile(r"-p(?P<value>\S+)"),
    "mysqldump": re.compile(r"-p(?P<value>\S+)"),
    "mariadb": re.compile(r"-p(?P<value>\S+)"),
    "mariadb-dump": re.compile(r"-p(?P<value>\S+)"),
}
"""The options of usual programs whose names do not say that a secret follows."""


def is_secret(name: Any, value: Any) -> bool:
    """Return whether a value is a secret by its name, or has a password in a URL."""
    if not isinstance(value, str) or re.fullmatch(r"\$\(\w+\)", value):
        return False
    return (_is_value(value) and bool(SECRET_NAME.search(str(name)))) or _has_password_in_url(value)


def has_secret(arguments: Sequence[str]) -> bool:
    """Return whether the arguments of a command have a secret."""
    if any(map(_has_secret_in_text, arguments)):
        return True
    words = [word for argument in arguments for word in _words(argument)]
    programs = {word.rpartition("/")[2] for word in words}
    options = [pattern for program, pattern in _SHORT_OPTIONS.items() if program in programs]
    followed = [f"{word} {following}" for word, following in pairwise([*words, ""])]
    return any(_is_secret_argument(option, value) for option, value in pairwise(words)) or any(
        _is_text(match["value"]) for pattern in options for text in followed if (match := pattern.match(text))
    )


def _has_secret_in_text(text: str) -> bool:
    named = [match.group(1, 2) for word in _words(text) for match in _ASSIGNMENT.finditer(word)]
    named += [match.group(2, 4) for match in _ENTRY.finditer(text)]
    return (
        any(_is_text(value) and SECRET_NAME.search(name) for name, value in named)
        or _has_password_in_url(text)
        or bool(_HEADER.search(text))
    )


def _is_secret_argument(option: str, value: str) -> bool:
    """Return whether a secret follows an option as a word of its own."""
    named = option in _REDIS_OPTIONS or (_OPTION.fullmatch(option) and SECRET_NAME.search(option))
    return bool(named and _is_text(value) and not _NO_VALUE.match(value))


def _has_password_in_url(text: str) -> bool:
    return any(not _REFERENCE.match(match[0][len(match[1]) :]) for match in PASSWORD_IN_URL.finditer(text))


def _is_value(value: str) -> bool:
    return value not in ("", "true", "false")


def _is_text(value: str) -> bool:
    """Return whether a value in a command is a text of its own, not a reference to another value."""
    return _is_value(value.strip("\"'")) and not _REFERENCE.match(value)


def _words(text: str) -> Iterator[str]:
    """Yield the words of a text as a shell splits them, also those of a script in quotes."""
    if not re.search(r"\s", text):
        yield text
        return
    try:
        found = shlex.split(text)
    except ValueError:  # no shell, or a quotation that goes on in the next argument
        found = text.split()
    for word in found:
        yield from _words(word)
