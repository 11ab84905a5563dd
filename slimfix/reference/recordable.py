"""Which tensors of a network are worth a recording, and which networks can train at all."""

from __future__ import annotations

from typing import Any, Sequence

from slimfix import names
from slimfix.errors import UsageError, count, explain
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.control_flow import enclosing_branch
from slimfix.graphdef.view import GraphView
from slimfix.network.forward import ONLY_SIZE
from slimfix.network.resolved import DROPOUT, Resolved
from slimfix.network.trainable import find_trainable

_MERGES = ("Merge", "RefMerge")


def find_tensors(view: GraphView, resolved: Resolved, outputs: Sequence[str]) -> list[str]:
    """Returns the names of the tensors that are computed between inputs and outputs.

    Each has one name, in data-flow order: an output the one that was asked for, and what lies in
    a branch of a conditional that of the tensor that leads out of it, which the other branch
    gives too. Left out are weights, sizes, and dropouts, which hand their input on.

    Args:
      view: the whole graph.
      resolved: the function in one mode.
      outputs: names of end points, as asked for.
    """
    found: dict[str, None] = {}
    leading_out = _find_leading_out(view, resolved)
    asked = {resolved.aliases.get(tensor, tensor): tensor for tensor in outputs}
    computed = {names.split_tensor_name(tensor)[0] for tensor in resolved.inputs}
    for node in resolved.nodes.values():
        sources = {names.split_tensor_name(tensor)[0] for tensor in node.inputs}
        if node.op in ONLY_SIZE or not sources & computed:
            continue
        computed.add(node.name)
        tensor = names.join_tensor_name(node.name, 0)
        if tensor in asked or node.op != DROPOUT:
            found[asked.get(tensor) or leading_out.get(tensor, tensor)] = None
    return [*found, *(tensor for tensor in outputs if tensor not in found)]


def _find_leading_out(view: GraphView, resolved: Resolved) -> dict[str, str]:
    """Returns by each tensor in a branch the first that has its value outside of all branches."""
    found: dict[str, str] = {}
    for name, tensor in resolved.aliases.items():
        is_merged = name != tensor and view.producer(name).op in _MERGES
        if is_merged and enclosing_branch(view, tensor) and not enclosing_branch(view, name):
            found.setdefault(tensor, name)
    return found


def check_trains(reason: str | None, levels: Sequence[str]) -> None:
    """Raises UsageError for levels that need training where something keeps a network from it.

    Args:
      reason: of `why_not_trained`.
      levels: those asked for that need training.
    """
    if reason and levels:
        raise UsageError(
            explain(
                f"{' and '.join(levels)} cannot be recorded: this network does not train",
                [reason],
                cause="it is the graph of an evaluation, or was frozen.",
                fix="record from the .meta that was saved in training (--meta), or only "
                "--levels=L1.",
            )
        )


def why_not_trained(
    meta_graph: Any, layers: Sequence[BatchNormLayer], variables: Sequence[str]
) -> str | None:
    """Returns what keeps a network from being recorded in training, None where nothing does.

    Args:
      meta_graph: MetaGraphDef, for the list of what is trained.
      layers: the batch norms that the outputs come through.
      variables: names of those that the outputs are computed from, partitioned ones whole.
    """
    trainable = find_trainable(meta_graph) or ()
    if not {*trainable, *map(names.whole_name, trainable)}.intersection(variables):
        return "the graph names no trainable variable among those that the network reads"
    if layers and all(layer.mode == "inference" for layer in layers):
        return f"{count(len(layers), 'batch norm')}, none ever in training mode (is_training=False)"
    return None
