"""Writes resnet_v1_50 as a training graph on small images, and what it computes in 100 steps.

    python3.7 tests/golden/make_resnet_recording.py  # into build/resnet64

In an environment with tensorflow 1.15 and slimfix. Below the folder, which is too large for git:

- `model.ckpt.*`: the checkpoint, optimizer slots included, and its .meta: is_training=True a
  constant, images [batch, 64, 64, 3], 17 classes, weight decay 1e-4, summaries, train op;
- `recording.npz`: what `slimfix record` gives of it, all levels, with 100 steps of Momentum.

The values are those of `make_zoo.py`: weights as He et al. (arXiv 1502.01852), moving statistics
of one batch.
"""

import os
import sys
import time

import make_zoo
import tensorflow as tf
import zoo_pipelines

import slimfix

NET = make_zoo.NETS["resnet_v1_50"]._replace(
    height=64, width=64, pipeline=zoo_pipelines.placeholders
)
# At a larger rate training is chaotic: after 16 steps one ULP has become a tenth of the loss.
STEPS, LEARNING_RATE, BATCH_SIZE = 100, 1e-6, 4


def main(folder):
    """Writes the checkpoint, and records it."""
    os.makedirs(folder, exist_ok=True)
    start = time.time()
    names = make_zoo.write_training(NET, folder, seed=50)
    print(f"checkpoint: {time.time() - start:.0f} s", flush=True)
    start = time.time()
    recording = slimfix.record(
        os.path.join(folder, "model.ckpt"),
        os.path.join(folder, "recording.npz"),
        inputs=names["inputs"],
        outputs=names["outputs"][:1],
        levels=["L1", "L2", "L3", "L4"],
        learning_rate=LEARNING_RATE,
        steps=STEPS,
        batch_size=BATCH_SIZE,
        overwrite=True,
    )
    print(f"recording: {time.time() - start:.0f} s", flush=True)
    print("losses:", " ".join(f"{loss:.4g}" for loss in recording.trajectory.losses))


if __name__ == "__main__":
    tf.logging.set_verbosity(tf.logging.ERROR)
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.join("build", "resnet64"))
