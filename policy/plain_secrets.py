"""Secrets in plain text: in variables and in arguments."""

import re
from collections.abc import Sequence
from typing import Any

SECRET_NAME = re.compile(
    r"""(?:secret|passw|pass_?phrase|(?<!max)(?<!max_)token(?!iz)|credential|(?:basic|cli)_?auth$
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


def is_secret(name: Any, value: Any) -> bool:
    """Return whether a value is a secret by its name, or has a password in a URL."""
    if not isinstance(value, str) or value in ("", "true", "false") or re.fullmatch(r"\$\(\w+\)", value):
        return False
    return bool(SECRET_NAME.search(str(name)) or PASSWORD_IN_URL.search(value))


def has_secret(arguments: Sequence[str]) -> bool:
    """Return whether the arguments of a command have a secret."""
    for argument in arguments:
        flag, _, value = argument.partition("=")
        if PASSWORD_IN_URL.search(flag) or is_secret(flag if flag.startswith("-") else "", value):
            return True
    return False
