"""The rules of `.dockerignore`: a port of BuildKit's matcher.

Sources: github.com/moby/patternmatcher (patternmatcher.go, ignorefile/ignorefile.go) for the patterns,
github.com/tonistiigi/fsutil (filter.go) for the walk. The rules differ from git's, which pathspec implements;
docker-py's matcher differs in character classes and escapes.
"""

import posixpath
import re
import warnings
from collections.abc import Callable, Iterable

Matches = tuple[bool, ...]
"""For a path, a flag for each pattern: it matches the path or a parent of it."""


class BadPattern(ValueError):
    """BuildKit refuses the pattern."""


def read_patterns(text: str) -> list[str]:
    """Return the patterns of an ignore file, without comments, blank lines and leading slashes."""
    patterns = []
    for line in text.removeprefix("\ufeff").split("\n"):
        pattern = line.strip()
        if not pattern or line.startswith("#"):
            continue
        negated = pattern.startswith("!")
        if negated:
            pattern = pattern[1:].strip()
        if pattern:
            pattern = _clean(pattern)
            pattern = pattern[1:] if len(pattern) > 1 and pattern[0] == "/" else pattern
        patterns.append("!" * negated + pattern)
    return patterns


class Ignore:
    """The paths of a build context to leave out."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        """Compile the patterns.

        Raises:
            BadPattern: BuildKit would refuse one of them.
        """
        self._patterns = [_Pattern(p) for p in (_clean(p.strip()) for p in patterns if p.strip())]
        exceptions = [p.without_trailing_glob for p in self._patterns if p.exception]
        # An ignored directory need not be entered when no exception can lie inside. Globs may lie anywhere.
        self._exceptions = None if any(re.search(r"[*\[\]?^\\]", e) for e in exceptions) else exceptions

    def match(self, path: str, parent: Matches = ()) -> tuple[bool, Matches]:
        """Return whether the path is ignored, and its matches, to pass on for the paths inside it."""
        ignored, matches = False, []
        for index, pattern in enumerate(self._patterns):
            matched = bool(parent) and parent[index]
            if not matched and pattern.exception == ignored:
                matched = pattern.matches(path)
            matches.append(matched)
            if matched:
                ignored = not pattern.exception
        return ignored, tuple(matches)

    def may_readmit_inside(self, directory: str) -> bool:
        """Return whether an exception could match inside this ignored directory."""
        return self._exceptions is None or any(f"{e}/".startswith(f"{directory}/") for e in self._exceptions)


class _Pattern:
    def __init__(self, text: str) -> None:
        self.exception = text.startswith("!")
        text = text.removeprefix("!")
        if not text:
            raise BadPattern('the exception "!" names nothing')
        _check_syntax(text)
        self.without_trailing_glob = (
            text.removesuffix("**").removesuffix("/") if text.endswith("**") else text
        )
        self.matches = _matcher(text)


def _clean(path: str) -> str:
    """Clean a path as Go's filepath.Clean does; Python's normpath keeps a double slash at the start."""
    return posixpath.normpath(re.sub("^/+", "/", path))


def _check_syntax(pattern: str) -> None:
    """Refuse unfinished escapes and malformed classes, as Go's filepath.Match does."""
    char = r"(\\.|[^\\\]\-])"
    valid = rf"(\\.|[^\\\[]|\[\^?+({char}(-{char})?)+\])*"
    if not re.fullmatch(valid, pattern, re.DOTALL):
        raise BadPattern(f"{pattern!r} has an unfinished escape or character class")
    if re.search(r"\\[A-Za-z0-9]|\[\[:", pattern):
        raise BadPattern(
            f"{pattern!r} escapes a letter or digit, or names a class [[:…:]]; write its characters"
        )


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Return the match that moby's compile() chooses; only the last kind uses the regular expression."""
    regex, kind = _translate(pattern)
    if kind == "exact":
        return lambda path: path == pattern
    if kind == "prefix":
        return lambda path: path.startswith(pattern[:-2])
    if kind == "suffix":
        return lambda path: path.endswith(pattern[2:]) or (pattern[2:3] == "/" and path == pattern[3:])
    try:
        with warnings.catch_warnings(
            action="ignore", category=FutureWarning
        ):  # "[[" will mean a set in a set
            compiled = re.compile(regex, re.ASCII)
    except re.error as error:
        raise BadPattern(f"{pattern!r}: {error}") from None
    return lambda path: compiled.fullmatch(path) is not None


def _translate(pattern: str) -> tuple[str, str]:
    """Return moby's regular expression, and the simplest kind of comparison that does its work."""
    regex, kind = "", "exact"
    for token in re.finditer(r"\*\*/?|\\.|.", pattern, re.DOTALL):
        text, at_end = token.group(), token.end() == len(pattern)
        if text.startswith("**"):
            kind = "prefix" if at_end and kind == "exact" else "regex"
            regex += ".*" if at_end else "(.*/)?"
            if token.start() == 0:
                kind = "suffix"
        elif text in "*?[]" or text[0] == "\\":
            kind = "regex"
            regex += {"*": "[^/]*", "?": "[^/]"}.get(text, text)
        else:
            regex += "\\" + text if text in ".+()|{}$" else text
    return regex, kind
