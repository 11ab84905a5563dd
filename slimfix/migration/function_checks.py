"""Checks that a pruned graph is a function that Keras can compute, before anything is built."""

from __future__ import annotations

import math

import numpy as np

from slimfix.errors import UnsafeGraphError, UnsupportedOpError, UsageError, count, explain
from slimfix.migration.function import Function
from slimfix.network.signature import Signature

_ABSURD = 2**30  # Numbers in one tensor of one sample.


def check_sizes(function: Function) -> None:
    """Raises UnsafeGraphError for tensors that no computer holds: planning them takes memory."""
    sizes = {
        tensor: math.prod(size or 1 for size in shape)
        for tensor, shape in function.shapes.items()
        if shape is not None
    }
    absurd = {tensor: size for tensor, size in sizes.items() if size > _ABSURD}
    if absurd:
        raise UnsafeGraphError(
            explain(
                f"{count(len(absurd), 'tensor')} of the network would be larger than any that fits "
                "a computer like this; nothing was planned",
                [f"'{tensor}': {size:,} numbers" for tensor, size in absurd.items()],
                cause="the file is not what it seems.",
                fix="choose --outputs before these tensors.",
            )
        )


def check_computed(signature: Signature, function: Function) -> None:
    """Raises UsageError for an output that no input reaches, or that is one of them."""
    not_computed = [
        asked
        for asked, tensor in zip(signature.outputs, function.outputs)
        if tensor in function.constants or tensor in function.inputs
    ]
    if not_computed:
        raise UsageError(
            explain(
                f"{count(len(not_computed), 'output')} would be constant, whatever the inputs, or "
                "an input as it is",
                [f"'{tensor}'" for tensor in not_computed],
                fix="choose --outputs that the network computes from its inputs.",
            )
        )


def check_numbers(function: Function) -> None:
    """Raises UnsupportedOpError for nodes that read text, as those that look up a label do."""
    text = {t for t, value in function.constants.items() if np.asarray(value).dtype.kind in "OSU"}
    readers = [node for node in function.nodes.values() if text.intersection(node.inputs)]
    if readers:
        raise UnsupportedOpError(
            explain(
                f"{count(len(readers), 'node')} between inputs and outputs read text, which Keras "
                "does not compute with",
                [f"{node.op} '{node.name}'" for node in readers],
                fix="choose --outputs before them, such as the index of the class.",
            )
        )
