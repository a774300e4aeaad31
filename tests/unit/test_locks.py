"""Everything that is installed from a package index is locked with hashes."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
LOCKS = (
    "requirements.txt",
    "app/requirements.txt",
    "app/requirements-test.txt",
    "components/postgres/requirements.txt",
    "policy/requirements.txt",
    "components/model_server/requirements.txt",
    "examples/digits/train/requirements.txt",
)
DOCKERFILES = ("app", "components/model_server", "components/postgres", "examples/digits/train")
INSTALLERS = [
    PROJECT / "Makefile",
    *(PROJECT / directory / "Dockerfile" for directory in DOCKERFILES),
    *PROJECT.glob(".github/workflows/*"),
]
INSTALLING = re.compile(r"\bpip\b.*\binstall\b.*")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_exact_versions_and_their_hashes(lock: str) -> None:
    text = re.sub(r"^ *#.*\n", "", (PROJECT / lock).read_text(), flags=re.M).replace("\\\n", "")
    lines = text.strip().splitlines()
    assert lines
    for line in lines:
        assert re.match(r"[\w.-]+(\[[\w,]+\])?==[\w.]+ .*--hash=sha256:[0-9a-f]{64}", line), line


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_for_every_system(lock: str) -> None:
    """Else, pip refuses on Windows, for a package that no lock for Linux names."""
    assert "--universal" in (PROJECT / lock).read_text().partition("\n\n")[0].splitlines()[1]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_all_that_is_asked_for(lock: str) -> None:
    locked = (PROJECT / lock).read_text()
    asked = (PROJECT / lock).with_suffix(".in").read_text()
    for required in re.findall(r"^[a-zA-Z][^\s;#]*", asked, re.M):
        name, version = re.sub(r"\[.*\]", "", required).split("==")
        assert re.search(rf"^{re.escape(name)}(\[.*\])?=={re.escape(version)} ", locked, re.M | re.I), (
            required
        )


def test_nothing_is_installed_without_its_hash() -> None:
    installing = [line for file in INSTALLERS for line in INSTALLING.findall(file.read_text())]
    assert installing
    for line in installing:
        ours = line.endswith("--no-deps --no-build-isolation --editable .")  # takes nothing from a registry
        assert ours or "--require-hashes" in line, line
