"""The code and the documents use the words of docs/glossary.md."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
GLOSSARY = (PROJECT / "docs/glossary.md").read_text()
TERMS = re.findall(r"^\| ([^|]+?) \| (?!Means)", GLOSSARY, re.MULTILINE)[1:]
SYNONYMS = {
    r"mend\w*": "repair",
    r'(?<!")(puts? back|putting back)': "roll back",  # in quotes: a value in receipts of earlier versions
    r"stack config\w* file": "stack file",
    r"authoriz(e|ed|es|ing)": "authorise",
    r"(outdated|stale) (plan|preview)": "out of date",
}
"""Words that are not used, and the glossary's word for the same thing."""


def texts() -> Iterator[tuple[str, str]]:
    """Yield each file of the code and the documents, with its text."""
    yield "README.md", (PROJECT / "README.md").read_text()
    for part in ("docs", "slipway", "components", "stack", "policy", "sandbox"):
        for path in sorted((PROJECT / part).rglob("*")):
            if path.suffix in (".md", ".py", ".html") and ".venv" not in path.parts:
                yield path.relative_to(PROJECT).as_posix(), path.read_text()


@pytest.mark.parametrize("synonym", SYNONYMS)
def test_no_synonym_is_used(synonym: str) -> None:
    found = {
        f"{name}: {match[0]}"
        for name, text in texts()
        for match in re.finditer(rf"\b{synonym}\b", text, re.IGNORECASE)
    }
    assert found == set(), f"the glossary has {SYNONYMS[synonym]!r}"


def test_terms_are_sorted_and_have_one_line_each() -> None:
    assert sorted(TERMS, key=str.lower) == TERMS
    assert len(TERMS) == len(set(TERMS))
    assert set(SYNONYMS.values()) <= set(TERMS)
