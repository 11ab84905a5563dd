"""Which function of a graph a model is: whether the graph, run as it was saved, gives the same."""

from __future__ import annotations

from typing import Iterator, Sequence

from slimfix.dtypes import BOOL
from slimfix.errors import UsageError, explain
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.train_ops import has_train_op
from slimfix.graphdef.variables import VARIABLE_OPS
from slimfix.graphdef.view import GraphView
from slimfix.migration.converters.batch_statistics import NOTE
from slimfix.migration.records import ModelPlan
from slimfix.network.batch_norm_choice import (
    BATCH,
    describe_statistics,
    find_in_batch_mode,
    without_moving_statistics,
)
from slimfix.network.inference import BATCH_NORM
from slimfix.network.resolved import DROPOUT, Resolved
from slimfix.network.weights import Weights

ORIGINAL = "the same function as the original"
_INFERENCE = "the inference function of the training graph"
_AS_SAVED = "the function of the graph as it was saved"


def check_kept(plan: ModelPlan, choice: str | None) -> None:
    """Raises unless a plan normalises with batch statistics where, and only where, that was chosen.

    Args:
      plan: of the model.
      choice: 'moving', 'batch', or None where the user said nothing.
    Raises:
      UsageError: 'batch' was chosen, and no batch norm has batch statistics.
      MigrationError: one has these alone, and they were not chosen.
    """
    kept = list(dict.fromkeys(layer.scope for layer in plan.layers if NOTE in layer.notes))
    if kept and choice != BATCH:
        raise without_moving_statistics([f"'{scope}'" for scope in kept])
    if not kept and choice == BATCH:
        raise UsageError(
            explain(
                f"batch_norm='{BATCH}', but no batch norm of the network is in training mode for "
                "good",
                cause="a switch decides, which inference turns off; or the network has none.",
                fix="leave batch_norm (--batch_norm) out.",
            )
        )


def describe_function(
    view: GraphView, resolved: Resolved, plan: ModelPlan, weights: Weights
) -> str:
    """Returns which function of a graph a model computes, for "The model computes ...".

    Only where the graph, run as it was saved, gives the same is it called the original's.

    Args:
      view: the whole graph.
      resolved: the function, as it was taken.
      plan: of the model.
      weights: the values of the variables, switches among them.
    """
    nodes = resolved.nodes.values()
    taken = [*_other_switches(view, resolved, weights)]
    if any(node.op == BATCH_NORM for node in nodes):
        taken.append("batch norm with moving statistics")
    if any(node.op == DROPOUT and node.attr("in_training_only") for node in nodes):
        taken.append("no dropout")
    kept = ["batch norm with each batch's statistics"] * any(
        NOTE in layer.notes for layer in plan.layers
    )
    if taken:
        return f"{_INFERENCE}: {', '.join([*kept, *taken])}"
    return f"{_AS_SAVED}: {kept[0]}" if kept else ORIGINAL


def _other_switches(view: GraphView, resolved: Resolved, weights: Weights) -> Iterator[str]:
    """Yields 'switch = value' where the graph has another value of its own for a switch."""
    for tensor, value in resolved.switches.items():
        node = view.producer(tensor)
        own = None
        if node.op in VARIABLE_OPS and node.attr("dtype") == BOOL and node.name in weights:
            own = bool(weights.read(node.name))
        elif node.op == "PlaceholderWithDefault":
            default = view.producer(node.inputs[0])
            own = bool(default.attr("value")) if default.op == "Const" else None
        if own is not None and own != value:
            yield f"'{tensor}' = {value}"


def list_notes(
    view: GraphView, layers: Sequence[BatchNormLayer], resolved: Resolved, weights: Weights
) -> list[str]:
    """Returns 'scope: note' lines on the batch norms that are in training mode for good.

    Args:
      view: the whole graph.
      layers: its batch norms.
      resolved: the function.
      weights: gives the moving statistics.
    """
    notes = []
    trains = has_train_op(view, layers)
    for layer in find_in_batch_mode(layers, resolved):
        taken = resolved.nodes[layer.normalise_ops[-1]].op == BATCH_NORM
        if taken:
            notes.append(
                f"{layer.scope}: the graph normalises with batch statistics for good "
                "(is_training=True); taken in inference mode, with the moving ones"
            )
        if not taken or not trains:
            notes.append(f"{layer.scope}: {describe_statistics(layer, weights)}")
    return notes
