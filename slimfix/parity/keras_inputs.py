"""Feeds a Keras model what the original graph takes."""

from __future__ import annotations

import dataclasses
from typing import Mapping

import numpy as np

from slimfix.errors import ParityError, explain
from slimfix.migration.conversion import Migration
from slimfix.parity.dataflow import Dataflow
from slimfix.reference.feeds import read_specs
from slimfix.reference.inputs import InputSpec


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
    called = _names_in_model(flow, migration)
    return {
        called[record.name]: np.transpose(inputs[record.tensor], permutations[record.tensor])
        if record.tensor in permutations
        else inputs[record.tensor]
        for record in migration.plan.inputs
    }


def read_specs_of_both(flow: Dataflow, migration: Migration) -> list[InputSpec]:
    """Returns the inputs of the network, with the sizes that the model knows beside its own."""
    called = _names_in_model(flow, migration)
    keras_names = {record.tensor: called[record.name] for record in migration.plan.inputs}
    shapes = {tensor.name: tensor.shape for tensor in flow.inputs}
    permutations = migration.function.permutations
    found = []
    for spec in read_specs(migration.view, migration.signature.inputs):
        shape = shapes[keras_names[spec.tensor]]
        if len(shape) != len(spec.shape):
            found.append(spec)  # The model will not take it, which is told when it runs.
            continue
        order = list(permutations.get(spec.tensor, range(len(shape))))
        of_model = [shape[order.index(axis)] for axis in range(len(shape))]
        sizes = tuple(own or size for own, size in zip(spec.shape, of_model))
        found.append(dataclasses.replace(spec, shape=sizes))
    return found


def _names_in_model(flow: Dataflow, migration: Migration) -> dict[str, str]:
    """Returns the model's own name of each planned input."""
    planned = [record.name for record in migration.plan.inputs]
    found = [tensor.name for tensor in flow.inputs]
    return dict(zip(planned, found)) if set(planned) != set(found) else {n: n for n in planned}
