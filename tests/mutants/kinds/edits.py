"""What mutations do to a plan: find a layer, change it, put something in, take it out."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Iterable, Iterator, Sequence

import numpy as np

from slimfix.errors import SlimfixError
from slimfix.migration.records import LayerRecord, ModelPlan, WeightRecord
from tests.mutants.nets import Net

CONV = ("Conv2D",)
BATCH_NORM = ("BatchNormalization", "SlimBatchNormalization")
POOLS = ("MaxPooling2D", "AveragePooling2D")
WINDOWS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", *POOLS)
WITH_KERNEL = ("Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "Dense")


def layers(net: Net, *kinds: str) -> Iterator[LayerRecord]:
    """Yields the layers of these classes, in data-flow order; all if none is given."""
    for record in net.migration.plan.layers:
        if not kinds or record.target.partition(".")[2] in kinds:
            yield record


def weights(net: Net, name: str, *kinds: str) -> Iterator[tuple[LayerRecord, WeightRecord]]:
    """Yields the layers of these classes that have such a weight, with it."""
    for record in layers(net, *kinds):
        for weight in record.weights:
            if weight.name == name:
                yield record, weight


def weight_of(record: LayerRecord, name: str) -> WeightRecord | None:
    """Returns a weight of a layer by its name."""
    return next((weight for weight in record.weights if weight.name == name), None)


def trains(batch_norm: LayerRecord) -> bool:
    """Tells whether the graph moves the statistics of a batch norm in training."""
    still = "the graph never updates its statistics"
    return not any(note.startswith(still) for note in batch_norm.notes)


def shape_of(net: Net, tensor: str) -> tuple[int | None, ...]:
    """Returns the shape of a tensor of the plan as Keras has it, with the batch first."""
    for record in net.migration.plan.inputs:
        if record.tensor == tensor:
            return record.shape
    calls: dict[str, int] = {}
    for record in net.migration.plan.layers:
        call = calls[record.name] = calls.get(record.name, -1) + 1
        if tensor in record.outputs:
            operations = net.migration.model.operations
            (operation,) = (each for each in operations if each.name == record.name)
            made = operation._inbound_nodes[call].output_tensors
            return tuple(made[record.outputs.index(tensor)].shape)
    raise KeyError(tensor)


def exchanged(net: Net, one: WeightRecord, other: WeightRecord) -> dict[str, np.ndarray]:
    """Returns the values of the variables of two weights, each under the other's name."""
    read = net.migration.read
    return {one.variable: read(other.variable), other.variable: read(one.variable)}


def replaced(plan: ModelPlan, old: LayerRecord, *new: LayerRecord) -> ModelPlan:
    """Returns the plan with other records in the place of the one that gives the same as `old`."""
    changed: list[LayerRecord] = []
    for record in plan.layers:
        changed.extend(new if record.outputs == old.outputs else [record])
    return dataclasses.replace(plan, layers=tuple(changed))


def configured(net: Net, record: LayerRecord, **config: Any) -> ModelPlan:
    """Returns the plan with other settings of one layer, in all its calls."""
    changed = [
        dataclasses.replace(each, config={**each.config, **config})
        if each.name == record.name
        else each
        for each in net.migration.plan.layers
    ]
    return dataclasses.replace(net.migration.plan, layers=tuple(changed))


def without(plan: ModelPlan, record: LayerRecord, instead: int = 0) -> ModelPlan:
    """Returns the plan without one record: what read its result reads one of its inputs."""
    (lost,), kept = record.outputs, record.inputs[instead]
    return rewired(replaced(plan, record), lost, kept)


def rewired(plan: ModelPlan, old: str, new: str) -> ModelPlan:
    """Returns the plan with another tensor wherever one was read or given out."""

    def swap(tensors: Sequence[str]) -> tuple[str, ...]:
        return tuple(new if tensor == old else tensor for tensor in tensors)

    changed = [dataclasses.replace(each, inputs=swap(each.inputs)) for each in plan.layers]
    return dataclasses.replace(plan, layers=tuple(changed), outputs=swap(plan.outputs))


def followed(
    plan: ModelPlan, record: LayerRecord, target: str, label: str = "more", **config: Any
) -> ModelPlan:
    """Returns the plan with a layer more behind one: the readers of the one read the other."""
    (tensor,) = record.outputs
    added = f"{tensor}#{label}"
    extra = LayerRecord(
        name=f"{record.name}__{label}",
        scope=record.scope,
        target=target,
        config=config,
        inputs=(tensor,),
        outputs=(added,),
    )
    return replaced(rewired(plan, tensor, added), record, record, extra)


def first_built(net: Net, plans: Iterable[ModelPlan]) -> Any:
    """Returns the model of the first plan that Keras takes: wrong ones may not fit together."""
    for plan in plans:
        try:
            return net.build(plan)
        except SlimfixError:
            continue
    return None


def first_changed(
    net: Net,
    found: Iterable[tuple[LayerRecord, WeightRecord]],
    change: Callable[[np.ndarray], np.ndarray],
) -> Any:
    """Returns the model with a change of the first weight that the change does change."""
    for _, weight in found:
        value = net.migration.read(weight.variable)
        changed = np.asarray(change(value), value.dtype)
        if not np.array_equal(changed, value):
            return net.build(values={weight.variable: changed})
    return None
