"""Cards and files that are not those of a model: each is refused, by its key, its value and what to do."""

import io
import json
import tarfile
from typing import Any

import pytest

from slipway.errors import SlipwayError
from slipway.images.model_card import MAX_BYTES, Card
from slipway.images.model_image import FILES, check_files
from slipway.models.training import read_archive
from tests.unit.models.making import card, document, files

X = {"name": "X", "datatype": "FP32", "shape": [-1, 2]}
LABEL = {"name": "label", "datatype": "INT64", "shape": [-1]}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"format": None}, "format is missing"),
        ({"format": "slipway.dev/card/v2"}, "format is 'slipway.dev/card/v2'"),
        ({"name": None}, "name is missing"),
        ({"name": ""}, "name is ''"),
        ({"name": "a b"}, "name is 'a b'"),
        ({"name": 3}, "name is 3"),
        ({"task": "ranking"}, "task is 'ranking'"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": "1"}, "seed is '1'"),
        ({"metrics": {}}, "metrics is {}"),
        ({"metrics": {"accuracy": "good"}}, "metrics.accuracy is 'good'"),
        ({"metrics": {"accuracy": float("nan")}}, "accuracy is nan"),
        ({"metrics": {"accuracy": float("inf")}}, "accuracy is inf"),
        ({"data": None}, "data is missing"),
        ({"data": {"sha256": "b" * 64}}, "data.rows is missing"),
        ({"data": {"sha256": "B" * 64, "rows": 1}}, "data.sha256 is 'BBB"),
        ({"data": {"sha256": "b" * 63, "rows": 1}}, "data.sha256 is 'bbb"),
        ({"data": {"sha256": "b" * 64, "rows": 0}}, "data.rows is 0"),
        ({"held_out": None}, "held_out is missing"),
        ({"held_out": {"sha256": "b" * 64, "rows": 2}}, "hold rows out of it"),
        ({"held_out": {"sha256": "c" * 64, "rows": -2}}, "held_out.rows is -2"),
        ({"inputs": []}, "inputs is []"),
        ({"inputs": [{**X, "datatype": "FP16"}]}, "inputs.0.datatype is 'FP16'"),
        ({"inputs": [{**X, "shape": []}]}, "inputs.0.shape is []"),
        ({"inputs": [{**X, "shape": [1, 2]}]}, "must begin with -1"),
        ({"inputs": [{**X, "shape": [-1, -1]}]}, "sizes of at least 1"),
        ({"inputs": [{**X, "shape": [-1, "2"]}]}, "inputs.0.shape.1 is '2'"),
        ({"inputs": [{**X, "name": ""}]}, "inputs.0.name is ''"),
        ({"inputs": [X, X]}, "each name must be given once"),
        ({"inputs": [X, {**X, "name": "Y"}]}, "must have a value for X, Y"),
        ({"outputs": []}, "outputs is []"),
        ({"outputs": [{**LABEL, "type": "int"}]}, "outputs.0.type is unknown"),
        ({"sample": None}, "sample is missing"),
        ({"sample": {"inputs": {"X": [[1.0]]}, "outputs": {"label": [0]}}}, "has the shape [1, 1]"),
        ({"sample": {"inputs": {"X": [1.0, 2.0]}, "outputs": {"label": [0]}}}, "has the shape [2]"),
        ({"sample": {"inputs": {}, "outputs": {"label": [0]}}}, "sample.inputs has nothing"),
        ({"sample": {"inputs": {"X": [[1.0, 2.0]]}, "outputs": {"label": [0, 1]}}}, "has the shape [2]"),
        ({"sample": {"inputs": {"X": [[1.0, 2.0]]}, "outputs": {"y": [0]}}}, "sample.outputs has y"),
        ({"latency": 3}, "latency is unknown"),
    ],
    ids=str,
)
def test_a_bad_card(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(SlipwayError, match=r"card\.json is not the card of a model") as refused:
        Card.parse(json.dumps(document(**changes)))
    assert problem in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"card"', "\x80\x04."])
def test_a_card_that_is_no_object(text: str) -> None:
    with pytest.raises(SlipwayError, match="is not the card of a model"):
        Card.parse(text)


def test_a_card_that_is_too_large() -> None:
    with pytest.raises(SlipwayError, match=f"may have {MAX_BYTES}"):
        Card.parse(" " * (MAX_BYTES + 1))


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(SlipwayError) as refused:
        Card.parse(json.dumps(document(seed=-1, name="a b", data=None)))
    assert [key for key in ("seed", "name", "data") if f"\n  {key} is " in str(refused.value)] == [
        "seed",
        "name",
        "data",
    ]


def test_a_card_is_read_as_it_was_written() -> None:
    assert Card.parse(card().json_text()) == card()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        *((name, None, f"wrote no {name}") for name in FILES),
        ("model.onnx", b"\x80\x04\x95 a pickle", "never loads a pickle"),
        ("model.onnx", b"PK\x03\x04 an archive of torch or joblib", "never loads a pickle"),
        ("model.onnx", b"", "not in the ONNX format"),
        ("model.pkl", b"\x80\x04", r"wrote model\.pkl too"),
        ("held-out.json", b"{}", r"but held-out\.json has"),
        ("card.json", b"{}", "is missing"),
    ],
)
def test_bad_files(name: str, content: bytes | None, problem: str) -> None:
    given = {key: value for key, value in {**files(), name: content}.items() if value is not None}
    with pytest.raises(SlipwayError, match=problem):
        check_files(given)


def archive(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"x") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as members:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, "/etc/passwd"
        entry.size = len(content) if kind == tarfile.REGTYPE else 0
        members.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "bad",
    [
        archive("../card.json"),
        archive("/card.json"),
        archive("deep/card.json"),
        archive("card.json", tarfile.SYMTYPE),
        archive("card.json", tarfile.LNKTYPE),
        archive("card.json", tarfile.FIFOTYPE),
        archive("more", tarfile.DIRTYPE),
    ],
    ids=["above", "absolute", "deep", "symbolic link", "hard link", "pipe", "directory"],
)
def test_an_output_of_other_things_than_files(bad: bytes) -> None:
    """The pod of a training is not trusted with this machine's files."""
    with pytest.raises(SlipwayError, match="plain files directly in OUTPUT"):
        list(read_archive(bad))


def test_an_output_that_is_no_archive() -> None:
    with pytest.raises(SlipwayError, match="cannot be read"):
        list(read_archive(b"not tar" * 200))


def test_an_output() -> None:
    assert dict(read_archive(archive("./card.json"))) == {"card.json": b"x"}
