"""The guides show programs that other tests run."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
PROGRAMS = {
    "charts": ["tests/e2e/charts/application/__main__.py", "tests/e2e/charts/project/__main__.py"],
    "systems": ["examples/system/__main__.py"],
}


def unindented(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


@pytest.mark.parametrize("guide", PROGRAMS)
def test_every_example_of_a_guide_is_part_of_a_program(guide: str) -> None:
    text = (PROJECT / f"docs/guides/{guide}.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    programs = [unindented((PROJECT / program).read_text()) for program in PROGRAMS[guide]]
    assert examples
    for example in examples:
        assert [program for program in programs if unindented(example) in program], example
