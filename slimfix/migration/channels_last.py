"""Rewrites a function with channels first (NCHW) to channels last, with few transposes.

A tensor of the original graph is either as it was, or 'moved': the function holds it with its
channels last. Ops that need an order get it; transposes that only change the order disappear.
"""

from __future__ import annotations

from typing import Sequence

from slimfix.migration.function import Function
from slimfix.migration.layout import Layout
from slimfix.migration.layout_rules import is_channels_first, turn


def channels_last(function: Function) -> Function:
    """Returns the same function with no op left that has its channels first.

    Inputs and outputs of rank 3 and more may be moved too: `Function.permutations` says which. An
    input is if that saves transposes.
    """
    if not any(is_channels_first(node) for node in function.nodes.values()):
        return function
    moved_inputs = [t for t in function.inputs if len(function.shapes.get(t) or ()) > 2]
    found = [_lay_out(function, ()), _lay_out(function, moved_inputs)]
    return min(found, key=lambda layout: layout.transpose_count).result()


def _lay_out(function: Function, moved_inputs: Sequence[str]) -> Layout:
    layout = Layout(function, moved_inputs)
    for node in function.nodes.values():
        if not turn(layout, node):  # It sees what it saw in the original.
            inputs = [layout.as_it_was(tensor) for tensor in node.inputs]
            layout.keep(node, inputs, moved=False)
    return layout
