"""Layers with a kernel, in other layers: padding apart, Dense for a convolution and back, ..."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tests.mutants.search.edits.registry import DoesNotApply, Scene
from tests.mutants.search.forms.expressed import draw_plain, written_as
from tests.mutants.search.forms.registry import form
from tests.mutants.search.sketch import Node, Sketch

_KEPT = ("use_bias", "trainable", "kernel_regularizer", "bias_regularizer", "activation")


def _pair(value: Any) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)


@form
def padding_written_out(scene: Scene) -> Sketch:
    """SAME as ZeroPadding2D and VALID, at a size that is known."""
    sketch = scene.sketch
    node = draw_plain(scene, "Conv2D", "DepthwiseConv2D")
    shape = sketch.shape(node.inputs[0])
    if node.config.get("padding") != "same" or None in shape[1:]:
        raise DoesNotApply
    pads = []
    for axis in (0, 1):
        size, stride = shape[axis + 1], _pair(node.config.get("strides", 1))[axis]
        dilation = _pair(node.config.get("dilation_rate", 1))[axis]
        window = (_pair(node.config["kernel_size"])[axis] - 1) * dilation + 1
        whole = max((-(-size // stride) - 1) * stride + window - size, 0)
        pads.append((whole // 2, whole - whole // 2))
    made = f"{node.inputs[0]}#{node.name}"
    pad = Node(
        f"{node.name}_pad", "layers.ZeroPadding2D", node.inputs, (made,), {"padding": tuple(pads)}
    )
    valid = dataclasses.replace(node.with_config(padding="valid"), inputs=(made,))
    return sketch.replaced(node, pad, valid)


@form
def dense_for_small_convolution(scene: Scene) -> Sketch:
    """A 1x1 convolution of stride 1 as Dense: its kernel has the same bits in another shape."""
    sketch = scene.sketch
    found = [
        n
        for n in sketch.of("Conv2D")
        if n.is_plain
        and _pair(n.config["kernel_size"]) == (1, 1)
        and _pair(n.config.get("strides", 1)) == (1, 1)
        and len(sketch.calls(n)) == 1
    ]
    node = scene.one_of(found)
    config = {key: value for key, value in node.config.items() if key in _KEPT}
    values = {**node.values, "kernel": node.values["kernel"][0, 0]}
    new = written_as(node, "layers.Dense", units=node.config["filters"], **config)
    return sketch.replaced(node, dataclasses.replace(new, values=values))


@form
def convolution_for_dense(scene: Scene) -> Sketch:
    """A Dense on [batch, channels] as a 1x1 convolution between two reshapes."""
    sketch = scene.sketch
    node = draw_plain(scene, "Dense")
    shape = sketch.shape(node.inputs[0])
    if len(shape) != 2:
        raise DoesNotApply
    config = {key: value for key, value in node.config.items() if key in _KEPT}
    image, made = f"{node.outputs[0]}#image", f"{node.outputs[0]}#made"
    units = node.config["units"]
    before = Node(
        f"{node.name}_in",
        "layers.Reshape",
        node.inputs,
        (image,),
        {"target_shape": (1, 1, shape[-1])},
    )
    conv = dataclasses.replace(
        node,
        target="layers.Conv2D",
        config={"filters": units, "kernel_size": 1, **config},
        values={**node.values, "kernel": node.values["kernel"][np.newaxis, np.newaxis]},
        inputs=(image,),
        outputs=(made,),
    )
    after = Node(
        f"{node.name}_out", "layers.Reshape", (made,), node.outputs, {"target_shape": (units,)}
    )
    return sketch.replaced(node, before, conv, after)


@form
def separable_apart(scene: Scene) -> Sketch:
    """SeparableConv2D as a DepthwiseConv2D and a 1x1 convolution."""
    sketch = scene.sketch
    node = draw_plain(scene, "SeparableConv2D")
    c = node.config
    made = f"{node.outputs[0]}#deep"
    deep = {k: c[k] for k in ("kernel_size", "strides", "padding", "dilation_rate") if k in c}
    deep |= {"depth_multiplier": c.get("depth_multiplier", 1), "use_bias": False}
    wide = {k: c[k] for k in ("filters", "use_bias", "bias_regularizer", "activation") if k in c}
    if c.get("depthwise_regularizer"):
        deep["depthwise_regularizer"] = c["depthwise_regularizer"]
    if c.get("pointwise_regularizer"):
        wide["kernel_regularizer"] = c["pointwise_regularizer"]
    if not c.get("trainable", True):
        deep["trainable"] = wide["trainable"] = False
    one = Node(
        f"{node.name}_depthwise",
        "layers.DepthwiseConv2D",
        node.inputs,
        (made,),
        deep,
        {"kernel": node.values["depthwise_kernel"]},
    )
    values = {"kernel": node.values["pointwise_kernel"]}
    if "bias" in node.values:
        values["bias"] = node.values["bias"]
    other = dataclasses.replace(
        node,
        name=f"{node.name}_pointwise",
        target="layers.Conv2D",
        config={"kernel_size": 1, **wide},
        values=values,
        inputs=(made,),
    )
    return sketch.replaced(node, one, other)
