"""The example digits as two stacks: dev trains and serves, staging serves what dev promotes."""

import base64
import itertools
import json
import shutil
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from slipway.images.model_card import Card
from slipway.images.model_image import FILES, pack, read_model
from slipway.images.references import Image
from slipway.images.registry import Repository
from stack.build_secrets import build_secrets
from tests.e2e.conftest import Ending
from tests.e2e.program.conftest import INSTANCE, PROJECT, Stack

EXAMPLE = PROJECT / "examples/digits"
MODELS = f"{INSTANCE.registry}/digits-model"
CLIENT = httpx.Client(timeout=10, limits=httpx.Limits(max_keepalive_connections=0))
"""Makes a connection for each request; `httpx.post` would also read all certificates each time."""
SOON_S = "20"
"""The time after which a model that never gets ready has failed, in place of 100 s."""


@dataclass
class Load:
    """What was asked during a block, and what was not answered."""

    answered: int = 0
    failed: list[str] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)


class Digits(Stack):
    """A stack of the example."""

    @cached_property
    def url(self) -> str:
        address = self.kubectl("get", "service/scorer", "--output=jsonpath={.spec.clusterIP}")
        return f"http://{address}"

    @property
    def model(self) -> Image:
        return Image.parse(self.output("model"))

    def train(self) -> dict[str, Any]:
        done = self.slipway("train", self.name, "--json")
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def variables(self, **variables: str) -> None:
        """Give the training variables, and no others."""
        document = yaml.safe_load(self.file.read_text())
        document["config"].pop("digits:training", None)
        if variables:
            document["config"]["digits:training"] = variables
        self.file.write_text(yaml.safe_dump(document))

    def set_model(self, model: Image) -> None:
        self.succeed("config", "set", "model", str(model))

    def predict(self, request: dict[str, Any] | None = None) -> tuple[Any, str]:
        """Ask for the sample row of the card, or other rows; return the answer and the digest."""
        path = f"{self.url}/v2/models/scorer/infer"
        response = CLIENT.post(path, json=request or self.request)
        response.raise_for_status()
        return response.json()["outputs"][0]["data"], response.headers["X-Model-Digest"]

    @cached_property
    def card(self) -> Card:
        """The card of the model that it serves first; every model has the same sample row."""
        return read_model(self.model).card

    @cached_property
    def request(self) -> dict[str, Any]:
        return request(self.card.sample.inputs["X"])

    @contextmanager
    def load(self, pause_s: float = 0.05, requests: Sequence[dict[str, Any]] = ()) -> Iterator[Load]:
        """Ask all the time, each time by a connection of its own; in turn, or always for the sample row."""
        found = Load()
        stopping = threading.Event()
        self.predict()

        def ask() -> None:
            turns = itertools.cycle(requests or [self.request])
            while not stopping.wait(pause_s):
                try:
                    _, digest = self.predict(next(turns))
                    found.digests.add(digest)
                    found.answered += 1
                except httpx.HTTPError as error:
                    found.failed.append(repr(error))

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield found
        finally:
            stopping.set()
            thread.join()


def request(rows: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return the request for the answers to some rows."""
    data = [value for row in rows for value in row]
    shape = [len(rows), len(rows[0])]
    return {"inputs": [{"name": "X", "datatype": "FP32", "shape": shape, "data": data}]}


@dataclass(frozen=True)
class Pipeline:
    """Both stacks."""

    dev: Digits
    staging: Digits
    first_answer_s: float
    """From nothing to the first prediction, with images built."""

    def promote(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """Promote the model of dev; return exit code, the latest receipt, and what was printed."""
        done = self.dev.slipway("promote", *self.names, "--model", "--yes", *words)
        return done.returncode, self.receipt(), done.stderr

    @property
    def names(self) -> tuple[str, str]:
        """The source and the target of promotions."""
        return self.dev.name, self.staging.name

    def receipt(self) -> dict[str, Any]:
        done = self.dev.slipway("history", self.staging.name, "--json", "--last", "1")
        assert done.returncode == 0, done.stderr
        receipt: dict[str, Any] = json.loads(done.stdout)[0]
        return receipt

    def retrain(self, **variables: str) -> None:
        """Train with other variables, and serve the model in dev."""
        self.dev.variables(**variables)
        self.dev.up()
        self.dev.train()
        self.dev.up()


def prepare(directory: Path) -> None:
    """Copy the example, as a user would, and let bad models fail sooner."""
    shutil.copytree(
        EXAMPLE, directory, ignore=shutil.ignore_patterns("components", ".venv", "Pulumi.dev.yaml")
    )
    (directory / "components").symlink_to(PROJECT / "components")
    (directory / ".venv").symlink_to(PROJECT / ".venv")
    program = directory / "__main__.py"
    text = program.read_text()
    timeout = 'config.get_int("timeout") or 100'
    changed = text.replace("server=server,", f"server=server, rollout=Rollout(timeout={timeout}),")
    assert changed != text
    program.write_text(changed.replace("Namespace, Training", "Namespace, Rollout, Training"))


@pytest.fixture(scope="session")
def pipeline(
    sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory, ending: Ending
) -> Iterator[Pipeline]:
    parent = tmp_path_factory.mktemp("models")
    directory = parent / "digits"
    prepare(directory)
    (parent / "state").mkdir()
    (parent / "pip.conf").write_text(str(build_secrets().get("pip", "")))
    environment = {
        **sandbox,
        "PULUMI_BACKEND_URL": f"file://{parent}/state",
        "PIP_CONFIG_FILE": str(parent / "pip.conf"),
    }
    dev, staging = (
        Digits(f"{name}-{uuid.uuid4().hex[:6]}", directory, environment) for name in ("dev", "staging")
    )
    for stack in (dev, staging):
        stack.set(repository=f"{INSTANCE.registry}/digits", modelRepository=MODELS)
        stack.succeed("stack", "init")
    started = time.monotonic()
    with dev.while_up(ending):
        dev.train()
        dev.up()
        dev.predict()
        elapsed = time.monotonic() - started
        staging.succeed("config", "set", "image", dev.output("image"))
        made = Pipeline(dev, staging, elapsed)
        try:
            code, _, text = made.promote()
            assert code == 0, text
            yield made
        finally:
            ending(staging.destroy)


@pytest.fixture(scope="session")
def served(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the model that dev serves first, read from a pod."""
    words = ("deployment/scorer", "--", "base64")
    return {
        name: base64.b64decode(pipeline.dev.kubectl("exec", *words, f"/srv/shared/model/{name}"))
        for name in FILES
    }


@pytest.fixture(scope="session")
def unseen(served: dict[str, bytes]) -> list[dict[str, Any]]:
    """Requests for the held-out rows, ten rows each."""
    rows = json.loads(served["held-out.json"])["inputs"]["X"]
    return [request(rows[start : start + 10]) for start in range(0, len(rows), 10)]


def push(files: dict[str, bytes]) -> Image:
    return pack(files, {}).push(Repository(MODELS))
