"""Padding that is off by a little, or of another kind."""

from __future__ import annotations

import dataclasses

import numpy as np

from slimfix.migration.records import LayerRecord
from slimfix.parity.verdicts import Level
from tests.mutants.kinds.edits import (
    POOLS,
    WINDOWS,
    configured,
    first_built,
    layers,
    replaced,
    shape_of,
    without,
)
from tests.mutants.kinds.registry import kind

L0, L1 = Level.WEIGHTS, Level.INFERENCE
_CHANNELS_LAST = {"data_format": "channels_last"}


def _window(record):
    return record.config.get("kernel_size") or record.config["pool_size"]


def _padded(record, padding, source, name="padded"):
    """A layer of zeros (or what else `padding` says) before another, and that layer behind it."""
    made = f"{record.outputs[0]}#{name}"
    pad = LayerRecord(
        name=f"{record.name}__{name}",
        scope=record.scope,
        target="layers.ZeroPadding2D",
        config={"padding": padding, **_CHANNELS_LAST},
        inputs=(source,),
        outputs=(made,),
    )
    config = {**record.config, "padding": "valid"}
    return pad, dataclasses.replace(record, inputs=(made,), config=config)


def _same_pads(net, record):
    """What SAME puts around the data of a convolution or pool, (before, after) by axis."""
    pairs = []
    dilations = record.config.get("dilation_rate", (1, 1))
    for size, window, stride, dilation in zip(
        shape_of(net, record.inputs[0])[1:3], _window(record), record.config["strides"], dilations
    ):
        covered = (-(-size // stride) - 1) * stride + (window - 1) * dilation + 1
        total = max(covered - size, 0)
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)


@kind(L0, L1)
def same_for_explicit_padding(net):
    """slim's conv2d_same with a stride taken for SAME, which pads the other side on even sizes."""
    plan = net.migration.plan
    for pad in layers(net, "ZeroPadding2D"):
        for conv in layers(net, "Conv2D"):
            if conv.inputs == pad.outputs:
                same = dataclasses.replace(conv, config={**conv.config, "padding": "same"})
                return net.build(without(replaced(plan, conv, same), pad))
    return None


@kind(L0, L1)
def pad_moved_by_one_pixel(net):
    for pad in layers(net, "ZeroPadding2D"):
        (top, bottom), columns = pad.config["padding"]
        moved = ((top - 1, bottom + 1), columns)
        return net.build(configured(net, pad, padding=moved))
    return None


@kind(L0, L1)
def border_repeated_for_zeros(net):
    plan = net.migration.plan
    for pad in layers(net, "ZeroPadding2D"):
        widths = ((0, 0), *pad.config["padding"], (0, 0))
        config = {"pad_width": widths, "mode": "reflect"}
        mirrored = dataclasses.replace(pad, target="ops.pad", config=config)
        return net.build(replaced(plan, pad, mirrored))
    return None


def _repadded(net, planned, padding):
    found = (r for r in layers(net, *WINDOWS) if r.config["padding"] == planned)
    apart = (record for record in found if np.any(_same_pads(net, record)))
    return first_built(net, (configured(net, record, padding=padding) for record in apart))


@kind(L0, L1)
def valid_for_same(net):
    return _repadded(net, "same", "valid")


@kind(L0, L1)
def same_for_valid(net):
    return _repadded(net, "valid", "same")


@kind(L0, L1)
def same_padded_evenly(net):
    """A strided SAME as frameworks do that pad both sides alike: shifted on even sizes."""
    plan = net.migration.plan
    for record in layers(net, "Conv2D", "DepthwiseConv2D"):
        even = [size % 2 == 0 for size in shape_of(net, record.inputs[0])[1:3]]
        strided, window = record.config["strides"], record.config["kernel_size"]
        if record.config["padding"] != "same" or strided[0] != 2 or not any(even):
            continue
        alike = tuple((size // 2, size // 2) for size in window)
        plans = [replaced(plan, record, *_padded(record, alike, record.inputs[0]))]
        model = first_built(net, plans)
        if model is not None:
            return model
    return None


@kind(L0, L1)
def padding_counted_in_the_average(net):
    """Zeros around the data in the sum, and in the count."""
    for record in layers(net, "AveragePooling2D"):
        pads = _same_pads(net, record)
        if record.config["padding"] == "same" and np.any(pads):
            padded = _padded(record, pads, record.inputs[0])
            return net.build(replaced(net.migration.plan, record, *padded))
    return None


@kind(L0, L1)
def pool_padded_on_the_other_side(net):
    for record in layers(net, *POOLS):
        pads = _same_pads(net, record)
        turned = tuple(pair[::-1] for pair in pads)
        if record.config["padding"] == "same" and turned != pads:
            padded = _padded(record, turned, record.inputs[0])
            return net.build(replaced(net.migration.plan, record, *padded))
    return None


@kind(L0, L1)
def upsampled_image_moved_by_one_pixel(net):
    """A transposed convolution cropped at the other end."""
    plan = net.migration.plan
    for record in layers(net, "Conv2DTranspose"):
        (tensor,) = record.outputs
        _, height, width, _ = shape_of(net, tensor)
        whole, cropped = f"{tensor}#whole", f"{record.name}__cropped"
        valid = dataclasses.replace(
            record, config={**record.config, "padding": "valid"}, outputs=(whole,)
        )
        strides = record.config["strides"]
        extra = [
            stride * (size // stride) + max(window - stride, 0) - size
            for size, window, stride in zip((height, width), _window(record), strides)
        ]
        crops = tuple((total - total // 2, total // 2) for total in extra)
        crop = LayerRecord(
            name=cropped,
            scope=record.scope,
            target="layers.Cropping2D",
            config={"cropping": crops, **_CHANNELS_LAST},
            inputs=(whole,),
            outputs=(tensor,),
        )
        return net.build(replaced(plan, record, valid, crop))
    return None
