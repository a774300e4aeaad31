"""What the fast tests share: a program run against a recording engine, without plugins or network."""

import asyncio
import json
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import resource as runtime_resource
from pulumi.runtime.config import CONFIG

from slipway.errors import RegistryUnavailable
from slipway.images.registry import Repository
from tests.unit.recorder import Hooks, Recorder

PROJECT = Path(__file__).parent.parent.parent

Run = Callable[..., Recorder]


@pytest.fixture(scope="session")
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One loop for all: outputs of a program that failed may still be pending when the next one runs."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(autouse=True)
def current_event_loop(event_loop: asyncio.AbstractEventLoop) -> None:
    """Outputs belong to the thread's loop; asyncio.run leaves none, and the SDK makes new ones."""
    asyncio.set_event_loop(event_loop)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a function as a program; return what it registered."""

    async def hooks() -> Hooks:
        return Hooks()

    loops: list[asyncio.AbstractEventLoop] = []
    new_loop = asyncio.new_event_loop

    def remembered_loop() -> asyncio.AbstractEventLoop:
        loops.append(new_loop())
        return loops[-1]

    # Pulumi's mocks make a loop in each thread and leave it open.
    monkeypatch.setattr(asyncio, "new_event_loop", remembered_loop)
    monkeypatch.setattr(runtime_resource, "_get_callbacks", hooks)
    before = dict(CONFIG.get())

    def run(program: Callable[[], Any], stack: str = "dev") -> Recorder:
        recorder = Recorder()
        pulumi.runtime.set_mocks(recorder, project="slipway", stack=stack, monitor=recorder.monitor)

        @pulumi.runtime.test  # type: ignore[untyped-decorator] # as pulumi has it
        def main() -> Any:
            return program()

        main()
        return recorder

    asyncio.set_event_loop(remembered_loop())
    yield run
    pulumi.runtime.set_all_config(before, [])
    asyncio.set_event_loop(None)
    for loop in loops:
        loop.close()


@pytest.fixture
def kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A kubeconfig with the contexts `sandbox` and `office`."""
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps({"contexts": [{"name": "sandbox"}, {"name": "office"}]}))
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


@pytest.fixture
def program(engine: Run, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recorder]:
    """Run the project's program with a stack's configuration; see what it registers.

    No registry answers: that of a sandbox of this machine may have the image.
    """

    def unavailable(*_: object) -> None:
        raise RegistryUnavailable("registry localhost:5001 cannot be reached")

    monkeypatch.setattr(Repository, "digest", unavailable)

    def run(secret: dict[str, str] | None = None, **config: Any) -> Recorder:
        secret = secret or {}
        values = {
            "kubernetes:context": "sandbox",
            "slipway:repository": "localhost:5001/hits",
            **{key if ":" in key else f"slipway:{key}": value for key, value in (secret | config).items()},
        }
        texts = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in values.items()
            if value is not None
        }
        pulumi.runtime.set_all_config(texts, [f"slipway:{key}" for key in secret])
        return engine(lambda: runpy.run_path(str(PROJECT / "__main__.py")) and None)

    return run
