"""Compare two models on the rows that the first holds out: what the gate of `slipway promote` runs in a pod.

`evaluate.py CHAMPION CHALLENGER` takes the directories of two models, and prints one line of JSON.
"""

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from model import DATATYPES, Model

BATCH = 256
LATENCY_ROWS = 300
"""The inferences of one row by which the latency is measured."""
WARM_UP = 20


def row_hashes(inputs: list[tuple[str, Any]]) -> list[str]:
    """Return the hash of each row: of the bytes of its inputs, by their names."""
    arrays = [np.ascontiguousarray(array) for _, array in sorted(inputs, key=lambda item: item[0])]
    return [
        hashlib.sha256(b"".join(_bytes(array[row]) for array in arrays)).hexdigest()[:16]
        for row in range(len(arrays[0]))
    ]


def _bytes(row: Any) -> bytes:
    return json.dumps(row.tolist()).encode() if row.dtype.kind == "O" else bytes(row.tobytes())


def predictions(model: Model, inputs: dict[str, Any], rows: int) -> Any:
    """Return the answers of a model: the values of its first output."""
    name = model.outputs[0]["name"]
    parts = []
    for start in range(0, rows, BATCH):
        batch = {key: value[start : start + BATCH] for key, value in inputs.items()}
        parts.append(model.answer(batch)[name].reshape(len(next(iter(batch.values())))))
    return np.concatenate(parts)


def latencies(models: list[Model], inputs: dict[str, Any], rows: int) -> list[float]:
    """Return the 95th percentile of the duration of an inference, in seconds; the models take turns."""
    seconds: list[list[float]] = [[] for _ in models]
    for count in range(WARM_UP + LATENCY_ROWS):
        row = {key: value[count % rows : count % rows + 1] for key, value in inputs.items()}
        for model, durations in zip(models, seconds, strict=True):
            start = time.perf_counter()
            model.answer(row)
            if count >= WARM_UP:
                durations.append(time.perf_counter() - start)
    return [float(np.percentile(durations, 95)) for durations in seconds]


def compare(directories: list[Path]) -> dict[str, Any]:
    """Return the outcome of each row for both models, their latency and size, and the rows that leaked."""
    held_out = (directories[0] / "held-out.json").read_bytes()
    document = json.loads(held_out)
    models = [Model.load(directory) for directory in directories]
    inputs = {
        item["name"]: np.asarray(document["inputs"][item["name"]], dtype=DATATYPES[item["datatype"]])
        for item in models[0].inputs
    }
    answers = np.asarray(document["answers"])
    if answers.dtype.kind == "f" and not np.isfinite(answers).all():
        raise ValueError("held-out.json has answers that are no finite numbers")
    rows = len(answers)
    trained = set((directories[1] / "training-rows.txt").read_text().split())
    leaked = sum(digest in trained for digest in row_hashes(list(inputs.items())))
    outcomes: list[list[float]] = []
    for model in models:
        predicted = predictions(model, inputs, rows)
        if model.card["task"] == "classification":
            outcomes.append([int(value) for value in predicted == answers])
        else:
            outcomes.append([float(value) for value in np.abs(predicted - answers)])
    return {
        "held_out": hashlib.sha256(held_out).hexdigest(),
        "rows": rows,
        "leaked": leaked,
        "outcomes": outcomes,
        "latencies": latencies(models, inputs, rows),
        "sizes": [(directory / "model.onnx").stat().st_size for directory in directories],
    }


def main() -> None:
    """Print the comparison, or the reason why there is none."""
    try:
        result = compare([Path(argument) for argument in sys.argv[1:3]])
    except Exception as error:
        result = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
