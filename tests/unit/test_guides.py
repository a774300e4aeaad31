"""The guides show programs that other tests run."""

import re
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
PROGRAMS = ("application", "project")


def unindented(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def test_every_example_of_the_chart_guide_is_part_of_a_program() -> None:
    guide = (PROJECT / "docs/guides/charts.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    programs = [
        unindented((PROJECT / f"tests/e2e/charts/{name}/__main__.py").read_text()) for name in PROGRAMS
    ]
    assert examples
    for example in examples:
        assert [program for program in programs if unindented(example) in program], example
