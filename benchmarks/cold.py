"""What a look at a checkpoint and its graph costs from a cold start, beside importing NumPy.

    python3.7 tests/golden/make_zoo.py build/zoo inception_v3   # TensorFlow 1.15; once
    python benchmarks/cold.py

Each way is a process of its own, from its start to its end, and they take turns, round by round:
`import numpy`; slimfix, which lists the checkpoint and finds every batch norm of its `.meta`; and
slimfix, which refuses a checkpoint that is not there. Printed are the median and the range of
seconds, then ratios of the same round.
"""

import os
import pathlib
import subprocess
import sys
import time

import numpy as np
from absl import app, flags

ROOT = pathlib.Path(__file__).resolve().parent.parent

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "checkpoint", "build/zoo/inception_v3/training/model.ckpt", "Prefix, with its .meta."
)
flags.DEFINE_integer("rounds", 7, "Rounds.", lower_bound=1)

LOOK = """
import sys
from slimfix.checkpoint import read_checkpoint
from slimfix.graph.layers import find_batch_norm_layers
variables = read_checkpoint(sys.argv[1]).variables
layers = find_batch_norm_layers(sys.argv[1] + ".meta")
print(f"{len(variables)} variables, {len(layers)} batch norms")
"""
REFUSE = """
import sys
from slimfix.commands.main import main
sys.exit(main(["migrate", f"--checkpoint={sys.argv[1]}.nowhere", "--output_dir=build/nowhere"]))
"""
WAYS = {"import numpy": "import numpy", "look": LOOK, "refuse": REFUSE}


def measure(program: str) -> float:
    """Returns the seconds that a process takes from its start to its end."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", program, FLAGS.checkpoint],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    return time.perf_counter() - start


def main(argv: list[str]) -> None:
    """Measures and prints the table."""
    del argv
    found = subprocess.run(
        [sys.executable, "-c", LOOK, FLAGS.checkpoint],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    print(found.stdout.strip())
    seconds = {way: [] for way in WAYS}
    for _ in range(FLAGS.rounds):
        for way, program in WAYS.items():
            seconds[way].append(measure(program))
    for way, times in seconds.items():
        ratios = np.divide(times, seconds["import numpy"])
        print(
            f"{way:<14} {np.median(times):6.3f} s ({min(times):.3f} to {max(times):.3f})   "
            f"ratio {np.median(ratios):5.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    app.run(main)
