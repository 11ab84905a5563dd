"""Checks that a pruned graph is a function that Keras can compute, before anything is built."""

from __future__ import annotations

import numpy as np

from slimfix.errors import UnsupportedOpError, UsageError, count, explain
from slimfix.migration.function import Function
from slimfix.network.signature import Signature


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
