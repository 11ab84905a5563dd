"""The images that the digits scripts train on, and where they are fed."""

import os

import numpy as np

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATH = os.path.join(CHECKOUT, "tests", "golden", "digits", "digits.npz")


def read_digits(path, split):
    """Returns (images, labels) of 'train' or 'test': float32 [n, 8, 8, 1] in [0, 1], int64 [n]."""
    with np.load(path) as arrays:
        images, labels = arrays[split + "_images"], arrays[split + "_labels"]
    return images[..., np.newaxis].astype(np.float32) / 16, labels.astype(np.int64)


def build_inputs():
    """Returns placeholders for (images, labels, is_training) of the digits net."""
    import tensorflow.compat.v1 as tf

    images = tf.placeholder(tf.float32, [None, 8, 8, 1], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    return images, labels, tf.placeholder(tf.bool, [], name="is_training")
