"""Converts a checkpoint and its graph to a Keras 3 model, in memory: read, decided, done."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.checkpoint import Checkpoint
from slimfix.dtypes import dtype_name
from slimfix.errors import naming
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.view import GraphView
from slimfix.migration import converters as _fill_the_registry  # noqa: F401
from slimfix.migration.account import VariableFate, account_for
from slimfix.migration.analyse import analyse
from slimfix.migration.build import Probe, build_model, find_probes, load_weights
from slimfix.migration.channels_last import channels_last
from slimfix.migration.checkpoint_checks import check_statistics
from slimfix.migration.eager import run_eagerly
from slimfix.migration.exact import find_exact, loading_notes
from slimfix.migration.function import Function, Shape
from slimfix.migration.function_checks import check_computed, check_numbers, check_sizes
from slimfix.migration.plan import plan_model
from slimfix.migration.planner import Planner, layer_name
from slimfix.migration.records import InputRecord, ModelPlan
from slimfix.migration.regularizers import find_penalties
from slimfix.migration.whose_inference import check_kept, describe_function, list_notes
from slimfix.network.batch_norm_choice import find_in_batch_mode
from slimfix.network.checked import CheckedNetwork, check_network
from slimfix.network.input_types import read_input_type
from slimfix.network.signature import Signature
from slimfix.network.sources import Source
from slimfix.network.trainable import find_trainable


@dataclasses.dataclass(frozen=True)
class Migration:
    """A Keras model and how it came about.

    Attributes:
      model: keras.Model with the checkpoint's weights; None where it was only planned.
      signature: inputs and outputs, as they are called in the graph.
      plan: its layers as data.
      function: the function of the original graph that it computes.
      probes: where tensors of the graph appear in the model, in data-flow order.
      variables: the fate of every variable of the checkpoint.
      training_switches: the value by tensor name that each switch has in training.
      proved: which function of the graph it computes, as of `whose_inference.describe_function`.
      batch_norm: which statistics were chosen, 'moving' or 'batch'; None where nothing was.
      notes: 'scope: note' lines where training will differ from slim, or values look odd.
      checkpoint: open, as it was read.
      view: the whole graph, functions opened.
      meta_graph: MetaGraphDef, for its collections.
      read: gives the value of a variable op by its name.
      meta: path it was read from.
    """

    model: Any
    signature: Signature
    plan: ModelPlan
    function: Function
    probes: tuple[Probe, ...]
    variables: tuple[VariableFate, ...]
    training_switches: Mapping[str, bool]
    proved: str
    batch_norm: str | None
    notes: tuple[str, ...]
    checkpoint: Checkpoint
    view: GraphView
    meta_graph: Any
    read: Callable[[str], np.ndarray]
    meta: str


def convert(
    source: Source | str,
    inputs: str | Sequence[str] = (),
    outputs: str | Sequence[str] = (),
    values: str | None = None,
    exact_batch_norm: bool = False,
) -> Migration:
    """Returns the Keras model of a TensorFlow 1 network. Nothing is verified or written.

    Args:
      source: where the network is; a checkpoint prefix alone stands for it and its '.meta'.
      inputs, outputs, values: as of `check_network`, which raises first.
      exact_batch_norm: as of `plan_migration`, which raises then.
    """
    where = Source(source) if isinstance(source, str) else source
    planned = plan_migration(check_network(where, inputs, outputs, values), exact_batch_norm)
    with naming(planned.meta):
        model = run_eagerly(build_model, planned.plan, _model_name(planned.checkpoint.prefix))
        run_eagerly(load_weights, model, planned.plan, planned.read)
    return dataclasses.replace(planned, model=model)


def plan_migration(checked: CheckedNetwork, exact_batch_norm: bool = False) -> Migration:
    """Returns all that is decided on the Keras model of a network, and no model.

    Args:
      checked: the network, and what is asked of it.
      exact_batch_norm: whether batch norms become slimfix.SlimBatchNormalization, which trains as
        the graph does; those that cannot are in the notes. The model then loads with slimfix only.
    Raises:
      CheckpointError: a data file of the checkpoint is damaged.
      UsageError: the graph does not say the shape or dtype of an input; or batch statistics were
        chosen, and nothing uses them.
      CheckpointMismatchError: statistics were never trained.
      UnsupportedOpError: ops without a converter.
    """
    with naming(checked.network.source):
        return _plan(checked, exact_batch_norm)


def _plan(checked: CheckedNetwork, exact_batch_norm: bool) -> Migration:
    network, reading, weights = checked.network, checked.reading, checked.weights
    view, meta_graph, opened = network.view, network.meta_graph, network.checkpoint
    signature, resolved, read = reading.signature, reading.resolved, reading.variables
    kept = find_in_batch_mode(reading.layers, resolved) if view.keeps_batch_statistics else []
    layers = [each for each in reading.layers if each.moving_mean in read and each not in kept]
    odd_values = check_statistics(view, layers, weights)
    input_shapes = {tensor: read_input_type(view, tensor) for tensor in signature.inputs}
    function = channels_last(analyse(resolved, weights, input_shapes))
    check_computed(signature, function)
    check_numbers(function)
    check_sizes(function)
    penalties, penalty_notes = find_penalties(meta_graph, view)
    inputs_planned = _input_records(input_shapes, function)
    batch_norms = _by_moving_mean(layers)
    exact, exact_notes = frozenset[str](), list[str]()
    if exact_batch_norm:
        exact, exact_notes = find_exact(view, batch_norms.values(), weights)
    planner = Planner(
        function,
        weights,
        batch_norms=batch_norms,
        penalties=penalties,
        trainable=find_trainable(meta_graph),
        taken_names=[record.name for record in inputs_planned],
        exact=exact,
    )
    plan = plan_model(planner, inputs_planned)
    check_kept(plan, network.batch_norm)
    fates = account_for(weights, plan, function, layers)
    notes = [f"{layer.scope}: {note}" for layer in plan.layers for note in layer.notes]
    return Migration(
        model=None,
        signature=signature,
        plan=plan,
        function=function,
        probes=tuple(probe for probe in find_probes(plan) if _is_of_the_graph(view, probe.tensor)),
        variables=fates,
        training_switches=resolved.training_switches,
        proved=describe_function(view, resolved, plan, weights),
        batch_norm=network.batch_norm,
        notes=(
            *checked.notes,
            *list_notes(view, reading.layers, resolved, weights),
            *_layout_notes(signature, function),
            *network.notes,
            *odd_values,
            *resolved.notes,
            *notes,
            *loading_notes(plan.layers),
            *exact_notes,
            *penalty_notes,
            *_tied_notes(fates),
        ),
        checkpoint=opened,
        view=view,
        meta_graph=meta_graph,
        read=weights.read,
        meta=network.source,
    )


def _by_moving_mean(layers: Sequence[BatchNormLayer]) -> dict[str, BatchNormLayer]:
    """Returns the slim layer by moving_mean: of several uses of its variables, one that trains.

    A training tower and an evaluation tower share variables; what trains them is what Keras's
    layer is to do.
    """
    found: dict[str, BatchNormLayer] = {}
    for layer in sorted(layers, key=lambda layer: layer.mode != "inference"):
        before = found.get(layer.moving_mean or "")
        if before and before.mode != "inference" and before.decay != layer.decay:
            layer = dataclasses.replace(layer, decay=None)
        if layer.moving_mean:
            found[layer.moving_mean] = layer
    return found


def _tied_notes(fates: Sequence[VariableFate]) -> list[str]:
    return [
        f"{fate.variable}: one variable here, {len(fate.weights)} weights in Keras "
        f"({', '.join(fate.weights)}), which will train apart"
        for fate in fates
        if len(fate.weights) > 1
    ]


def _layout_notes(signature: Signature, function: Function) -> list[str]:
    """Returns a note for each input and output that the model has with its channels last."""
    return [
        f"{tensor}: channels first in the graph, channels last in the model: its axes are "
        f"{list(function.permutations[tensor])} of the graph's"
        for tensor in (*signature.inputs, *signature.outputs)
        if tensor in function.permutations
    ]


def _is_of_the_graph(view: GraphView, tensor: str) -> bool:
    """Transposes between NCHW and NHWC are not."""
    return names.split_tensor_name(tensor)[0] in view


def _input_records(
    input_shapes: Mapping[str, tuple[Shape, int]], function: Function
) -> Sequence[InputRecord]:
    records = []
    for tensor, (shape, dtype) in input_shapes.items():
        name = layer_name(names.fed_name(tensor))
        known = shape or ()
        order = function.permutations.get(tensor, range(len(known)))
        sizes = tuple(known[axis] for axis in order)
        records.append(InputRecord(tensor, name, sizes, dtype_name(dtype)))
    return records


def _model_name(checkpoint: str) -> str:
    """Keras takes letters, digits and '_' everywhere; file names hold more."""
    return re.sub(r"\W+", "_", os.path.basename(checkpoint)) or "model"
