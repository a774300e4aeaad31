"""The modules of the model server, which its image has in its own directory."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[3] / "components/model_server"
MODULES = ("metrics", "model", "shadow", "server", "evaluate")


@pytest.fixture
def model_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the modules importable, in one test only: their names are common."""
    monkeypatch.syspath_prepend(str(SERVER))
    before = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    yield
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.modules.update(before)
