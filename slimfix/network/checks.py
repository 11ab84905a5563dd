"""Checks that a pruned graph is a function of its inputs before anything is run."""

from __future__ import annotations

from typing import Sequence

from slimfix import names
from slimfix.errors import MigrationError, UnsupportedOpError, UsageError, count, explain
from slimfix.graphdef.calls import CASES, CONDITIONALS, LOOPS
from slimfix.network.resolved import Resolved
from slimfix.network.signature import Signature
from slimfix.network.weights import Weights

_CONTROL_FLOW = frozenset(
    [
        *("Enter", "Exit", "LoopCond", "Merge", "NextIteration", "Switch"),
        *(*CASES, *CONDITIONALS, *LOOPS),
    ]
)

# Their input 1 is the filter.
_CONVOLUTIONS = frozenset(
    [
        *("Conv2D", "Conv2DBackpropInput", "Conv3D", "Conv3DBackpropInputV2"),
        "DepthwiseConv2dNative",
    ]
)


def check_outputs(signature: Signature, resolved: Resolved) -> None:
    """Raises UsageError for an output that the network does not compute but is given."""
    given = {*resolved.inputs, *resolved.variables}
    wrong = [asked for asked, tensor in zip(signature.outputs, resolved.outputs) if tensor in given]
    if wrong:
        raise UsageError(
            explain(
                f"{count(len(wrong), 'output')} would be an input or a variable as it is",
                [f"'{tensor}'" for tensor in wrong],
                fix="choose --outputs that the network computes.",
            )
        )


def check_fed(resolved: Resolved) -> None:
    """Raises UsageError if the outputs need something that no input feeds."""
    cut = {names.split_tensor_name(tensor)[0] for tensor in resolved.inputs}
    unfed = [
        node.name
        for node in resolved.nodes.values()
        if node.op == "Placeholder" or node.name in cut
    ]
    if unfed:
        raise UsageError(
            explain(
                f"The outputs depend on {count(len(unfed), 'source')} that no input feeds",
                [f"'{name}' ({resolved.nodes[name].op})" for name in unfed],
                cause="an output is a loss or a metric, which needs labels; or the network has "
                "more inputs than were named.",
                fix="choose other --outputs, or name all --inputs.",
            )
        )


def check_control_flow(resolved: Resolved) -> None:
    """Raises UnsupportedOpError if data decides what the function computes."""
    undecided = [node for node in resolved.nodes.values() if node.op in _CONTROL_FLOW]
    if undecided:
        raise UnsupportedOpError(
            explain(
                f"{count(len(undecided), 'node')} between inputs and outputs decide by data what "
                "is computed, or how often",
                [f"{node.op} '{node.name}'" for node in undecided],
                cause="a tf.while_loop or tf.map_fn, a tf.cond on computed values, or a graph "
                "with version 2 control flow.",
                fix="choose --inputs behind them or --outputs before them.",
            )
        )


def check_filters(resolved: Resolved, weights: Weights) -> None:
    """Raises MigrationError for a filter without a number: TensorFlow divides by its sizes."""
    convolutions = [node for node in resolved.nodes.values() if node.op in _CONVOLUTIONS]
    empty = [node for node in convolutions if 0 in _stored_shape(node.inputs[1], resolved, weights)]
    if empty:
        raise MigrationError(
            explain(
                f"{count(len(empty), 'convolution')} with an empty filter",
                [
                    f"{node.op} '{node.name}': "
                    f"{list(_stored_shape(node.inputs[1], resolved, weights))}"
                    for node in empty
                ],
                cause="the network was built with a layer of no channels, or the file was changed.",
                fix="choose --inputs behind these nodes or --outputs before them.",
            )
        )


def _stored_shape(tensor: str, resolved: Resolved, weights: Weights) -> Sequence[int]:
    """Returns the shape of a variable or constant; () for what is computed."""
    if tensor in resolved.variables:
        return weights.spec(resolved.variables[tensor]).shape
    node = resolved.nodes.get(names.split_tensor_name(tensor)[0])
    if node is None or node.op != "Const":
        return ()
    return [dim.size for dim in node.attrs["value"].tensor.tensor_shape.dim]
