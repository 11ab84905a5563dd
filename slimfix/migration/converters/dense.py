"""Fully connected layers: MatMul with a variable, of rank 2 or of data folded to rank 2."""

from __future__ import annotations

from slimfix.graphdef.view import Node
from slimfix.migration.converters.kernel import read_kernel, regularizer
from slimfix.migration.converters.matmul import TRANSPOSES
from slimfix.migration.converters.product import Product
from slimfix.migration.planner import Planner
from slimfix.migration.sizes import Size, read_sizes, sizes_of


def read_dense(planner: Planner, node: Node) -> Product | None:
    """Returns the layer of a MatMul, or of a BatchMatMulV2 with one matrix for the whole batch."""
    kernel = read_kernel(planner, node.inputs[1])
    transposes = [bool(node.attr(key)) for key in TRANSPOSES[node.op]]
    if kernel is None or transposes[0]:
        return None
    if len(kernel.shape) > 2 and set(kernel.shape[:-2]) == {1}:
        kernel = kernel.reshaped(kernel.shape[-2:])
    if transposes[1]:
        transposed = kernel.transposed((1, 0)) if len(kernel.shape) == 2 else None
        if transposed is None:
            return None
        kernel = transposed
    if len(kernel.shape) != 2 or not _keeps_rank(planner, node):
        return None
    config = {"units": kernel.shape[1], "kernel_regularizer": regularizer(planner, kernel)}
    weights = (kernel.record(planner, "kernel"),)
    return Product(node.inputs[0], "layers.Dense", config, weights, kernel.shape[1])


def _keeps_rank(planner: Planner, node: Node) -> bool:
    """A kernel of more axes than the data would give the result more axes too."""
    data, kernel = (planner.shape(tensor) for tensor in node.inputs)
    if node.op == "MatMul":
        return True
    return data is not None and kernel is not None and len(data) >= len(kernel)


def read_tensordot(planner: Planner, node: Node) -> Product | None:
    """slim.fully_connected on more than two axes: folded to two, multiplied, and unfolded.

    Source: tensorflow:tensorflow/python/ops/math_ops.py, `tensordot`.
    """
    inner = planner.producer(node.inputs[0], "MatMul")
    product = read_dense(planner, inner) if inner else None
    if inner is None or product is None or not planner.only_consumer_is(node.inputs[0], node):
        return None
    folded = planner.producer(product.source, "Reshape")
    if folded is None:
        return None
    source = _untransposed(planner, folded.inputs[0])
    sizes, target = sizes_of(planner, source), read_sizes(planner, node.inputs[1])
    if sizes is None or target is None or len(target) != len(sizes):
        return None
    # The data's last axis is the kernel's first, so that the fold cannot have crossed it.
    if sizes[-1] != Size(product.weights[0].shape[0]) or target[-1] != Size(product.channels):
        return None
    # One size that the graph leaves open (-1) is what the others leave over.
    differing = [pair for pair in zip(sizes[:-1], target[:-1]) if pair[0] != pair[1]]
    if len(differing) > 1 or any(wanted != Size(-1) for _, wanted in differing):
        return None
    return Product(source, product.target, product.config, product.weights, product.channels)


def _untransposed(planner: Planner, tensor: str) -> str:
    """tensordot transposes the axes to multiply over to the end, even where they are there."""
    node = planner.producer(tensor, "Transpose")
    order = planner.constant(node.inputs[1]) if node else None
    if node is None or order is None or order.tolist() != list(range(len(order))):
        return tensor
    return node.inputs[0]
