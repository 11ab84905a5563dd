"""What verifying ResNet-v1-50 at levels L0 and L1 costs, in forward passes of it.

    python3.7 tests/golden/make_zoo.py build/zoo resnet_v1_50   # TensorFlow 1.15; once
    python benchmarks/verify.py --zoo=build/zoo

A process imports TensorFlow and Keras; then, round by round, it takes turns: forward passes of the
original graph in float32 (a session that is warm) and of the Keras model (`predict`, warm) on some
images of 224 by 224; and the verification of the same images from the files to the verdict: it
reads graph, checkpoint and model, compares, and writes the report. Printed are medians and ranges
of seconds, and the verification in forward passes of the original, for each number of images. A
verification runs the network four times, twice of them in float64, which costs two to three times
as much.
"""

import json
import os
import pathlib
import sys
import tempfile
import time

import numpy as np
from absl import app, flags

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

FLAGS = flags.FLAGS
flags.DEFINE_string("zoo", "build/zoo", "Folder that make_zoo.py wrote.")
flags.DEFINE_list("images", ["2", "8", "16"], "Numbers of images.")
flags.DEFINE_integer("rounds", 3, "Rounds.", lower_bound=1)


def timed(function, *arguments, **keywords):
    """Returns the seconds that a call took."""
    start = time.perf_counter()
    function(*arguments, **keywords)
    return time.perf_counter() - start


def measure(model_path, source, images):
    """Returns seconds by name, a list of one a round."""
    import keras
    import tensorflow.compat.v1 as tf

    import slimfix
    from slimfix.migration.eager import run_eagerly

    meta, names = source["meta"], source["names"]
    model = run_eagerly(keras.models.load_model, model_path)
    seconds = {"original": [], "Keras": [], "verify": []}
    graph = tf.Graph()
    with graph.as_default(), tf.Session(graph=graph) as session:
        tf.train.import_meta_graph(meta).restore(session, source["checkpoint"])
        feed = {names["inputs"][0]: images}
        session.run(names["outputs"][:1], feed)
        for _ in range(FLAGS.rounds):
            seconds["original"].append(timed(session.run, names["outputs"][:1], feed))
            run_eagerly(model.predict, images, len(images), 0)
            seconds["Keras"].append(timed(run_eagerly, model.predict, images, len(images), 0))
            with tempfile.TemporaryDirectory() as folder:
                seconds["verify"].append(
                    timed(
                        slimfix.verify_parity,
                        model_path,
                        source["checkpoint"],
                        meta,
                        names["inputs"],
                        names["outputs"][:1],
                        data=images,
                        output_dir=os.path.join(folder, "report"),
                    )
                )
    return seconds


def main(argv):
    """Migrates once, then measures."""
    if len(argv) > 1:
        raise app.UsageError(f"Too many arguments: {' '.join(argv[1:])}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    net = pathlib.Path(FLAGS.zoo) / "resnet_v1_50"
    source = {
        "checkpoint": str(net / "training" / "model.ckpt"),
        "meta": str(net / "inference" / "model.ckpt.meta"),
        "names": json.loads((net / "net.json").read_text())["inference"],
    }

    def imports():
        import keras  # noqa: F401
        import tensorflow  # noqa: F401

    print(f"imports {timed(imports):.1f} s")
    import slimfix

    print(f"{'images':>6}{'original':>12}{'Keras':>10}{'verify':>10}{'range':>14}{'passes':>10}")
    with tempfile.TemporaryDirectory() as folder:
        model_dir = os.path.join(folder, "model")
        names = source["names"]
        slimfix.migrate(
            source["checkpoint"],
            model_dir,
            source["meta"],
            names["inputs"],
            names["outputs"][:1],
        )
        for count in map(int, FLAGS.images):
            shape = (count, 224, 224, 3)
            images = np.random.default_rng(7).normal(size=shape).astype(np.float32)
            seconds = measure(os.path.join(model_dir, "model.keras"), source, images)
            original, keras, verify = (np.median(seconds[key]) for key in seconds)
            between = f"{min(seconds['verify']):.1f}..{max(seconds['verify']):.1f}"
            passes = np.median(np.divide(seconds["verify"], seconds["original"]))
            print(
                f"{count:>6}{original:>10.2f} s{keras:>8.2f} s{verify:>8.1f} s{between:>14}"
                f"{passes:>10.1f}"
            )
    print("passes: verifications in forward passes of the original (aim: at most 10)")


if __name__ == "__main__":
    app.run(main)
