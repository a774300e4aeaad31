"""Files of models for tests: a valid model, and what tests change in it."""

import hashlib
import json
from typing import Any

from slipway.images.model_card import Card
from slipway.images.model_image import CARD_FILE, HELD_OUT, MODEL, TRAINING_ROWS

HELD = json.dumps({"inputs": {"X": [[1.0, 2.0], [3.0, 4.0]]}, "answers": [0, 1]}).encode()
DIGEST = f"sha256:{'a' * 64}"


def document(**changes: Any) -> dict[str, Any]:
    """Return a card as JSON has it; a change of None leaves the key out."""
    card = {
        "format": "slipway.dev/card/v1",
        "name": "digits",
        "task": "classification",
        "seed": 1,
        "metrics": {"accuracy": 0.9},
        "data": {"sha256": "b" * 64, "rows": 100},
        "held_out": {"sha256": hashlib.sha256(HELD).hexdigest(), "rows": 2},
        "inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 2]}],
        "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1]}],
        "sample": {"inputs": {"X": [[1.0, 2.0]]}, "outputs": {"label": [0]}},
        **changes,
    }
    return {key: value for key, value in card.items() if value is not None}


def card(**changes: Any) -> Card:
    return Card.parse(json.dumps(document(**changes)))


def files(**changes: Any) -> dict[str, bytes]:
    """Return the files of a model; its card has the changes."""
    return {
        MODEL: b"\x08\x08 the model",
        CARD_FILE: json.dumps(document(**changes)).encode(),
        HELD_OUT: HELD,
        TRAINING_ROWS: b"0123456789abcdef\n",
    }
