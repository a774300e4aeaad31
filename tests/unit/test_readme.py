"""The README describes what is there."""

import re
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
README = (PROJECT / "README.md").read_text()
PROGRAMS = ("__main__.py", "examples/shop/__main__.py")


def test_every_python_example_stands_in_a_program_that_other_tests_run() -> None:
    programs = [(PROJECT / program).read_text() for program in PROGRAMS]
    examples = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(examples) == len(PROGRAMS)
    for example in examples:
        assert [program for program in programs if example in program], example


def test_every_make_target_is_there() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z0-9]+)", README))
    assert {"up", "test"} <= named
    assert named <= targets


def test_every_file_is_there() -> None:
    linked = re.findall(r"\]\(([^):]+)\)", README)
    quoted = re.findall(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:py|json|in|toml))`", README)
    assert linked and quoted
    for path in [*linked, *quoted]:
        assert (PROJECT / path).exists(), path


def test_the_figures_under_load_are_those_of_the_soak() -> None:
    sections = (PROJECT / "docs/soak.md").read_text().split("\n## ")
    load = next(section for section in sections if section.startswith("Under load"))
    rows = re.findall(r"^\|.*\|$", load, re.MULTILINE)
    assert len(rows) > 5
    assert "\n".join(rows) in README


def test_every_file_that_a_document_links_to_is_there() -> None:
    for document in (PROJECT / "docs").rglob("*.md"):
        for path in re.findall(r"\]\(([^):#]+)\)", document.read_text()):
            assert (document.parent / path).exists(), f"{document.name}: {path}"
