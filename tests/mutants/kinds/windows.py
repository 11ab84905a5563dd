"""Strides, dilations, pools, resizing and flattening that are off by a little."""

from __future__ import annotations

import dataclasses

import numpy as np

from slimfix.parity.verdicts import Level
from tests.mutants.kinds.edits import (
    POOLS,
    WINDOWS,
    configured,
    first_built,
    layers,
    replaced,
    without,
)
from tests.mutants.kinds.registry import kind

L0, L1 = Level.WEIGHTS, Level.INFERENCE
_CHANNELS_LAST = {"data_format": "channels_last"}


@kind(L0, L1)
def strides_swapped(net):
    found = layers(net, "Conv2D", *POOLS)
    uneven = (record for record in found if len(set(record.config["strides"])) > 1)
    return first_built(net, (configured(net, r, strides=r.config["strides"][::-1]) for r in uneven))


@kind(L0, L1)
def stride_lost(net):
    found = (r for r in layers(net, *WINDOWS) if max(r.config["strides"]) > 1)
    return first_built(net, (configured(net, record, strides=(1, 1)) for record in found))


@kind(L0, L1)
def dilation_lost(net):
    """rate=2 read as rate=1: every shape stays as it is."""
    for record in layers(net, "Conv2D"):
        if max(record.config["dilation_rate"]) > 1:
            return net.build(configured(net, record, dilation_rate=(1, 1)))
    return None


@kind(L0, L1)
def dilation_for_a_stride(net):
    """What saves resolution in the one way for what saves it in the other."""
    plans = (
        configured(net, record, strides=(1, 1), dilation_rate=record.config["strides"])
        for record in layers(net, "Conv2D")
        if max(record.config["strides"]) > 1
    )
    return first_built(net, plans)


def _as_other_pool(net, mine, other):
    for record in layers(net, mine):
        changed = dataclasses.replace(record, target=f"layers.{other}")
        return net.build(replaced(net.migration.plan, record, changed))
    return None


@kind(L0, L1)
def average_for_maximum(net):
    return _as_other_pool(net, "MaxPooling2D", "AveragePooling2D")


@kind(L0, L1)
def maximum_for_average(net):
    return _as_other_pool(net, "AveragePooling2D", "MaxPooling2D")


@kind(L0, L1)
def maximum_for_global_average(net):
    return _as_other_pool(net, "GlobalAveragePooling2D", "GlobalMaxPooling2D")


@kind(L0, L1)
def pool_window_turned(net):
    found = (r for r in layers(net, *POOLS) if len(set(r.config["pool_size"])) > 1)
    plans = (configured(net, r, pool_size=r.config["pool_size"][::-1]) for r in found)
    return first_built(net, plans)


def _resized(net, **config):
    """Keras's own layer in the place of the products that a resize is planned as."""
    plan = net.migration.plan
    for end in layers(net, "Reshape"):
        steps = [r for r in layers(net) if r.is_step and r.name.startswith(f"{end.name}__")]
        if steps:
            height, width, _ = end.config["target_shape"]
            resize = dataclasses.replace(
                end,
                target="layers.Resizing",
                config={"height": height, "width": width, **_CHANNELS_LAST, **config},
                inputs=steps[0].inputs,
            )
            for step in steps:
                plan = replaced(plan, step)
            return net.build(replaced(plan, end, resize))
    return None


@kind(L0, L1)
def resized_with_half_pixels(net):
    return _resized(net, interpolation="bilinear")


@kind(L0, L1)
def resized_to_the_nearest_pixel(net):
    return _resized(net, interpolation="nearest")


@kind(L1)
def resized_with_aligned_corners(net):
    """The matrices of the other convention."""
    plan = net.migration.plan
    for record in layers(net, "matmul"):
        if record.is_step:
            rows, columns = record.config["x1"].shape
            if record.name.endswith("_rest"):
                matrix = np.zeros((rows, columns), np.float32)
            else:
                places = np.arange(rows) * (columns - 1) / (rows - 1)
                distances = np.abs(places[:, None] - np.arange(columns))
                matrix = np.maximum(1 - distances, 0).astype(np.float32)
            changed = dataclasses.replace(record, config={"x1": matrix})
            plan = replaced(plan, record, changed)
    return None if plan is net.migration.plan else net.build(plan)


@kind(L0, L1)
def flattened_in_the_order_of_the_model(net):
    """The kernel behind it has its rows in the graph's order, channels first."""
    for record in layers(net, "Permute"):
        return net.build(without(net.migration.plan, record))
    return None
