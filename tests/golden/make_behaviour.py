"""Writes tests/golden/behaviour.npz: what TensorFlow 1.15.5 does in every case of batch norm.

Run it with Python 3.7 from anywhere: python tests/golden/make_behaviour.py
"""

import os

import batch_norm_cases as cases
import numpy as np
import tensorflow as tf
from tensorflow.contrib import slim

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "behaviour.npz")

if __name__ == "__main__":
    tf.logging.set_verbosity(tf.logging.ERROR)
    arrays = {}
    for case in cases.CASES:
        for name, value in cases.run_case(slim, case).items():
            arrays[f"{case}/{name}"] = value
    np.savez_compressed(OUT, **arrays)
    print(f"{len(cases.CASES)} cases, {len(arrays)} arrays, {os.path.getsize(OUT)} bytes")
