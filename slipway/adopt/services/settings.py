"""The settings of a stack: values that differ between stacks, and secrets, never in plain text."""

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from slipway import masking
from slipway.adopt import code
from slipway.adopt.code import Code, camel

_SECRET_OBJECT = "secrets.metadata.name"  # noqa: S105 # the program's expression for the name of the Secret


@dataclass
class Settings:
    """The keys that the program reads, and the Secret that it makes of the encrypted ones."""

    plain: dict[str, str] = field(default_factory=dict)
    """Values for a stack file, by key."""
    secret: dict[str, str] = field(default_factory=dict, repr=False)
    """Values of the source that belong into a stack file encrypted, by key."""
    shared: dict[str, str] = field(default_factory=dict, repr=False)
    """The keys of secrets that several services share, by their values."""
    entries: dict[str, str] = field(default_factory=dict)
    """The entries of the program's Secret, each with the key of its value."""

    def secret_key(self, name: str, value: str, owner: str) -> str:
        """Return the key of a secret, named for where it is used first."""
        if value in self.shared:
            return self.shared[value]
        candidates = _numbered(camel(name), camel(f"{owner}_{name}"))
        key = next(
            key for key in candidates if key not in self.plain and self.secret.get(key, value) == value
        )
        self.secret[key] = value
        return key

    def entry(self, name: str, value: str, owner: str) -> str:
        """Return the entry of the program's Secret that has a value."""
        key = self.secret_key(name, value, owner)
        return next(
            entry
            for entry in _numbered(name, f"{owner}.{name}")
            if self.entries.setdefault(entry, key) == key
        )

    def variable(self, name: str, value: str, owner: str) -> Code:
        """Return a variable with a secret."""
        entry = self.entry(name, value, owner)
        return code.invoke("EnvVar.secret", code.text(name), _SECRET_OBJECT, code.text(entry))

    def file(self, path: str, name: str, value: str, owner: str) -> Code:
        """Return a file with a secret."""
        entry = self.entry(name, value, owner)
        return code.invoke("File.secret", code.text(path), _SECRET_OBJECT, code.text(entry))

    def statements(self) -> list[str]:
        """Return the statement that makes the Secret, if there is a secret."""
        if not self.entries:
            return []
        data = {
            entry: code.invoke("config.require_secret", code.text(key)) for entry, key in self.entries.items()
        }
        secret = code.invoke(
            "k8s.core.v1.Secret",
            code.text("secrets"),
            metadata=code.mapping({"namespace": "namespace.name"}),
            string_data=code.mapping(data),
        )
        return [code.statement("secrets", secret)]


def _numbered(first: str, second: str) -> Iterator[str]:
    """Yield names until one is free: two services may use both names for other values."""
    yield first
    yield second
    yield from (f"{second}{number}" for number in itertools.count(2))


def has_secret(value: str) -> bool:
    """Return whether a text has what looks like a secret."""
    return masking.masked_text(value) != value


def is_secret_word(before: str, word: str) -> bool:
    """Return whether a word of a command has a secret; `before` is the word before it."""
    return has_secret(word) or masking.masked_argument(before, word) != word


def secret_words(words: Sequence[str]) -> list[str]:
    """Return the words of a command that have a secret."""
    return [word for before, word in zip(("", *words), words, strict=False) if is_secret_word(before, word)]


def hidden(
    words: Iterable[str], settings: Settings, owner: str, referred: Collection[str] = (), first: int = 1
) -> tuple[list[str], list[Code]]:
    """Return a command whose secrets come from variables, and these variables.

    Kubernetes replaces `$(NAME)` in commands, and `$$(` by `$(`; `referred` are those that it must replace.
    The number of the first new variable is `first`.
    """
    shown: list[str] = []
    variables: list[Code] = []
    before = ""
    for word in words:
        if is_secret_word(before, word):
            name = f"{owner.upper().replace('-', '_')}_SECRET_{len(variables) + first}"
            variables.append(settings.variable(name, word, owner))
            shown.append(f"$({name})")
        else:
            shown.append(escaped(word, referred))
        before = word
    return shown, variables


def escaped(value: str, referred: Collection[str] = ()) -> str:
    """Return a value in which Kubernetes replaces nothing but the variables that it refers to."""
    value = re.sub(r"\$+(?=\()|\${2,}", lambda dollars: dollars[0] * 2, value)
    for name in referred:
        value = value.replace(f"$$({name})", f"$({name})")
    return value
