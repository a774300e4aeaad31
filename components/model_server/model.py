"""A model in the ONNX format with its card, and its inference. No pickle is ever loaded."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

DATATYPES: Mapping[str, Any] = {
    "BOOL": np.bool_,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
"""The datatypes of the Open Inference Protocol that models take."""
ONNX_TYPES: Mapping[str, str] = {
    "BOOL": "tensor(bool)",
    "INT32": "tensor(int32)",
    "INT64": "tensor(int64)",
    "FP32": "tensor(float)",
    "FP64": "tensor(double)",
    "BYTES": "tensor(string)",
}
_KINDS = {"BOOL": "b", "INT32": "iu", "INT64": "iu", "FP32": "iuf", "FP64": "iuf", "BYTES": "U"}
"""The kinds of numpy that JSON values of a datatype have."""
TOLERANCE = 1e-4
"""By which the numbers of an answer may differ from those of the card, on another processor."""

Tensors = dict[str, "np.ndarray[Any, Any]"]


class BadRequest(ValueError):
    """A request does not fit the model."""


class Node(Protocol):
    """An input or an output of a session."""

    name: str
    type: str


class Session(Protocol):
    """The part of onnxruntime.InferenceSession that models need."""

    def run(self, outputs: Sequence[str] | None, inputs: Tensors) -> list[Any]:
        """Return the outputs with these names."""

    def get_inputs(self) -> Sequence[Node]:
        """Return the inputs."""

    def get_outputs(self) -> Sequence[Node]:
        """Return the outputs."""


class Model:
    """A model that answers requests."""

    def __init__(self, card: Mapping[str, Any], session: Session) -> None:
        """Use a session; ValueError if its inputs or outputs are not those of the card."""
        self.card = card
        self._session = session
        self.inputs: Sequence[Mapping[str, Any]] = card["inputs"]
        self.outputs: Sequence[Mapping[str, Any]] = card["outputs"]
        self._expected: Mapping[str, Any] = card.get("predictions") or {}
        self._classes = {name: place for place, name in enumerate(self._expected.get("classes") or ())}
        _check_nodes("input", self.inputs, session.get_inputs(), exactly=True)
        _check_nodes("output", self.outputs, session.get_outputs(), exactly=False)

    @classmethod
    def load(cls, directory: Path) -> "Model":
        """Load the model of a directory, with one thread for each CPU of its limit that THREADS names."""
        import onnxruntime  # late, so that the tests of the protocol do without it

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("THREADS", "1"))
        options.inter_op_num_threads = 1
        path = str(directory / "model.onnx")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return cls(json.loads((directory / "card.json").read_bytes()), session)

    def answer(self, tensors: Tensors) -> Tensors:
        """Return the outputs for some rows."""
        names = [output["name"] for output in self.outputs]
        return {
            name: np.asarray(value)
            for name, value in zip(names, self._session.run(names, tensors), strict=True)
        }

    def bins(self, answers: Tensors) -> list[int]:
        """Return the bins of predictions, by the card: the last for a class that the card does not have."""
        predictions = answers[self.outputs[0]["name"]].ravel()
        if self._classes:
            return [self._classes.get(value, len(self._classes)) for value in predictions.tolist()]
        if edges := self._expected.get("edges"):
            bins: list[int] = np.searchsorted(edges, predictions).tolist()
            return bins
        return []

    def tensor(self, description: Mapping[str, Any], shape: Sequence[int], data: Any) -> Any:
        """Return an input as an array; BadRequest if the data do not fit its description."""
        name = description["name"]
        expected = description["shape"]
        fits = len(shape) == len(expected) and all(
            type(size) is int and size > 0 and limit in (-1, size)
            for size, limit in zip(shape, expected, strict=True)
        )
        if not fits:
            raise BadRequest(f"input {name} has the shape {list(shape)}, but must have {list(expected)}")
        datatype = description["datatype"]
        try:
            given = np.asarray(data)
            array = given.astype(DATATYPES[datatype]).reshape(shape)
        except (ValueError, TypeError, OverflowError) as error:
            raise BadRequest(
                f"the data of input {name} are not {datatype} of shape {list(shape)}: {error}"
            ) from None
        changed = datatype.startswith("INT") and not np.array_equal(array.ravel(), given.ravel())
        if given.dtype.kind not in _KINDS[datatype] or changed:
            raise BadRequest(f"the data of input {name} are not {datatype}")
        return array

    def check(self) -> None:
        """Answer the card's sample row; ValueError if the answer is not the card's."""
        sample = self.card["sample"]
        tensors = {
            item["name"]: self.tensor(item, [1, *item["shape"][1:]], sample["inputs"][item["name"]])
            for item in self.inputs
        }
        answers = self.answer(tensors)
        for output in self.outputs:
            name = output["name"]
            expected = np.asarray(sample["outputs"][name], dtype=DATATYPES[output["datatype"]])
            if not _equal(answers[name].reshape(expected.shape), expected):
                raise ValueError(
                    f"the answer to the sample row is {name} {answers[name].tolist()},"
                    f" but the card has {expected.tolist()}"
                )


def _equal(answer: Any, expected: Any) -> bool:
    if expected.dtype.kind == "f":
        return bool(np.allclose(answer, expected, rtol=TOLERANCE, atol=TOLERANCE))
    return bool(np.array_equal(answer, expected))


def _check_nodes(
    kind: str, described: Sequence[Mapping[str, Any]], nodes: Sequence[Node], *, exactly: bool
) -> None:
    actual = {node.name: node.type for node in nodes}
    for item in described:
        expected = ONNX_TYPES[item["datatype"]]
        if actual.get(item["name"]) != expected:
            raise ValueError(
                f"the card has the {kind} {item['name']} of {expected}, but the model has {actual}"
            )
    if exactly and len(actual) != len(described):
        raise ValueError(f"the model has the {kind}s {sorted(actual)}, which the card does not all have")
