"""The images that the digits scripts train on."""

import os

import numpy as np

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATH = os.path.join(CHECKOUT, "tests", "golden", "digits", "digits.npz")


def read_digits(path, split):
    """Returns (images, labels) of 'train' or 'test': float32 [n, 8, 8, 1] in [0, 1], int64 [n]."""
    with np.load(path) as arrays:
        images, labels = arrays[split + "_images"], arrays[split + "_labels"]
    return images[..., np.newaxis].astype(np.float32) / 16, labels.astype(np.int64)
