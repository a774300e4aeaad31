"""What a preview shows of another model."""

from typing import Any

import pytest

from slipway.preview.rules import Consequence, Level, Situation
from slipway.preview.rules.models import CARD, SIZE, cards
from slipway.pulumi.events import summarise
from tests.unit.models.making import card
from tests.unit.slipway.engine import step

KIND = "kubernetes:apps/v1:Deployment"
Y = {"name": "Y", "datatype": "FP32", "shape": [-1, 2]}


def deployment(text: str | None, size: str = "1048576") -> dict[str, Any]:
    annotations = {} if text is None else {CARD: text, SIZE: size}
    metadata = {"name": "scorer", "namespace": "digits", "annotations": annotations}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {}}


def found(old: str | None, new: str | None, size: str = "1048576") -> list[Consequence]:
    diff = {f'metadata.annotations["{CARD}"]': "update"}
    event = step("update", KIND, "scorer", deployment(old), deployment(new, size), diff)
    summary = summarise([event])
    return list(cards(Situation(summary.changes, summary.unchanged)))


def test_both_metrics_data_and_sizes() -> None:
    better = card(metrics={"accuracy": 0.95}, data={"sha256": "d" * 64, "rows": 200}, seed=2)
    [consequence] = found(card().json_text(), better.json_text(), "3145728")
    assert consequence.level is Level.SAFE
    assert "serves another model: accuracy 0.9 → accuracy 0.95" in consequence.reason
    assert consequence.details == (
        "data: 100 rows (bbbbbbbbbbbb) → 200 rows (dddddddddddd)",
        "seed: 1 → 2",
        "size: 1Mi → 3Mi",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": [Y], "sample": {"inputs": {"Y": [[1.0, 2.0]]}, "outputs": {"label": [0]}}},
        {
            "outputs": [{"name": "digit", "datatype": "INT64", "shape": [-1]}],
            "sample": {"inputs": {"X": [[1.0, 2.0]]}, "outputs": {"digit": [0]}},
        },
    ],
    ids=["inputs", "outputs"],
)
def test_another_interface_is_dangerous(changes: dict[str, Any]) -> None:
    consequences = found(card().json_text(), card(**changes).json_text())
    assert consequences[0].level is Level.DANGEROUS
    assert "requests of callers fail" in consequences[0].reason


def test_metrics_on_other_rows_deserve_attention() -> None:
    other = card(held_out={"sha256": "f" * 64, "rows": 2})
    [consequence] = found(card().json_text(), other.json_text())
    assert consequence.level is Level.ATTENTION
    assert "held-out rows" in consequence.details[0]


@pytest.mark.parametrize("old", [None, card().json_text()])
def test_nothing_to_compare(old: str | None) -> None:
    assert found(old, card().json_text()) == []


def test_a_card_that_cannot_be_read_deserves_attention() -> None:
    [consequence] = found(card().json_text(), "{}")
    assert consequence.level is Level.ATTENTION
    assert "is not the card of a model" in consequence.reason
