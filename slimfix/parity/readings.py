"""Other ways to read a model that is not the plan's at first sight."""

from __future__ import annotations

from typing import Any, Iterator

import numpy as np

from slimfix.migration.records import ModelPlan
from slimfix.parity.dataflow import Call, Dataflow, read_dataflow
from slimfix.parity.result import ParityResult

_ARITHMETIC = ("Add", "Divide", "Multiply", "Rescaling", "Subtract", "TrueDivide")
# As far as a number is off the float32 next to it, with some steps in a row.
_OFF = 1e-5


def read_otherwise(
    model: Any, flow: Dataflow, plan: ModelPlan, result: ParityResult
) -> Iterator[Dataflow]:
    """Yields other readings, each of which is a proof if it passes.

    Names of the plan may stand for other layers, by chance: then weights tell which is which. And
    a number beside a float32 tensor may be meant as it is written: Rescaling(1 / 127.5) divides by
    127.5.

    Args:
      model: keras.Model.
      flow: of it, as it was read first.
      plan: what it is to be.
      result: of that reading, which has not passed.
    """
    planned: list[str] = []
    if result.weights.different or not _has_names(flow, plan):
        planned = [record.name for record in plan.layers]
        yield read_dataflow(model, planned)
    first = result.first_difference
    if first is not None and first.function_error < _OFF and any(map(_is_rounded, flow.calls)):
        as_written = read_dataflow(model, planned)
        for call in as_written.calls:
            call.as_written = call.kind in _ARITHMETIC
        yield as_written


def _has_names(flow: Dataflow, plan: ModelPlan) -> bool:
    """Tells whether the model has each planned layer, of that name and kind."""
    planned = [each for each in plan.layers if not each.target.startswith("ops.")]
    found = {name: type(layer).__name__ for name, layer in flow.layers.items()}
    return all(found.get(each.name) == each.target.rpartition(".")[2] for each in planned)


def _is_rounded(call: Call) -> bool:
    """Tells whether float32 has not the very number of an arithmetic operation."""
    import keras

    if call.kind not in _ARITHMETIC:
        return False
    of_layer = [getattr(call.operation, name, None) for name in ("scale", "offset")]
    numbers = keras.tree.flatten([call.args, call.kwargs, of_layer])
    return any(isinstance(each, float) and float(np.float32(each)) != each for each in numbers)
