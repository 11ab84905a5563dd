"""`slimfix verify`: proves that a Keras model is a TensorFlow 1 network."""

from __future__ import annotations

import sys

from absl import flags

from slimfix.commands.checkpoint_flags import require
from slimfix.commands.proof import define_proof_flags, print_report
from slimfix.commands.source_flags import define_source_flags, read_source
from slimfix.writing import check_new_folder

USAGE = (
    "slimfix verify --model=FILE.keras|DIR [--checkpoint=PREFIX | --frozen_graph=FILE | "
    "--saved_model=DIR] [--flag=value ...]"
)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of the command in `values`."""
    flags.DEFINE_string(
        "model",
        None,
        "A .keras file, or a folder that slimfix migrate wrote, which also says where the network "
        "is.",
        flag_values=values,
    )
    define_source_flags(values)
    define_proof_flags(values)
    flags.DEFINE_string(
        "data",
        None,
        "Inputs of your own: .npz with arrays by tensor name, or .npy; drawn if not given.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "levels",
        [],
        "L2 (training forward), L3 (gradients), L4 (optimizer steps), with commas; L0 (weights) "
        "and L1 (inference) always run. Those of the recording if not given.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "allow_layers",
        [],
        "Layers or operations of the model, with commas, that may be there although the network "
        "has none such, if the values agree; the report lists them.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "optimizer",
        "momentum",
        "Of L4: sgd, momentum, adam or rmsprop; a recording has its own.",
        flag_values=values,
    )
    flags.DEFINE_float("learning_rate", 0.01, "Of L4.", flag_values=values)
    flags.DEFINE_integer("steps", 100, "Of L4.", flag_values=values)
    flags.DEFINE_string(
        "output_dir",
        None,
        "Folder to make, for parity.json and parity.html. It must not exist.",
        flag_values=values,
    )


def run(values: flags.FlagValues) -> int:
    """Verifies and prints the report; raises SlimfixError where it fails."""
    require(values, ("model",), USAGE)
    if values.output_dir is not None:
        check_new_folder(values.output_dir)
    source = read_source(values)
    from slimfix import verify_parity  # Says so where Keras 3 cannot be had.

    print_report(
        lambda: verify_parity(
            values.model,
            recording=values.recording,
            data=values.data,
            allow_layers=values.allow_layers,
            levels=values.levels,
            optimizer=values.optimizer,
            learning_rate=values.learning_rate,
            steps=values.steps,
            output_dir=values.output_dir,
            op_converters=values.op_converters,
            progress=None,
            **source,
        ),
        failed_to=sys.stdout,
    )
    return 0
