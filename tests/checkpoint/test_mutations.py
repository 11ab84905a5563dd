"""Whatever happens to a file: one clear error, or the right values."""

import os
import resource
import subprocess
import sys

COUNT = 1500


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (300, 300))


def test_every_mutation_is_refused_or_read_right(tmp_path):
    command = [sys.executable, "-m", "tests.checkpoint.mutations", "0", str(COUNT), str(tmp_path)]
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1")  # Each thread takes of the limit.
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=True, preexec_fn=limit
    )
    table = dict(line.split(" ", 1)[::-1] for line in done.stdout.decode().splitlines())
    assert set(table) == {"refused", "right"}, table
    assert int(table["refused"]) > COUNT / 2
    assert int(table["refused"]) + int(table["right"]) == COUNT
