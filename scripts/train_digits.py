"""Trains the digits network the TensorFlow 1 way, with slimfix in slim's place.

Runs from a checkout, on TensorFlow 1.15 and on TensorFlow 2: python scripts/train_digits.py
"""

import os
import sys

import numpy as np
from absl import app, flags

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.dirname(HERE)]  # Behind the rest: an installed slimfix comes first.

import digits_data  # noqa: E402

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "data",
    digits_data.PATH,
    "npz file with train_images, train_labels, test_images and test_labels.",
)
flags.DEFINE_string("train_dir", "runs/digits", "Where the checkpoint is written.")
flags.DEFINE_integer("steps", 1000, "Number of training steps.", lower_bound=1)
flags.DEFINE_integer("batch_size", 64, "Images in each step.", lower_bound=1)
flags.DEFINE_float("learning_rate", 0.05, "Of the momentum optimizer.", lower_bound=0.0)
flags.DEFINE_float("momentum", 0.9, "Of the momentum optimizer.", lower_bound=0.0)
flags.DEFINE_integer("seed", 1, "For the initial weights, the dropout and the order of images.")


def build_loss(logits, labels):
    """Returns the total loss, weight penalties included: float32 []."""
    import tensorflow.compat.v1 as tf

    tf.losses.sparse_softmax_cross_entropy(labels, logits)
    return tf.losses.get_total_loss()


def train(session, train_op, feed_of, count):
    """Runs FLAGS.steps steps, each on images drawn without repetition from `count`."""
    random = np.random.RandomState(FLAGS.seed)
    for step in range(FLAGS.steps):
        chosen = random.choice(count, min(FLAGS.batch_size, count), replace=False)
        loss = session.run(train_op, feed_of(chosen))
        if (step + 1) % 200 == 0:
            print(f"step {step + 1}: loss {loss:.4f}")


def main(argv):
    """Trains, prints the test accuracy and saves the checkpoint."""
    if len(argv) > 1:
        raise app.UsageError(f"Too many arguments: {' '.join(argv[1:])}")

    import tensorflow.compat.v1 as tf
    from digits_net import digits_net

    from slimfix import build_saver, create_train_op, slim

    tf.disable_v2_behavior()
    tf.logging.set_verbosity(tf.logging.ERROR)
    train_images, train_labels = digits_data.read_digits(FLAGS.data, "train")
    test_images, test_labels = digits_data.read_digits(FLAGS.data, "test")

    tf.set_random_seed(FLAGS.seed)
    images, labels, is_training = digits_data.build_inputs()
    logits, _ = digits_net(slim, images, is_training)
    optimizer = tf.train.MomentumOptimizer(FLAGS.learning_rate, FLAGS.momentum)
    train_op = create_train_op(build_loss(logits, labels), optimizer)
    saver = build_saver()

    def feed_of(chosen):
        return {images: train_images[chosen], labels: train_labels[chosen], is_training: True}

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        train(session, train_op, feed_of, len(train_images))
        scores = session.run(logits, {images: test_images, is_training: False})
        prefix = os.path.join(FLAGS.train_dir, "model.ckpt")
        os.makedirs(FLAGS.train_dir, exist_ok=True)
        prefix = saver.save(session, prefix, global_step=FLAGS.steps)

    accuracy = np.mean(scores.argmax(axis=1) == test_labels)
    print(f"test accuracy with the moving statistics: {accuracy:.2%}")
    print(f"checkpoint: {prefix}")
    output_dir = os.path.join(FLAGS.train_dir, "keras")
    print(f"next: slimfix migrate --checkpoint={prefix} --output_dir={output_dir}")


if __name__ == "__main__":
    app.run(main)
