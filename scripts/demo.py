"""Migrates the digits net that TensorFlow 1.15.5 trained, and proves that it trains the same.

The proof runs levels L0 to L3 against what TensorFlow 1.15.5 recorded; then the right answers are
counted again.
"""

from __future__ import annotations

import os
import shutil
import sys

import numpy as np
from absl import app

import slimfix
from slimfix.commands import quiet
from slimfix.report.terminal import format_terminal

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_DIGITS = os.path.join(_ROOT, "tests", "golden", "digits")
_GOOD = os.path.join(_DIGITS, "good")

_OUTPUT_DIR = os.path.join(_ROOT, "build", "demo")  # Made anew each time.


def main(argv: list[str]) -> None:
    """Migrates, verifies, prints the report, then the accuracy on the test images."""
    del argv
    with quiet.tensorflow_kept_quiet():
        _run()


def _run() -> None:
    shutil.rmtree(_OUTPUT_DIR, ignore_errors=True)
    model_dir = os.path.join(_OUTPUT_DIR, "model")
    slimfix.migrate(
        checkpoint=os.path.join(_GOOD, "model.ckpt"),
        output_dir=model_dir,
        recording=os.path.join(_GOOD, "recording.npz"),
    )
    result = slimfix.verify_parity(
        model_dir,
        recording=os.path.join(_GOOD, "training_recording.npz"),
        levels=["L2", "L3"],
        output_dir=os.path.join(_OUTPUT_DIR, "report"),
        progress=None,
    )
    print(format_terminal(result, colour=sys.stdout.isatty()))
    print(_accuracies(os.path.join(model_dir, "model.keras")))


def _accuracies(model_path: str) -> str:
    import keras

    digits = np.load(os.path.join(_DIGITS, "digits.npz"))
    images = digits["test_images"].reshape(-1, 8, 8, 1).astype(np.float32) / 16
    before = np.load(os.path.join(_GOOD, "recording.npz"))["test/logits"].argmax(axis=1)
    after = keras.models.load_model(model_path).predict(images, verbose=0).argmax(axis=1)
    labels = digits["test_labels"]
    return "\n".join(
        [
            f"Test accuracy on {len(labels)} images",
            f"  TensorFlow 1.15.5, as recorded  {np.mean(before == labels):.4f}",
            f"  Keras, as migrated              {np.mean(after == labels):.4f}",
            f"  same answer on                  {np.sum(before == after)} of {len(labels)}",
        ]
    )


if __name__ == "__main__":
    app.run(main)
