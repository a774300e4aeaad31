"""The README's example of the components in somebody else's program, deployed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.hits import hits
from tests.e2e.own_program import own_stack, write_project
from tests.e2e.program.conftest import PROJECT, Stack


@pytest.fixture
def shop(project: Stack, dev: Stack, tmp_path: Path) -> Iterator[Stack]:
    """A project of its own that has nothing of this one but the components."""
    write_project(tmp_path, "shop", [PROJECT / "examples/shop/__main__.py"])
    with own_stack(Stack, tmp_path, project.environment, image=dev.output("image")).while_up() as stack:
        yield stack


def test_the_components_work_in_another_program(shop: Stack) -> None:
    assert hits(shop.output("url"))
    assert shop.changes() == []
