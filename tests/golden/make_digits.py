"""Trains the digits network with TensorFlow 1.15 and writes tests/golden/digits/.

Only tensorflow and tf.contrib.slim are used: golden data must not come from slimfix itself.
Run it with Python 3.7 from anywhere: python tests/golden/make_digits.py
"""

import os
import sys

import numpy as np
import recording
import tensorflow as tf
from sklearn import datasets
from tensorflow.contrib import slim

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "scripts"))
from digits_net import digits_net  # noqa: E402

OUT = os.path.join(HERE, "digits")
TRAIN_SIZE, BATCH_SIZE, EPOCHS = 1437, 64, 30


def read_digits():
    """Returns a dict of uint8 pixels [n, 8, 8] in 0..16 and uint8 labels [n], split by seed."""
    digits = datasets.load_digits()
    order = np.random.RandomState(20170801).permutation(len(digits.target))
    train, test = order[:TRAIN_SIZE], order[TRAIN_SIZE:]
    return {
        "train_images": digits.images[train].astype(np.uint8),
        "train_labels": digits.target[train].astype(np.uint8),
        "test_images": digits.images[test].astype(np.uint8),
        "test_labels": digits.target[test].astype(np.uint8),
    }


def scale_pixels(pixels):
    """Returns float32 [n, 8, 8, 1] in [0, 1] from pixels in 0..16."""
    return (pixels.astype(np.float32) / 16)[..., np.newaxis]


def build_graph(run_update_ops):
    """Builds the training graph in the default graph; returns `(logits, train_op)`."""
    tf.set_random_seed(1)
    images = tf.placeholder(tf.float32, [None, 8, 8, 1], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    is_training = tf.placeholder(tf.bool, [], name="is_training")
    logits, _ = digits_net(slim, images, is_training)
    tf.losses.sparse_softmax_cross_entropy(labels, logits)
    loss = tf.losses.get_total_loss()
    global_step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(0.05, global_step, 400, 0.3, name="learning_rate")
    optimizer = tf.train.MomentumOptimizer(rate, 0.9)
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS) if run_update_ops else []
    with tf.control_dependencies(update_ops):
        train_op = optimizer.minimize(loss, global_step=global_step)
    return logits, train_op


def open_session():
    """Returns a session on one thread, for a result that can be repeated."""
    config = tf.ConfigProto(
        intra_op_parallelism_threads=1, inter_op_parallelism_threads=1, device_count={"GPU": 0}
    )
    return tf.Session(config=config)


def train(digits, run_update_ops):
    """Returns the trained network's variables: dict, variable name to array."""
    images, labels = scale_pixels(digits["train_images"]), digits["train_labels"]
    shuffle = np.random.RandomState(2)
    with tf.Graph().as_default(), open_session() as session:
        _, train_op = build_graph(run_update_ops)
        session.run(tf.global_variables_initializer())
        for _ in range(EPOCHS):
            order = shuffle.permutation(len(labels))
            for start in range(0, len(order) - BATCH_SIZE + 1, BATCH_SIZE):
                batch = order[start : start + BATCH_SIZE]
                session.run(
                    train_op,
                    {"images:0": images[batch], "labels:0": labels[batch], "is_training:0": True},
                )
        variables = {variable.op.name: variable for variable in tf.global_variables()}
        return session.run(variables)


def write_variant(name, digits, values, run_update_ops, trainable_only=False, recorded=8):
    """Saves `values` as `digits/<name>/model.ckpt` and records `recorded` images; returns accuracy.

    What is recorded is what a user gets from the files: every variable initialised, then the
    checkpoint restored over it.
    """
    directory = os.path.join(OUT, name)
    if not os.path.isdir(directory):
        os.makedirs(directory)
    prefix = os.path.join(directory, "model.ckpt")
    with tf.Graph().as_default():
        logits, _ = build_graph(run_update_ops)
        initialize = tf.global_variables_initializer()
        saver = tf.train.Saver(tf.trainable_variables() if trainable_only else None)
        with open_session() as session:
            for variable in tf.global_variables():
                variable.load(values[variable.op.name], session)
            saver.save(session, prefix, write_state=False)
        with open_session() as session:
            session.run(initialize)
            saver.restore(session, prefix)
            test_images = scale_pixels(digits["test_images"])
            test_logits = session.run(logits, {"images:0": test_images, "is_training:0": False})
            accuracy = np.mean(test_logits.argmax(axis=1) == digits["test_labels"])
            recording.write_recording(
                directory,
                session,
                inputs={"images:0": test_images[:recorded]},
                outputs=[logits.name],
                switches={"is_training:0": False},
                extra={"test/logits": test_logits, "test/accuracy": np.float64(accuracy)},
            )
    return accuracy


def main():
    """Writes the data set, the three checkpoints and their recordings."""
    tf.logging.set_verbosity(tf.logging.WARN)
    if not os.path.isdir(OUT):
        os.makedirs(OUT)
    digits = read_digits()
    np.savez_compressed(os.path.join(OUT, "digits.npz"), **digits)
    trained = train(digits, run_update_ops=True)
    untracked = train(digits, run_update_ops=False)
    accuracies = {
        "good": write_variant("good", digits, trained, True, recorded=24),
        "trainable_only": write_variant(
            "trainable_only", digits, trained, True, trainable_only=True
        ),
        "no_updates": write_variant("no_updates", digits, untracked, False),
    }
    print("test accuracy:", accuracies)
    if accuracies["good"] <= 0.97:
        raise RuntimeError(
            "The good network reached only {good:.4f}; more than 0.97 is wanted.".format(
                **accuracies
            )
        )


if __name__ == "__main__":
    main()
