"""`slimfix record`: what a TensorFlow 1 network computes, written down where it lives."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from absl import flags

from slimfix.commands import quiet
from slimfix.commands.checkpoint_flags import require
from slimfix.commands.source_flags import define_source_flags, read_source
from slimfix.errors import count, printable
from slimfix.writing import check_new_file

USAGE = (
    "slimfix record {--checkpoint=PREFIX | --frozen_graph=FILE | --saved_model=DIR} "
    "--output=FILE.npz [--flag=value ...]"
)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command in `values`."""
    define_source_flags(values)
    flags.DEFINE_string(
        "data",
        None,
        "Inputs: arrays by tensor name (.npz), or that of the only input (.npy); the first axis "
        "counts samples. Drawn if not given.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "levels",
        [],
        "What to record, with commas. L1: every tensor in inference. L2: in training, and the "
        "moving statistics after a step. L3: gradients. L4: optimizer steps. L1,L2,L3 if not "
        "given, or L1 where the network does not train.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "optimizer",
        "momentum",
        ["sgd", "momentum", "adam", "rmsprop"],
        "Which one takes the steps of L4, with the defaults of TensorFlow 1.",
        flag_values=values,
    )
    flags.DEFINE_float("learning_rate", 0.01, "Of these steps; constant.", flag_values=values)
    flags.DEFINE_integer("steps", 100, "How many, on four batches in turns.", flag_values=values)
    flags.DEFINE_integer(
        "batch_size", 8, "Samples in a batch, where the graph does not say.", flag_values=values
    )
    flags.DEFINE_string("output", None, "File to write (.npz).", flag_values=values)
    flags.DEFINE_boolean(
        "overwrite", False, "Whether a file at --output is replaced.", flag_values=values
    )


def run(values: flags.FlagValues) -> int:
    """Records and prints a summary; raises SlimfixError where it fails."""
    require(values, ("output",), USAGE)
    check_new_file(values.output, values.overwrite)
    source = read_source(values)
    from slimfix import record

    with quiet.tensorflow_kept_quiet(errors_only=True):
        recording = record(
            output=values.output,
            data=values.data,
            levels=values.levels,
            optimizer=values.optimizer,
            learning_rate=values.learning_rate,
            steps=values.steps,
            batch_size=values.batch_size,
            overwrite=values.overwrite,
            **source,
        )
    print(printable(_summary(recording), lines=True))
    return 0


def _summary(recording: Any) -> str:
    versions, steps = recording.versions, recording.trajectory
    fed = ", ".join(f"{name} {list(value.shape)}" for name, value in recording.inputs.items())
    lines = [
        f"Recorded with TensorFlow {versions['tensorflow']} on Python {versions['python']}",
        f"  inputs  {fed}",
        f"  L1      {count(len(recording.tensors), 'tensor')} in inference",
    ]
    if recording.training:
        statistics = f"{count(len(recording.statistics), 'statistic')} after one step"
        lines.append(
            f"  L2      {count(len(recording.training), 'tensor')} in training; {statistics}"
        )
    if recording.gradients:
        lines.append(f"  L3      {count(len(recording.gradients), 'gradient')}")
    if steps:
        taken = f"{count(len(steps.losses), 'step')} of {steps.optimizer}"
        lines.append(f"  L4      {taken}; loss {steps.losses[0]:.4g} to {steps.losses[-1]:.4g}")
    with open(recording.path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    size = os.path.getsize(recording.path)
    return "\n".join([*lines, f"{recording.path}: {size:,} bytes", f"sha256 {digest}"])
