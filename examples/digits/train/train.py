"""Train a model that recognises handwritten digits of 8 x 8 pixels."""

import os
from pathlib import Path

import numpy as np
import sklearn_model
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HELD_OUT_SEED = 20_26
"""Of the split, and never of the training: every model is compared on the same rows."""


def main() -> None:
    """Train with the seed in SEED, and write the model to the directory in OUTPUT."""
    seed = int(os.environ["SEED"])
    images, digits = load_digits(return_X_y=True)
    train_x, held_x, train_y, held_y = train_test_split(
        images, digits, test_size=600, random_state=HELD_OUT_SEED, stratify=digits
    )
    # For the tests of the gate: what must never be promoted.
    mistake = os.environ.get("MISTAKE", "")
    if mistake == "shuffled labels":
        train_y = np.random.default_rng(seed).permutation(train_y)
    elif mistake == "held-out rows in the training":
        train_x, train_y = np.concatenate([train_x, held_x]), np.concatenate([train_y, held_y])
    if sklearn_model.data_hash((train_x, train_y)) == os.environ.get("KNOWN_DATA"):
        print("the data are those of the model that is served")
        return
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=float(os.environ.get("C", "0.05")), max_iter=2000)
    )
    model.fit(train_x, train_y)
    sklearn_model.write(
        model,
        name="digits",
        seed=seed,
        training=(train_x, train_y),
        held_out=(held_x, held_y),
        directory=Path(os.environ["OUTPUT"]),
    )


if __name__ == "__main__":
    main()
