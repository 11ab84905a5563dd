"""Writes resnet_v1_50 as a training graph on small images, and what it computes in 100 steps.

    export PYTHONPATH=.
    python3.7 tests/golden/make_resnet_recording.py  # into build/resnet64
    python3.7 tests/golden/make_resnet_recording.py build/some --sample=2 --seed=abc

The last records two of the levels L2 to L4, and 8 steps. All need an environment with tensorflow
1.15 and slimfix. Below the folder, which is too large for git:

- `model.ckpt.*`: the checkpoint, optimizer slots included, and its .meta: is_training=True a
  constant, images [batch, 64, 64, 3], 17 classes, weight decay 1e-4, summaries, train op;
- `recording.npz`: what `slimfix record` gives of it, all levels, with 100 steps of Momentum.

The values are those of `make_zoo.py`: weights as He et al. (arXiv 1502.01852), moving statistics
of one batch.
"""

import argparse
import os
import time

import make_zoo
import tensorflow as tf
import zoo_pipelines

import slimfix
from tests import sampling

NET = make_zoo.NETS["resnet_v1_50"]._replace(
    height=64, width=64, pipeline=zoo_pipelines.placeholders
)
# At a larger rate training is chaotic: after 16 steps one ULP has become a tenth of the loss.
STEPS, LEARNING_RATE, BATCH_SIZE = 100, 1e-6, 4
SAMPLED_STEPS = 8


def main(options):
    """Writes the checkpoint, and records it."""
    folder = options.folder
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
        levels=["L1", *sampling.choose(["L2", "L3", "L4"], options)],
        learning_rate=LEARNING_RATE,
        steps=STEPS if options.sample is None else SAMPLED_STEPS,
        batch_size=BATCH_SIZE,
        overwrite=True,
    )
    print(f"recording: {time.time() - start:.0f} s", flush=True)
    if recording.trajectory is not None:
        print("losses:", " ".join(f"{loss:.4g}" for loss in recording.trajectory.losses))


if __name__ == "__main__":
    tf.logging.set_verbosity(tf.logging.ERROR)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=os.path.join("build", "resnet64"))
    sampling.add_flags(parser, "levels from L2 on")
    main(parser.parse_args())
