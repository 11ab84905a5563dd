"""Layers that are missing, doubled, swapped, or wired to the wrong tensor."""

from __future__ import annotations

import dataclasses

import numpy as np

from slimfix.parity.verdicts import Level
from tests.mutants.kinds.edits import (
    BATCH_NORM,
    followed,
    layers,
    replaced,
    shape_of,
    trains,
    weight_of,
    without,
)
from tests.mutants.kinds.registry import kind

L0, L1, L3, L4 = Level.WEIGHTS, Level.INFERENCE, Level.GRADIENTS, Level.TRAJECTORY


@kind(L0, L1)
def bias_lost(net):
    for record in layers(net, "Conv2D", "Dense"):
        if record.config["use_bias"]:
            kept = tuple(weight for weight in record.weights if weight.name != "bias")
            config = {**record.config, "use_bias": False}
            changed = dataclasses.replace(record, weights=kept, config=config)
            plan = net.migration.plan
            for call in [each for each in layers(net) if each.name == record.name]:
                again = dataclasses.replace(changed, inputs=call.inputs, outputs=call.outputs)
                plan = replaced(plan, call, again)
            return net.build(plan)


def _shared(net):
    calls = {}
    for record in layers(net):
        if record.weights:
            calls.setdefault(record.name, []).append(record)
    return next((found for found in calls.values() if len(found) > 1), None)


@kind(L0, L3, L4)
def shared_layer_copied(net):
    """Two layers with equal weights: the same function until a step is taken."""
    found = _shared(net)
    if found is None:
        return None
    copy = dataclasses.replace(found[1], name=f"{found[1].name}_copy")
    return net.build(replaced(net.migration.plan, found[1], copy))


@kind(L1)
def shared_layer_reads_one_image_twice(net):
    found = _shared(net)
    if found is None:
        return None
    again = dataclasses.replace(found[1], inputs=found[0].inputs)
    return net.build(replaced(net.migration.plan, found[1], again))


def _turned(net, *kinds):
    for record in layers(net, *kinds):
        turned = dataclasses.replace(record, inputs=record.inputs[::-1])
        return net.build(replaced(net.migration.plan, record, turned))
    return None


@kind(L1)
def operands_swapped(net):
    return _turned(net, "Subtract")


@kind(L1)
def parts_joined_in_the_other_order(net):
    return _turned(net, "Concatenate")


@kind(L0, L1)
def shortcut_lost(net):
    for record in layers(net, "Add"):
        return net.build(without(net.migration.plan, record, instead=1))
    return None


@kind(L1)
def shortcut_from_before_the_activation(net):
    for record in layers(net, "Add"):
        for relu in layers(net, "ReLU"):
            if relu.outputs[0] in record.inputs:
                before = dict(zip(relu.outputs, relu.inputs))
                earlier = tuple(before.get(tensor, tensor) for tensor in record.inputs)
                changed = dataclasses.replace(record, inputs=earlier)
                return net.build(replaced(net.migration.plan, record, changed))
    return None


@kind(L0, L1)
def product_for_sum(net):
    for record in layers(net, "Add"):
        changed = dataclasses.replace(record, target="layers.Multiply")
        return net.build(replaced(net.migration.plan, record, changed))
    return None


@kind(L1)
def constant_factor_lost(net):
    for record in layers(net, "multiply"):
        return net.build(without(net.migration.plan, record))
    return None


@kind(L1)
def layer_applied_twice(net):
    for record in layers(net, "Conv2D", "Dense"):
        (source,), (tensor,) = record.inputs, record.outputs
        if shape_of(net, source) == shape_of(net, tensor):
            between = f"{tensor}#once"
            once = dataclasses.replace(record, outputs=(between,))
            twice = dataclasses.replace(record, inputs=(between,))
            return net.build(replaced(net.migration.plan, record, once, twice))
    return None


def _rewired_ends(net, change):
    import keras

    model = net.build()
    inputs, outputs = change(model.inputs, model.outputs)
    return keras.Model(inputs, outputs, name=model.name)


@kind(L1)
def softmax_on_the_outputs(net):
    import keras

    return _rewired_ends(net, lambda i, o: (i, [keras.ops.softmax(o[0]), *o[1:]]))


@kind(L1)
def outputs_swapped(net):
    if len(net.migration.plan.outputs) < 2:
        return None
    return _rewired_ends(net, lambda i, o: (i, o[::-1]))


@kind(L1)
def output_lost(net):
    if len(net.migration.plan.outputs) < 2:
        return None
    return _rewired_ends(net, lambda i, o: (i, o[:-1]))


@kind(L1)
def inputs_in_another_order(net):
    if len(net.migration.plan.inputs) < 2:
        return None
    return _rewired_ends(net, lambda i, o: ([i[1], i[0], *i[2:]], o))


@kind(L1)
def input_taken_for_the_other(net):
    plan = net.migration.plan
    if len(plan.inputs) < 2 or plan.inputs[0].shape != plan.inputs[1].shape:
        return None
    one, other = plan.inputs[:2]
    names = {one.tensor: other.tensor, other.tensor: one.tensor}
    changed = tuple(
        dataclasses.replace(each, inputs=tuple(names.get(t, t) for t in each.inputs))
        for each in plan.layers
    )
    return net.build(dataclasses.replace(plan, layers=changed))


@kind(L1)
def computed_in_bfloat16(net):
    """A layer with the policy of mixed precision: its weights are as they were."""
    import keras

    model = net.build()

    def lowered(layer):
        config = layer.get_config()
        if layer.name == _first_kernel(net):
            config["dtype"] = keras.DTypePolicy("mixed_bfloat16").get_config()["name"]
        return layer.__class__.from_config(config)

    changed = keras.models.clone_model(model, clone_function=lowered)
    changed.set_weights(model.get_weights())
    return changed


def _first_kernel(net):
    return next(record.name for record in layers(net) if weight_of(record, "kernel"))


@kind(L0, L1)
def layer_between(net):
    """A normalization of each sample that the graph does not have."""
    for record in layers(net, "Conv2D"):
        return net.build(followed(net.migration.plan, record, "layers.UnitNormalization"))


@kind(L0, L4)
def bias_that_the_graph_does_not_have(net):
    """All 0, and so the same function until it is trained; a batch norm behind it would hide it."""
    normalised = {record.inputs for record in layers(net, *BATCH_NORM) if trains(record)}
    for record in layers(net, "Conv2D", "Dense"):
        if not record.config["use_bias"] and record.outputs not in normalised:
            kernel = weight_of(record, "kernel")
            zero = dataclasses.replace(
                kernel, name="bias", variable="zero", shape=kernel.shape[-1:]
            )
            changed = dataclasses.replace(
                record,
                config={**record.config, "use_bias": True},
                weights=(*record.weights, zero),
            )
            plan = replaced(net.migration.plan, record, changed)
            return net.build(plan, {"zero": np.zeros(zero.shape)})
    return None
