"""Layers with a kernel and maybe a bias: who reads which op, and which bias a layer swallows."""

from __future__ import annotations

from typing import Callable

from slimfix.graphdef.view import Node
from slimfix.migration.converters.convolution import read_convolution, read_separable
from slimfix.migration.converters.dense import read_dense, read_tensordot
from slimfix.migration.converters.grouped import read_grouped
from slimfix.migration.converters.in_plane import read_in_plane
from slimfix.migration.converters.kernel import Kernel, element_count, read_kernel
from slimfix.migration.converters.product import Product, plan_product
from slimfix.migration.converters.transposed import read_transposed
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts

_Reader = Callable[[Planner, Node], "Product | None"]
# By the op that ends the layer; the first reader that knows a node decides.
_READERS: dict[str, tuple[_Reader, ...]] = {
    "BatchMatMul": (read_dense,),
    "BatchMatMulV2": (read_dense,),
    "BatchToSpaceND": (read_convolution,),
    "ConcatV2": (read_grouped,),
    "Conv2D": (read_separable, read_convolution),
    "Conv2DBackpropInput": (read_transposed,),
    "Conv3D": (read_convolution,),
    "Conv3DBackpropInputV2": (read_transposed,),
    "DepthwiseConv2dNative": (read_convolution, read_in_plane),
    "MatMul": (read_dense,),
    "Reshape": (read_tensordot,),
    "Squeeze": (read_convolution, read_transposed),
}


def _read(planner: Planner, node: Node) -> Product | None:
    for reader in _READERS[node.op]:
        product = reader(planner, node)
        if product is not None:
            return product
    return None


@converts(*_READERS)
def unbiased(planner: Planner, node: Node) -> LayerRecord | None:
    product = _read(planner, node)
    return plan_product(planner, product, node, None) if product else None


@converts("BiasAdd", "Add", "AddV2")
def biased(planner: Planner, node: Node) -> LayerRecord | None:
    if node.attr("data_format", "NHWC") != "NHWC":
        return None
    for result, added in (node.inputs, node.inputs[::-1]):
        end = planner.producer(result, *_READERS)
        bias = read_kernel(planner, added)
        if end is None or bias is None or not planner.only_consumer_is(result, node):
            continue
        product = _read(planner, end)
        if product is not None and _is_bias(planner, product, result, bias):
            return plan_product(planner, product, node, bias)
    return None


def _is_bias(planner: Planner, product: Product, result: str, bias: Kernel) -> bool:
    """A bias has one element for each channel, and ones for sizes of no more axes than the data."""
    shape = planner.shape(result)
    along_channels = bool(bias.shape) and bias.shape[-1] == product.channels
    return (
        product.takes_bias
        and along_channels
        and element_count(bias) == product.channels
        and shape is not None
        and len(bias.shape) <= len(shape)
    )
