"""Finds normalisations by the fused op: FusedBatchNorm, V2 and V3."""

from __future__ import annotations

import numpy as np

from slimfix import names
from slimfix.graphdef.constants import plain_float
from slimfix.graphdef.control_flow import enclosing_branch
from slimfix.graphdef.normalisation import Normalisation
from slimfix.graphdef.variables import trace_variable
from slimfix.graphdef.view import GraphView, Node

FUSED_OPS = frozenset(["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"])


def find_fused(view: GraphView) -> list[Normalisation]:
    """Returns the fused normalisations; two ops in the branches of one `tf.cond` count as one."""
    switched = [_read_switched(view, merge) for merge in view.nodes.values() if _joins(view, merge)]
    paired = {name for normalisation in switched for name in normalisation.nodes}
    single = [
        _read_single(view, node)
        for node in view.nodes.values()
        if node.op in FUSED_OPS and node.name not in paired
    ]
    return switched + single


def _joins(view: GraphView, node: Node) -> bool:
    """Tells whether a node merges the outputs of a training and of an inference op."""
    if node.op != "Merge" or len(node.inputs) != 2:
        return False
    tensors = [_past_identities(view, tensor) for tensor in node.inputs]
    if any(names.split_tensor_name(tensor)[1] != 0 for tensor in tensors):
        return False
    sources = [view.producer(tensor) for tensor in tensors]
    return all(each.op in FUSED_OPS for each in sources) and (
        _is_training(sources[0]) != _is_training(sources[1])
    )


def _past_identities(view: GraphView, tensor: str) -> str:
    """A branch inside of a tf.function returns its results through Identity ops."""
    while view.producer(tensor).op == "Identity":
        tensor = view.producer(tensor).inputs[0]
    return tensor


def _is_training(node: Node) -> bool:
    return node.attr("is_training", True)


def _read_epsilon(node: Node) -> float:
    return plain_float(np.float32(node.attr("epsilon", 1e-4)))


def _axis(node: Node) -> int:
    return 1 if node.attr("data_format", "NHWC").startswith("NC") else -1


def _outside(view: GraphView, tensor: str) -> str:
    """Returns the tensor that a Switch leads into a branch, or the tensor if it is made there."""
    node = view.producer(tensor)
    return node.inputs[0] if node.op in ("Switch", "RefSwitch") else tensor


def _read_switched(view: GraphView, merge: Node) -> Normalisation:
    sources = [view.producer(_past_identities(view, tensor)) for tensor in merge.inputs]
    inference, training = sorted(sources, key=_is_training)
    return Normalisation(
        kind="fused",
        mode="switched",
        branch=enclosing_branch(view, names.join_tensor_name(training.name, 0)),
        nodes=(training.name, inference.name),
        input=_outside(view, training.inputs[0]),
        output=names.join_tensor_name(merge.name, 0),
        scale=inference.inputs[1],
        offset=inference.inputs[2],
        moving_mean=trace_variable(view, inference.inputs[3]),
        moving_variance=trace_variable(view, inference.inputs[4]),
        batch_mean=(names.join_tensor_name(training.name, 1),),
        batch_variance=(names.join_tensor_name(training.name, 2),),
        epsilon=_read_epsilon(training),
        data_format=training.attr("data_format", "NHWC"),
        axis=_axis(training),
    )


def _read_single(view: GraphView, node: Node) -> Normalisation:
    training = _is_training(node)
    return Normalisation(
        kind="fused",
        mode="training" if training else "inference",
        branch=None,
        nodes=(node.name,),
        input=node.inputs[0],
        output=names.join_tensor_name(node.name, 0),
        scale=node.inputs[1],
        offset=node.inputs[2],
        # In training mode slim hands the op empty constants, tf_keras the moving statistics.
        moving_mean=trace_variable(view, node.inputs[3]),
        moving_variance=trace_variable(view, node.inputs[4]),
        batch_mean=(names.join_tensor_name(node.name, 1),) if training else (),
        batch_variance=(names.join_tensor_name(node.name, 2),) if training else (),
        epsilon=_read_epsilon(node),
        data_format=node.attr("data_format", "NHWC"),
        axis=_axis(node),
    )
