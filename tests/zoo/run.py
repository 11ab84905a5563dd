"""Migrates every net of a zoo, from its inference and from its training graph, and proves it.

    python3.7 tests/golden/make_zoo.py build/zoo   # with TensorFlow 1.15; once
    python tests/zoo/run.py build/zoo              # prints a line for each net and graph
    python tests/zoo/run.py build/zoo vgg_a --graph=training

An inference graph is proved against what TensorFlow 1.15 recorded. For a training graph there is
no such recording: it is proved against itself, run in float64, and then its Keras model is given
the recorded inputs, where its outputs must be those of the model made from the inference graph, to
the bit. Each migration has a process of its own, whose peak memory is printed. Exit status 1: one
fails.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRAPHS = ("inference", "training")
_HEADER = (
    f"{'net':<14} {'graph':<9} {'convert':>8} {'parity':>8} {'peak':>9} {'variables':>10} "
    f"{'layers':>7}  {'verdict':<11} {'float64':>8} {'recorded':>8}"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="what make_zoo.py wrote")
    parser.add_argument("nets", nargs="*", help="names of nets; all if none is given")
    parser.add_argument("--graph", choices=GRAPHS, help="one graph only")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(migrate_one(options.folder / options.nets[0], options.graph)))
        return 0
    found = sorted(path.parent.name for path in options.folder.glob("*/net.json"))
    unknown = sorted(set(options.nets) - set(found))
    if unknown or not found:
        raise SystemExit(f"{options.folder} holds {', '.join(found) or 'no net'}; not {unknown}")
    print(_HEADER, flush=True)
    failed = 0
    for net in options.nets or found:
        for graph in [options.graph] if options.graph else GRAPHS:
            failed += not run_in_a_process(options.folder, net, graph)
    return int(failed > 0)


def run_in_a_process(folder: pathlib.Path, net: str, graph: str) -> bool:
    """Prints the line of one migration, or its error; tells whether it went right."""
    command = [sys.executable, __file__, str(folder), net, f"--graph={graph}", "--one"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=out, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), errors.seek(0)
        printed, complaint = out.read(), errors.read()
    peak = usage.ru_maxrss / 1024  # Linux counts in KiB.
    if process.returncode:
        print(f"{net:<14} {graph:<9} FAILED {peak:7.0f}MiB\n{_error_text(complaint)}", flush=True)
        return False
    line = json.loads(printed.splitlines()[-1])
    print(
        f"{net:<14} {graph:<9} {line['convert']:7.1f}s {line['parity']:7.1f}s {peak:6.0f}MiB "
        f"{line['migrated']:4d}/{line['variables']:<5d} {line['layers']:7d}  "
        f"{line['verdict']:<11} {line['function_error']:8.1e} {line['recorded_error']:8.1e}",
        flush=True,
    )
    for fault in line["faults"]:
        print(f"    {fault}", flush=True)
    return not line["faults"]


def _error_text(complaint: str) -> str:
    """Returns what a process said from its last exception on; all of it where there is none."""
    lines = complaint.rstrip().splitlines()
    starts = [n for n, line in enumerate(lines) if line.startswith("Traceback")]
    text = lines[starts[-1] + 1 :] if starts else lines
    own = [line for line in text if not line.startswith("  File") and line[:4] != "    "]
    return "\n".join("    " + line[:300] for line in own[:40])


def migrate_one(folder: pathlib.Path, graph: str) -> dict:
    """Returns what one migration gave: seconds, counts, errors, faults."""
    from slimfix.migration.eager import run_eagerly
    from slimfix.parity import diff_parity, read_recording
    from slimfix.parity.compare import relative_error

    names = json.loads((folder / "net.json").read_text())
    recording = read_recording(str(folder / "inference" / "recording.npz"))
    start = time.perf_counter()
    migration = convert_one(folder, graph, names)
    converted = time.perf_counter()
    with tempfile.TemporaryDirectory() as room:
        path = os.path.join(room, "model.keras")
        run_eagerly(migration.model.save, path)
        saved = time.perf_counter()
        parity = diff_parity(path, migration, recording if graph == "inference" else None)
    proved = time.perf_counter()
    outputs = run_eagerly(run_model, migration, recording, names["inference"])
    recorded = [recording.tensors[name] for name in names["inference"]["outputs"]]
    faults = [*parity.weights.different, *parity.settings.different]
    if parity.first_difference:
        faults.append(f"differs first at {parity.first_difference}")
    if graph == "training":
        inference = convert_one(folder, "inference", names)
        others = run_eagerly(run_model, inference, recording, names["inference"])
        if any(mine.tobytes() != its.tobytes() for mine, its in zip(outputs, others)):
            faults.append("outputs are not those of the model made from the inference graph")
    return {
        "convert": converted - start,
        "parity": proved - saved,
        "variables": len(migration.variables),
        "migrated": sum(fate.migrated for fate in migration.variables),
        "layers": len(migration.plan.layers),
        "verdict": parity.verdict.value,
        "function_error": max(row.function_error for row in parity.layers),
        "recorded_error": max(
            relative_error(value, wanted.astype("float64"))
            for value, wanted in zip(outputs, recorded)
        ),
        "faults": faults,
    }


def convert_one(folder: pathlib.Path, graph: str, names: dict):
    """Returns the migration of a net's training checkpoint by one of its graphs."""
    from slimfix.migration import convert
    from slimfix.network.sources import Source

    meta = str(folder / graph / "model.ckpt.meta")
    source = Source(str(folder / "training" / "model.ckpt"), meta)
    return convert(source, names[graph]["inputs"], names[graph]["outputs"])


def run_model(migration, recording, names: dict) -> list:
    """Returns what the Keras model gives for the recorded inputs."""
    import keras

    (images,) = (recording.inputs[name] for name in names["inputs"])
    given = keras.tree.flatten(migration.model(images, training=False))
    return [keras.ops.convert_to_numpy(each) for each in given]


if __name__ == "__main__":
    sys.exit(main())
