"""Products of two computed tensors, as in attention, or of one and a constant matrix."""

from __future__ import annotations

from slimfix.graphdef.view import Node
from slimfix.migration.converters.kernel import read_kernel
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts

# The attributes that transpose the last two axes of the left and of the right operand.
TRANSPOSES = {
    "MatMul": ("transpose_a", "transpose_b"),
    "BatchMatMul": ("adj_x", "adj_y"),
    "BatchMatMulV2": ("adj_x", "adj_y"),
}


@converts(*TRANSPOSES)
def product_of_tensors(planner: Planner, node: Node) -> LayerRecord | None:
    left, right = node.inputs
    values = [planner.constant(left), planner.constant(right)]
    kernels = [read_kernel(planner, left), read_kernel(planner, right)]
    if values[0] is not None or kernels != [None, None]:
        return None
    if node.attr(TRANSPOSES[node.op][0]):
        left = _transposed(planner, node, left)
    if values[1] is not None:
        constant = values[1].swapaxes(-1, -2) if node.attr(TRANSPOSES[node.op][1]) else values[1]
        return planner.layer("ops.matmul", node.name, [left], node, {"x2": constant})
    if node.attr(TRANSPOSES[node.op][1]):
        right = _transposed(planner, node, right)
    return planner.layer("ops.matmul", node.name, [left, right], node, {})


def _transposed(planner: Planner, node: Node, tensor: str) -> str:
    config = {"axis1": -1, "axis2": -2}
    return planner.step("ops.swapaxes", node, "transposed", [tensor], config)
