"""Writes ops.txt: every op that TensorFlow 1.15.5 has, one to a line, 'stateful' where it is.

python tests/golden/make_ops.py, in the legacy environment.
"""

import os

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python import pywrap_tensorflow as library

OUTPUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ops.txt")


def main():
    if not tf.__version__.startswith("1.15"):
        raise SystemExit(f"this is TensorFlow {tf.__version__}; run it on 1.15.5")
    buffer = library.TF_GetBuffer(library.TF_GetAllOpList())
    ops = sorted(op_def_pb2.OpList.FromString(buffer).op, key=lambda op: op.name)
    with open(OUTPUT, "w") as file:
        for op in ops:
            file.write(f"{op.name} stateful\n" if op.is_stateful else f"{op.name}\n")


if __name__ == "__main__":
    main()
