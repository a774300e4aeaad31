"""The card of a model: what it was trained on, how good it is, and what it takes and answers.

docs/guides/models.md lists the fields. The training script writes the card as JSON.
"""

import itertools
import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from slipway.errors import SlipwayError

CARD, SIZE = "slipway.dev/model-card", "slipway.dev/model-size"
"""The annotations of a Deployment of ModelService: the card and the bytes of its model."""
Datatype = Literal["BOOL", "INT32", "INT64", "FP32", "FP64", "BYTES"]
"""The names of the Open Inference Protocol: https://github.com/kserve/open-inference-protocol."""
Kind = Literal["inputs", "outputs"]
INTERFACE: tuple[Kind, ...] = ("inputs", "outputs")
CANARY = "slipway.dev/canary"
"""The label of the pods of a second version, which answer a share of the requests."""
MAX_BYTES = 1024 * 1024
"""A card is an annotation of the image's manifest, which registries limit to 4 MiB."""
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Rows(_Part):
    """A set of rows, by the hash of its file."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    rows: Annotated[int, Field(ge=1)]


class Tensor(_Part):
    """An input or an output of a model."""

    name: Annotated[str, Field(min_length=1)]
    datatype: Datatype
    shape: Annotated[tuple[int, ...], Field(min_length=1, strict=False)]
    """The first dimension, -1, is the number of rows."""

    @model_validator(mode="after")
    def _takes_rows(self) -> Self:
        if self.shape[0] != -1 or any(size < 1 for size in self.shape[1:]):
            raise ValueError(
                f"shape of {self.name} is {list(self.shape)}, but must begin with -1, the number of rows,"
                " and go on with sizes of at least 1"
            )
        return self

    def __str__(self) -> str:
        sizes = " x ".join(map(str, self.shape[1:]))
        return f"{self.name}: {self.datatype}" + (f" of {sizes}" if sizes else "")


class Sample(_Part):
    """One row and its answer, by which a server checks that it is ready."""

    inputs: dict[str, list[Any]]
    outputs: dict[str, list[Any]]


class Predictions(_Part):
    """How often a model gave each answer on its held-out rows: a number for each class, or for each bin."""

    counts: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=2, strict=False)]
    classes: Annotated[tuple[int | str | bool, ...] | None, Field(strict=False)] = None
    edges: Annotated[tuple[float, ...] | None, Field(strict=False)] = None
    """The upper ends of all bins but the last."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.classes is None) == (self.edges is None):
            raise ValueError("predictions has to have either classes, or the edges of the bins of numbers")
        bins = len(self.classes or ()) or len(self.edges or ()) + 1
        if len(self.counts) != bins:
            raise ValueError(f"predictions.counts has {len(self.counts)} numbers, but must have {bins}")
        if not sum(self.counts):
            raise ValueError("predictions.counts has no number above 0")
        if len(set(self.classes or ())) < len(self.classes or ()):
            raise ValueError("predictions.classes names a class twice")
        edges = self.edges or ()
        if not all(map(math.isfinite, edges)) or any(a >= b for a, b in itertools.pairwise(edges)):
            raise ValueError("predictions.edges must be finite numbers, each above the one before")
        return self


class Card(_Part):
    """The description of a model, which its training writes."""

    format: Literal["slipway.dev/card/v1"]
    name: Annotated[str, Field(pattern=f"^{_NAME}$")]
    task: Literal["classification", "regression"]
    seed: Annotated[int, Field(ge=0)]
    metrics: Annotated[dict[str, float], Field(min_length=1)]
    data: Rows
    """The training data."""
    held_out: Rows
    """The rows that models are compared on, which are never trained on: held-out.json."""
    inputs: Annotated[tuple[Tensor, ...], Field(min_length=1, strict=False)]
    outputs: Annotated[tuple[Tensor, ...], Field(min_length=1, strict=False)]
    """The first is the answer that is compared: the class, or the number."""
    sample: Sample
    predictions: Predictions | None = None
    """What the predictions of a canary are compared with."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name, value in self.metrics.items():
            if not math.isfinite(value):
                raise ValueError(f"metrics.{name} is {value}, but must be a finite number")
        if self.data.sha256 == self.held_out.sha256:
            raise ValueError("held_out.sha256 is the hash of the training data: hold rows out of it")
        if self.predictions and (self.predictions.classes is None) == (self.task == "classification"):
            needed = "classes" if self.task == "classification" else "edges"
            raise ValueError(f"predictions has no {needed}, which the predictions of a {self.task} need")
        _check_sample("inputs", self.inputs, self.sample.inputs)
        _check_sample("outputs", self.outputs, self.sample.outputs)
        return self

    @classmethod
    def parse(cls, text: str | bytes, origin: str = "card.json") -> "Card":
        """Parse a card.

        Raises:
            SlipwayError: with every problem, the key and the value.
        """
        if len(text) > MAX_BYTES:
            raise SlipwayError(f"{origin} has {len(text)} bytes, but may have {MAX_BYTES}")
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            problems = "\n  ".join(map(_problem, error.errors(include_url=False)))
            raise SlipwayError(f"{origin} is not the card of a model:\n  {problems}") from None

    def interface(self, kind: Kind) -> str:
        """Return the inputs or the outputs in one line; callers depend on it."""
        return "; ".join(map(str, getattr(self, kind)))

    def json_text(self) -> str:
        """Return the card as JSON, always the same text for the same card."""
        return self.model_dump_json(exclude_none=True)


def _check_sample(kind: str, tensors: tuple[Tensor, ...], values: dict[str, list[Any]]) -> None:
    names = [tensor.name for tensor in tensors]
    if len(set(names)) < len(names):
        raise ValueError(f"{kind} are {', '.join(names)}, but each name must be given once")
    if set(values) != set(names):
        given = ", ".join(sorted(values)) or "nothing"
        raise ValueError(f"sample.{kind} has {given}, but must have a value for {', '.join(names)}")
    for tensor in tensors:
        expected, actual = (1, *tensor.shape[1:]), _shape(values[tensor.name])
        if actual != expected:
            raise ValueError(
                f"sample.{kind}.{tensor.name} has the shape {list(actual)}, but must have one row:"
                f" {list(expected)}"
            )


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape of nested lists, by their first elements."""
    return (len(value), *(_shape(value[0]) if value else ())) if isinstance(value, list) else ()


def _problem(problem: Any) -> str:
    path = ".".join(map(str, problem["loc"]))
    reason = problem["msg"].removeprefix("Value error, ")
    if not path:
        return str(reason)
    if problem["type"] == "missing":
        return f"{path} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{path} is unknown"
    return f"{path} is {problem['input']!r:.100}, but: {reason}"
