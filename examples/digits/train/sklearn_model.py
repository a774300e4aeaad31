"""A scikit-learn model as the files of a Slipway model: export, parity check, card, held-out rows.

Copy this module for a model of your own; docs/guides/models.md explains the files.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from skl2onnx import to_onnx

PARITY = 1e-4
"""By which a probability of the exported model may differ from that of the model."""


def write(
    model: Any,
    *,
    name: str,
    seed: int,
    training: tuple[np.ndarray, np.ndarray],
    held_out: tuple[np.ndarray, np.ndarray],
    directory: Path,
) -> None:
    """Export a fitted classifier, check the export on the held-out rows, and write all files."""
    rows, answers = (part.astype(kind) for part, kind in zip(held_out, (np.float32, np.int64), strict=True))
    names = {id(model): {"zipmap": False}}
    onnx = to_onnx(model, rows[:1], options=names, target_opset=18, name=name).SerializeToString()
    accuracy = _check_parity(model, onnx, rows, answers)
    held_out_file = _json({"inputs": {"X": rows.tolist()}, "answers": answers.tolist()})
    classes, counts = np.unique(model.predict(rows), return_counts=True)
    card = {
        "format": "slipway.dev/card/v1",
        "name": name,
        "task": "classification",
        "seed": seed,
        "metrics": {"accuracy": round(accuracy, 6)},
        "data": {"sha256": data_hash(training), "rows": len(training[0])},
        "held_out": {"sha256": _sha256(held_out_file), "rows": len(rows)},
        "inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, rows.shape[1]]}],
        "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1]}],
        "sample": {
            "inputs": {"X": rows[:1].tolist()},
            "outputs": {"label": model.predict(rows[:1]).tolist()},
        },
        "predictions": {"classes": classes.tolist(), "counts": counts.tolist()},
    }
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "model.onnx").write_bytes(onnx)
    (directory / "held-out.json").write_bytes(held_out_file)
    (directory / "training-rows.txt").write_text("\n".join(_row_hashes(training[0])) + "\n")
    (directory / "card.json").write_bytes(_json(card))


def data_hash(training: tuple[np.ndarray, np.ndarray]) -> str:
    """Return the hash of training data; that of the model that is served is in KNOWN_DATA."""
    return _sha256(*(np.ascontiguousarray(part).tobytes() for part in training))


def _check_parity(model: Any, onnx: bytes, rows: np.ndarray, answers: np.ndarray) -> float:
    """Return the accuracy of the exported model; ValueError if it answers otherwise than the model."""
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(["label", "probabilities"], {"X": rows})
    if (different := int((labels != model.predict(rows)).sum())) > 0:
        raise ValueError(f"the exported model answers {different} of {len(rows)} held-out rows otherwise")
    error = float(np.abs(probabilities - model.predict_proba(rows)).max())
    if error > PARITY:
        raise ValueError(f"a probability of the exported model differs by {error}, more than {PARITY}")
    return float((labels == answers).mean())


def _row_hashes(rows: np.ndarray) -> list[str]:
    """Return the hashes of the rows as the model takes them, by which the gate finds held-out rows."""
    exact = np.ascontiguousarray(rows.astype(np.float32))
    return sorted({hashlib.sha256(row.tobytes()).hexdigest()[:16] for row in exact})


def _sha256(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
