"""Feeds a Keras model what the original graph takes."""

from __future__ import annotations

from typing import Mapping

import numpy as np

from slimfix.errors import ParityError, explain
from slimfix.migration.conversion import Migration
from slimfix.parity.dataflow import Dataflow


def check_signature(flow: Dataflow, migration: Migration) -> None:
    """Raises ParityError unless a model takes and gives as many tensors as the network, those of
    the planned names in the planned order."""
    planned = [record.name for record in migration.plan.inputs]
    found = [tensor.name for tensor in flow.inputs]
    wanted = len(migration.signature.outputs)
    in_order = found == planned or set(found) != set(planned)
    if len(found) != len(planned) or len(flow.outputs) != wanted or not in_order:
        raise ParityError(
            explain(
                "The model does not take and give what the network does",
                [
                    f"inputs: planned {', '.join(planned)}; model {', '.join(found)}",
                    f"outputs: planned {wanted}; model {len(flow.outputs)}",
                ],
                cause="tensors were left out, or, given in a list, would be taken for one another.",
                fix="build the model with the inputs and outputs of the network, in this order.",
            )
        )


def keras_inputs(
    flow: Dataflow, migration: Migration, inputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns inputs by Keras name, axes in the model's order.

    A model made by other hands has names of its own: then its inputs are taken in their order.

    Args:
      flow: of the model, whose signature was checked.
      migration: of the network.
      inputs: value by tensor name.
    """
    permutations = migration.function.permutations
    found = [tensor.name for tensor in flow.inputs]
    planned = [record.name for record in migration.plan.inputs]
    called = dict(zip(planned, found)) if set(planned) != set(found) else {n: n for n in planned}
    return {
        called[record.name]: np.transpose(inputs[record.tensor], permutations[record.tensor])
        if record.tensor in permutations
        else inputs[record.tensor]
        for record in migration.plan.inputs
    }
