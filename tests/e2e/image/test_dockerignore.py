"""Our reading of `.dockerignore` against BuildKit's own: the same files and directories."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.image.context import BadContext, BuildContext

PATHS = [
    *("a", "b", "ab", "a.b", "a.md", "[a]", "a*b", "-", "^", ".hidden", "!a", "#a", "a b", "é"),
    *("d/a", "d/b", "d/a.md", "d/d/a", "d/d/b.md", "d/e/a", "d/e/d/a", "d/.hidden", "a+b/a", "a+b/(c)"),
    *("dd/a", "dd/d/a", "e/d/a", "e/a", "e/d/e/b"),
]

# Built from the pieces that mean something, so that most patterns match some path.
PIECES = [
    "a",
    "b",
    "d",
    "e",
    "dd",
    ".",
    "..",
    "*",
    "**",
    "?",
    "[ab]",
    "[^a]",
    "[a-d]",
    "\\*",
    "\\[",
    "a*",
    "*.md",
    "**a",
]
PIECES += [
    "a.b",
    ".hidden",
    "a+b",
    "(c)",
    "\\!a",
    "#a",
    "é",
    "*d*",
    "d?",
    "[",
    "]",
    "[]",
    "[a-",
    "[[a]",
    "^",
    "a b",
]
PATTERN = st.builds(
    lambda bang, slash, parts, end: bang + slash + "/".join(parts) + end,
    st.sampled_from(["", "", "", "!", "! ", "!!"]),
    st.sampled_from(["", "", "", "/", "./", " "]),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=3),
    st.sampled_from(["", "", "/", "/**", "/*", "**", " ", "\r"]),
)
IGNORE_FILE = st.lists(PATTERN, min_size=1, max_size=5).map("\n".join)


@pytest.fixture(scope="module")
def context() -> Path:
    root = Path(tempfile.mkdtemp(prefix="dockerignore-"))
    for path in PATHS:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    # BuildKit reads the Dockerfile whether ignored or not.
    (root / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    return root


def sent_by_buildkit(context: Path, environment: dict[str, str]) -> set[str] | None:
    """Build with the patterns; return what arrived, or None if BuildKit refused the patterns."""
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(
            [
                "docker",
                "buildx",
                "build",
                "--quiet",
                "--no-cache",
                f"--output=type=local,dest={out}",
                str(context),
            ],
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            assert "pattern" in done.stderr or "regexp" in done.stderr, done.stderr
            return None
        return {p.relative_to(out).as_posix() for p in Path(out).rglob("*")}


def sent_by_us(context: Path) -> set[str] | None:
    try:
        source = BuildContext(context, Path("Dockerfile"))
    except BadContext:
        return None
    parents = {parent.as_posix() for path in source.files for parent in Path(path).parents} - {"."}
    return {*source.files, *source.directories, *parents}


@settings(
    max_examples=100,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=IGNORE_FILE)
def test_the_same_files_and_directories_are_sent(text: str, context: Path, sandbox: dict[str, str]) -> None:
    (context / ".dockerignore").write_text(text)
    assert sent_by_us(context) == sent_by_buildkit(context, sandbox)
