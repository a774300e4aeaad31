"""The rules one by one; tests/e2e/image compares many of them with BuildKit itself."""

import pytest

from components.image.dockerignore import BadPattern, Ignore, Matches, read_patterns


def ignored(text: str, path: str) -> bool:
    """Decide as the walk does: a path's parents first."""
    ignore, result = Ignore(read_patterns(text)), False
    matches: Matches = ()
    parts = path.split("/")
    for depth in range(len(parts)):
        result, matches = ignore.match("/".join(parts[: depth + 1]), matches)
    return result


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("", "a", False),
        ("# a\na # b", "a", False),
        ("\ufeffa", "a", True),
        ("/a", "a", True),
        ("./a/", "a/b", True),
        ("a", "b/a", False),
        ("a\r\n", "a", True),
        ("*", "a/b", True),
        ("*.md", "docs/a.md", False),
        ("**/*.md", "docs/x/a.md", True),
        ("**/*.md", "a.md", True),
        ("a/**", "a", False),
        ("a/**", "a/b/c", True),
        ("**/b", "a/b/c", True),
        ("a/**/c", "a/c", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[ab].txt", "b.txt", True),
        ("[^ab].txt", "b.txt", False),
        ("a.c", "abc", False),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("*\n!keep", "keep/x", False),
        ("*\n!keep\nkeep/secret", "keep/secret", True),
        ("*\n!keep/this", "keep/that", True),
        ("*\n! keep", "keep", False),
        ("docs\n!docs/*.md", "docs/a.md", False),
        ("docs\n!docs/*.md", "docs/a.txt", True),
        ("!a\na", "a", True),
        ("..", "a", False),
        ("/", "a", False),
    ],
)
def test_a_path_is_ignored_as_docker_does(text: str, path: str, expected: bool) -> None:
    assert ignored(text, path) is expected


@pytest.mark.parametrize("text", ["!", "a[", "[]a]", "[a-]", "a\\", "[z-a]", r"\d", "[[:alpha:]]"])
def test_a_malformed_pattern_is_refused_and_shown(text: str) -> None:
    with pytest.raises(BadPattern, match=r".+"):
        Ignore(read_patterns(text))


def test_an_ignored_directory_is_entered_only_for_an_exception_inside() -> None:
    assert not Ignore(["node_modules"]).may_readmit_inside("node_modules")
    assert not Ignore(["*", "!src/app"]).may_readmit_inside("node_modules")
    assert Ignore(["*", "!src/app"]).may_readmit_inside("src")
    assert Ignore(["*", "!**/app"]).may_readmit_inside("node_modules")
