"""A variable beside a computed tensor: a scale, an offset, a learned position embedding.

No Keras layer adds or multiplies by a weight alone. An Embedding holds it, a row for each
position, and every sample looks up all rows: the values come out to the bit, and they train.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from slimfix.graphdef.view import Node
from slimfix.migration import registry
from slimfix.migration.converters.kernel import Kernel, read_kernel, regularizer
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts

_BROADCASTING = (
    "Add",
    "AddV2",
    "Div",
    "Maximum",
    "Minimum",
    "Mul",
    "Pow",
    "RealDiv",
    "SquaredDifference",
    "Sub",
)


@converts(*_BROADCASTING)
def with_variable(planner: Planner, node: Node) -> LayerRecord | None:
    """Reads the variable as a tensor; who knows the op for two tensors does the rest."""
    kernels = [read_kernel(planner, tensor) for tensor in node.inputs]
    if sum(kernel is not None for kernel in kernels) != 1:
        return None
    side = 0 if kernels[0] else 1
    kernel, data = kernels[side], node.inputs[1 - side]
    shape = planner.shape(data)
    if kernel is None or shape is None or not _broadcasts(kernel, len(shape)):
        return None
    if planner.constant(data) is not None:
        return None
    inputs = [data, data]
    # On TensorFlow, Keras takes a second summand of one long axis for a bias along the channels.
    side = 0 if node.op in ("Add", "AddV2") else side
    inputs[side] = _read_out(planner, node, kernel, data, len(shape))
    return registry.convert(planner, dataclasses.replace(node, inputs=tuple(inputs)))


@converts("BiasAdd")
def bias_without_layer(planner: Planner, node: Node) -> LayerRecord | None:
    """Along the last axis it is addition."""
    if node.attr("data_format", "NHWC") != "NHWC":
        return None
    return registry.convert(planner, dataclasses.replace(node, op="AddV2"))


def _broadcasts(kernel: Kernel, rank: int) -> bool:
    """A variable that tells samples of a batch apart is not for every batch."""
    missing = rank - len(kernel.shape)
    return rank >= 2 and (missing > 0 or (missing == 0 and kernel.shape[0] == 1))


def _read_out(planner: Planner, node: Node, kernel: Kernel, data: str, rank: int) -> str:
    """Plans a tensor of the variable's values, [batch, ...] of the given rank."""
    full = (1,) * (rank - len(kernel.shape)) + kernel.shape
    positions, size = full[1:-1], full[-1]
    rows = int(np.prod(positions, dtype=int))
    weight = kernel.record(planner, "embeddings", (rows, size))
    scope = weight.variable
    key = (slice(None), *(slice(0, 1),) * len(positions), 0)
    picked = _step(planner, node, "sample", data, "ops.get_item", key=key)
    indices = _step(planner, node, "row", picked, "ops.zeros_like", dtype="int32")
    if rows > 1:
        numbers = np.arange(rows, dtype=np.int32).reshape((1, *positions))
        indices = _step(planner, node, "rows", indices, "ops.add", x2=numbers)
    config = {
        "input_dim": rows,
        "output_dim": size,
        "embeddings_regularizer": regularizer(planner, kernel),
    }
    shape = (planner.shape(data) or (None,))[:1] + full[1:]
    return planner.step(
        "layers.Embedding", node, "variable", [indices], config, (weight,), scope, shape
    )


def _step(planner: Planner, node: Node, label: str, source: str, target: str, **config: Any) -> str:
    return planner.step(target, node, label, [source], config)
