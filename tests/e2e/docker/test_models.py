"""ModelService on the Docker engine: it answers, and only a model that answers rightly replaces another."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from slipway.images.model_image import MODEL, pack
from slipway.images.references import Image
from slipway.images.registry import Repository
from tests.e2e.docker.conftest import PORT, TIMEOUT, DockerStack
from tests.e2e.load.attack import load
from tests.e2e.own_program import own_stack, write_project
from tests.e2e.program.conftest import INSTANCE
from tests.unit.models.making import files

pytestmark = TIMEOUT

URL = f"http://127.0.0.1:{PORT + 4}"


def varint(number: int) -> bytes:
    return bytes((number,)) if number < 128 else bytes((number % 128 + 128,)) + varint(number // 128)


def field(number: int, value: bytes | str | int) -> bytes:
    """Return a field in the encoding of protocol buffers."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(name: str, element: int, *sizes: int | str) -> bytes:
    """Return a ValueInfoProto of ONNX; a size that is a text is any size."""
    shape = b"".join(field(1, field(2 if isinstance(size, str) else 1, size)) for size in sizes)
    return field(1, name) + field(2, field(1, field(1, element) + field(2, shape)))


def onnx() -> bytes:
    """Return a model whose answer is the column of the largest number, keepdims=0.

    https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
    """
    axis = field(1, "axis") + field(3, 1) + field(20, 2)
    dimensions = field(1, "keepdims") + field(3, 0) + field(20, 2)
    node = field(1, "X") + field(2, "label") + field(4, "ArgMax") + field(5, axis) + field(5, dimensions)
    inputs, outputs = tensor("X", 1, "rows", 2), tensor("label", 7, "rows")
    graph = field(1, node) + field(2, "largest") + field(11, inputs) + field(12, outputs)
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def push(label: int, seed: int) -> Image:
    """Push a model whose card expects an answer to its sample row; 1 is the right one."""
    sample = {"inputs": {"X": [[1.0, 2.0]]}, "outputs": {"label": [label]}}
    content = {**files(sample=sample, seed=seed), MODEL: onnx()}
    return pack(content, {}).push(Repository(f"{INSTANCE.registry}/docker-model"))


class ModelStack(DockerStack):
    """The stack of the program of these tests."""

    def set(self, **config: Any) -> None:
        own = {"repository": f"{INSTANCE.registry}/digits", "port": str(PORT + 4), "timeout": "100"}
        super().set(**{**own, **config})


def infer() -> tuple[Any, str]:
    """Return the answers for two rows, and the digest of the model that gave them."""
    rows = {"name": "X", "datatype": "FP32", "shape": [2, 2], "data": [0.5, 0.1, 0.2, 0.9]}
    response = httpx.post(f"{URL}/v2/models/scorer/infer", json={"inputs": [rows]}, timeout=10)
    response.raise_for_status()
    return response.json()["outputs"][0]["data"], response.headers["X-Model-Digest"]


@pytest.fixture(scope="module")
def model() -> Image:
    return push(label=1, seed=1)


@pytest.fixture(scope="module")
def scorer(
    engine: dict[str, str], model: Image, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModelStack]:
    directory = tmp_path_factory.mktemp("model")
    program = Path(__file__).parent / "model/__main__.py"
    write_project(directory, "model", [program], ("components", "stack", "slipway"))
    with own_stack(ModelStack, directory, engine, model=str(model)).while_up() as stack:
        yield stack


def test_it_answers_by_the_protocol_and_names_its_model(scorer: ModelStack, model: Image) -> None:
    assert infer() == ([0, 1], model.digest)
    assert model.digest in httpx.get(f"{URL}/metrics", timeout=10).text
    assert httpx.get(f"{URL}/v2/health/ready", timeout=10).is_success
    scorer.unchanged()


def files_of(scorer: ModelStack) -> dict[str, Any]:
    """Return the mount that has the model's files."""
    [mount] = [item for item in scorer.inspect("scorer-1")["Mounts"] if item["Destination"] == "/model"]
    assert isinstance(mount, dict)
    return mount


def test_the_server_only_reads_the_model(scorer: ModelStack) -> None:
    assert files_of(scorer)["RW"] is False


def test_only_a_model_that_answers_rightly_replaces_another(scorer: ModelStack, model: Image) -> None:
    before = files_of(scorer)["Name"]
    with load(f"{URL}/v2/models/scorer", 10) as seen:
        scorer.set(model=str(push(label=0, seed=2)), timeout="25")
        failed = scorer.run("up", "--yes", "--skip-preview")
        assert failed.returncode != 0
        assert infer()[1] == model.digest
        better = push(label=1, seed=3)
        scorer.set(model=str(better))
        scorer.up()
        assert infer() == ([0, 1], better.digest)
    assert seen.failed == 0, seen
    assert len(scorer.containers("scorer-1")) == len(scorer.containers("scorer-model")) == 1
    assert before not in scorer.docker("volume", "ls", "--quiet"), "its files go with the old model"
    scorer.unchanged()
