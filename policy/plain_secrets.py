"""Secrets in plain text: in variables, in arguments, in shell scripts."""

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
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

_ENDS_AS_SECRET = re.compile(
    r"(?:secret|passw(?:or)?d|pass_?phrase|token|credentials?|auth|key(?:_?base)?|pass|pat|pw|pwd|creds)$",
    re.IGNORECASE,
)
"""In commands, names such as `--secret-label-selector` and `--max-batched-tokens` have no secret."""
_REFERENCE = re.compile(r"[$`{<]|%[s(]")
"""A value from elsewhere: $NAME, ${NAME%%:*}, `cat FILE`, or the gap of a template: {name}, <name>, %s."""
_DEFAULT = re.compile(r"\$\{\w+:?[-=]([^}$`]+)\}")
"""A variable with a text as its default, `${NAME:-text}`."""
_NO_SECRET = re.compile(
    r"""\W*|true|false|yes|no|on|off|none|null|auto|default|enabled|disabled|required|optional
    |[\d.,]+|[-=].*|(?:[.~@]?/|file:|env:).*|.*\.(?:crt|env|json|key|pem|pub|txt|ya?ml)|(?:id|type|src|source|env)=.*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""A switch, a number, the next option, a comparison, a file, `docker build --secret id=…`."""
_ASSIGNMENT = re.compile(r"-*(?![\w.-]*file=)([\w.-]+)=(\S+)")
"""NAME=value: in a shell, or after an option."""
_QUERY = re.compile(r"[?&;]([\w.-]+)=([^\s&;]+)")
"""NAME=value in a URL or a connection string."""
_ENTRY = re.compile(r""""([\w.-]+)"\s*:\s*"([^"]+)\"""")
_HEADER = re.compile(r"(?:-H|--header=)?([\w-]+):\s*(?:\w+\s+)?(\S+)")
_HEADER_OPTIONS = re.compile(r"-\w*H|--header")
_OPTION = re.compile(r"--?(?!(?:no|skip|without|disable|enable|use|show|require)-)[A-Za-z][\w.-]*")
_REDIS_OPTIONS = ("--requirepass", "--masterauth")
_LOGIN = re.compile(r"(?:-\w*u|--user|--proxy-user)[ =]?[^\s:$]+:(\S+)")
_WORD_AFTER_A = re.compile(r"-a (\S+)")
_WORD_AFTER_P = re.compile(r"-p (\S+)")
# The word after -p is a database.
_JOINED_TO_P = re.compile(r"-p([^\s=]+) ")
_SHORT_OPTIONS = {
    "curl": _LOGIN,
    **dict.fromkeys(("redis-cli", "valkey-cli"), _WORD_AFTER_A),
    **dict.fromkeys(("sshpass", "mongosh", "mongodump", "mongorestore"), _WORD_AFTER_P),
    **dict.fromkeys(
        ("mysql", "mysqladmin", "mysqldump", "mariadb", "mariadb-admin", "mariadb-dump"), _JOINED_TO_P
    ),
}
"""The options of usual programs whose names do not say that a secret follows."""
_SHELLS = {"sh", "ash", "bash", "dash", "ksh", "zsh", "su"}
_CODE_OPTION = re.compile(r"-[eilouvx]*c[eilouvx]*|-[er]|--eval")
"""An option before code: a script if the program is a shell, else code of a language that is not read."""
_HERE_DOCUMENT = re.compile(r"<<-?\s*(['\"]?)(\w+)\1(.*)\n(?:.*\n)*?[ \t]*\2$", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_SEPARATORS = "();|&\n"


def is_secret(name: Any, value: Any) -> bool:
    """Return whether a value is a secret by its name, or has a password in a URL."""
    if not isinstance(value, str) or re.fullmatch(r"\$\(\w+\)", value):
        return False
    is_value = value.lower() not in ("", "true", "false", "yes", "no")
    return (is_value and bool(SECRET_NAME.search(str(name)))) or _has_password_in_url(value)


def has_secret(arguments: Sequence[str]) -> bool:
    """Return whether a command has a secret: in a word, or in a script for a shell."""
    words = list(arguments)
    if _has_secret_after_option(words):
        return True
    before = ""
    for index, word in enumerate(words):
        if not _CODE_OPTION.fullmatch(before):
            if _has_secret_in_word(word, before):
                return True
        elif not _SHELLS.isdisjoint(map(_program, words[:index])) and any(map(has_secret, _commands(word))):
            return True
        before = word
    return False


def _has_secret_after_option(words: list[str]) -> bool:
    pattern = None
    for word, following in pairwise([*words, ""]):
        named = word in _REDIS_OPTIONS or (_OPTION.fullmatch(word) and _is_secret_name(word))
        if named and _is_text(following):
            return True
        match = pattern.match(f"{word} {following}") if pattern else None
        if match and _is_text(match[1]):
            return True
        pattern = _SHORT_OPTIONS.get(_program(word), pattern)
    return False


def _has_secret_in_word(word: str, before: str) -> bool:
    named = [*_assignments(word), *_QUERY.findall(word)]
    if word.startswith(("{", "[")):
        named += _ENTRY.findall(word)
    if _HEADER_OPTIONS.fullmatch(before) or word.startswith(("-H", "--header=")):
        named += [match.group(1, 2) for match in [_HEADER.fullmatch(word)] if match]
    return any(_is_secret_name(name) and _is_text(value) for name, value in named) or _has_password_in_url(
        word, "://"
    )


def _assignments(word: str) -> Iterator[tuple[str, str]]:
    """Yield names and values: two for `--set=password=x`, and all of a list such as `host=db password=x`."""
    parts = re.split(r"[\s,]", word)
    for part in parts if all("=" in part for part in parts) else []:
        rest = part
        while match := _ASSIGNMENT.fullmatch(rest):
            yield match[1], match[2]
            rest = match[2]


def _is_secret_name(name: str) -> bool:
    is_named = SECRET_NAME.search(name) and _ENDS_AS_SECRET.search(name)
    return bool(is_named) or name.lower() == "authorization"


def _is_text(value: str) -> bool:
    """Return whether a value in a command is a text of its own, and not a switch, a number or a file."""
    text = _DEFAULT.sub(r"\1", value).strip("\"'")
    return not _REFERENCE.search(text) and not _NO_SECRET.fullmatch(text)


def _has_password_in_url(text: str, start: str = "") -> bool:
    found = [match for match in PASSWORD_IN_URL.finditer(text) if match[1].startswith(start)]
    return any(not _REFERENCE.match(match[0][len(match[1]) :]) for match in found)


def _program(word: str) -> str:
    return word.rpartition("/")[2]


def _commands(script: str) -> Iterator[list[str]]:
    """Yield the words of each command of a shell script; none if it is in another language."""
    first = script.partition("\n")[0]
    if first.startswith("#!") and _SHELLS.isdisjoint(map(_program, first[2:].split())):
        return
    script = _COMMENT.sub("", _HERE_DOCUMENT.sub(r"\3", script)).replace("\\\n", " ")
    lexer = shlex.shlex(script, posix=True, punctuation_chars=_SEPARATORS)
    lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t\r", "", True
    try:
        words = list(lexer)
    except ValueError:  # a quotation without an end
        return
    for is_separator, command in groupby(words, lambda word: bool(word) and not word.strip(_SEPARATORS)):
        if not is_separator:
            yield list(command)
