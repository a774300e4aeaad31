"""The README's example of the components in somebody else's program, deployed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.hits import hits
from tests.e2e.program.conftest import INSTANCE, PROJECT, Stack


@pytest.fixture
def shop(project: Stack, dev: Stack, tmp_path: Path) -> Iterator[Stack]:
    """A project of its own that has nothing of this one but the components."""
    (tmp_path / "components").symlink_to(PROJECT / "components")
    (tmp_path / "__main__.py").symlink_to(PROJECT / "examples/shop/__main__.py")
    runtime = {"name": "python", "options": {"virtualenv": str(PROJECT / ".venv")}}
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "shop", "runtime": runtime}))
    stack = Stack("test", tmp_path, project.environment)
    config = {"kubernetes:context": INSTANCE.name, "shop:image": dev.output("image")}
    stack.file.write_text(yaml.safe_dump({"config": config}))
    stack.succeed("stack", "init")
    with stack.while_up():
        yield stack


def test_the_components_work_in_another_program(shop: Stack) -> None:
    assert hits(shop.output("url"))
    assert shop.changes() == []
