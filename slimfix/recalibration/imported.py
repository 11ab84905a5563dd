"""The part of a `.meta` graph that a recalibration runs, with the checkpoint's values in it."""

from __future__ import annotations

import contextlib
from typing import Any, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.checkpoint import Checkpoint
from slimfix.errors import CheckpointMismatchError, RecalibrationError, explain
from slimfix.graphdef.protos import add_node
from slimfix.graphdef.pruning import prune
from slimfix.graphdef.saved_names import SavedAs, choose_saved, find_saved_names
from slimfix.graphdef.side_effects import refuse_side_effects_in
from slimfix.graphdef.to_tensorflow import to_tensorflow
from slimfix.graphdef.variables import VARIABLE_OPS
from slimfix.graphdef.view import GraphView, Node
from slimfix.recalibration.variables import assign_variables, find_assignments
from slimfix.running import building, run_session, session_of
from slimfix.scopes import format_near

_WAY_OUT = "feed a tensor behind these nodes with data (--data)"


@contextlib.contextmanager
def open_session(
    graph_def: Any,
    view: GraphView,
    tensors: Sequence[str],
    checkpoint: Checkpoint,
    free: Sequence[str],
    fed: Collection[str],
    allow_ops: Collection[str],
) -> Iterator[tuple[Any, dict[str, str]]]:
    """Gives a session with what some tensors need, its variables restored.

    Args:
      graph_def: GraphDef proto of the whole graph.
      view: of it, functions not inlined.
      tensors: tensor names.
      checkpoint: to restore from.
      free: further variables, which may be missing in it; they get their initial values.
      fed: names of tensors that every run is fed.
      allow_ops: op types that may run although they do more than compute.
    Yields: the session, and from the name of each variable in it to the checkpoint's name for it.
    Raises:
      CheckpointMismatchError: another variable is missing, or has another shape.
      UnsafeGraphError: these tensors, or initial values, need ops that do more than compute.
    """
    starts = [*(names.split_tensor_name(tensor)[0] for tensor in tensors), *free]
    variables = [
        node.name for node in view.in_order(view.ancestors(starts)) if node.op in VARIABLE_OPS
    ]
    assignments = find_assignments(view, variables)
    places = _find_places(view, variables, checkpoint)
    values = _read_values(view, variables, checkpoint, free, places)
    initial = [assignments[name].name for name in variables if name not in values]

    import tensorflow.compat.v1 as tf

    ends = [*starts, *variables, *initial]
    pruned = prune(graph_def, view, ends, set(map(_node_of, fed)))
    _add_assignments(pruned, (assignments[name] for name in values))
    refuse_side_effects_in(pruned, allow_ops, _WAY_OUT, _find_unneeded(view, ends, fed))
    graph = tf.Graph()
    with graph.as_default(), building(RecalibrationError):
        tf.import_graph_def(to_tensorflow(pruned), name="")
    with session_of(graph) as session:
        run_session(session, [graph.get_operation_by_name(name) for name in initial])
        assign_variables(session, view, values)
        yield session, {name: places[name].name if name in places else name for name in variables}


def _find_unneeded(view: GraphView, ends: Sequence[str], fed: Collection[str]) -> set[str]:
    """Returns the names of the nodes that no run of `ends` reaches, for what reads them is fed."""

    def is_fed(node: Node) -> bool:
        readers = view.consumers(node.name)
        read = {tensor for each in readers for tensor in each.inputs}
        own = {tensor for tensor in read if names.split_tensor_name(tensor)[0] == node.name}
        return own <= set(fed) and not any(node.name in each.control_inputs for each in readers)

    sources = {name for name in map(_node_of, fed) if name in view and is_fed(view.nodes[name])}
    needed = view.ancestors(ends, stop=lambda node: node.name in sources)
    return set(view.nodes) - (needed - sources)


def _node_of(tensor: str) -> str:
    return names.split_tensor_name(tensor)[0]


def _add_assignments(graph_def: Any, assignments: Iterable[Node]) -> None:
    """Adds ops that assign what they are fed: not the initial values, which may be of any op."""
    there = {node.name for node in graph_def.node}
    for node in assignments:
        if node.name not in there:
            value = graph_def.node.add(name=f"{node.name}/fed", op="Placeholder")
            value.attr["dtype"].type = node.attr("T") or node.attr("dtype")
            value.attr["shape"].shape.unknown_rank = True
            attrs = {key: each for key, each in node.attrs.items() if not key.startswith("_")}
            add_node(graph_def, node.name, node.op, [node.inputs[0], f"{value.name}:0"], attrs)


def find_missing(view: GraphView, variables: Sequence[str], checkpoint: Checkpoint) -> list[str]:
    """Returns those variables, by their names in the graph, that the checkpoint does not hold."""
    places = _find_places(view, variables, checkpoint)
    return [name for name in variables if name not in places]


def _find_places(
    view: GraphView, variables: Sequence[str], checkpoint: Checkpoint
) -> dict[str, SavedAs]:
    """Returns what the checkpoint holds of each variable, by its name in the graph."""
    return choose_saved(variables, find_saved_names(view), checkpoint.variables)


def _read_values(
    view: GraphView,
    variables: Sequence[str],
    checkpoint: Checkpoint,
    free: Sequence[str],
    places: Mapping[str, SavedAs],
) -> dict[str, np.ndarray]:
    values = {}
    items = []
    for name in variables:
        if name in places:
            saved = places[name]
            value = checkpoint.read(saved.name)
            values[name] = value[saved.slices] if saved.slices else value
            wanted = view.nodes[name].attr("shape")
            if wanted is not None and not _fits(values[name].shape, wanted):
                items.append(f"'{name}': graph {list(wanted)}; checkpoint {list(value.shape)}")
        elif name not in free:
            near = format_near(name, checkpoint.variables)
            items.append(f"'{name}': not in the checkpoint{near}")
    if items:
        raise CheckpointMismatchError(
            explain(
                f"Cannot restore {len(items)} of {len(variables)} variables from checkpoint "
                f"prefix '{checkpoint.prefix}'",
                items,
                cause="the .meta file is of another model, or the Saver left out more than moving "
                "statistics.",
                fix="name the .meta file that belongs to this checkpoint.",
            )
        )
    return values


def _fits(shape: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(w in (None, size) for size, w in zip(shape, wanted))
