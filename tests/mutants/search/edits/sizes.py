"""What is wrong at one size, one batch or in one range only."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.mutants.search.edits.own_layers import CONDITIONS, Conditional
from tests.mutants.search.edits.registry import (
    Change,
    DoesNotApply,
    Make,
    Scene,
    edit,
    register_all,
)
from tests.mutants.search.sketch import Node

_OF_IMAGES = ("odd heights", "widths below 4")
_OF_INPUTS = ("zeros", "values below 1e-3")  # Behind biases there are none.
_WINDOWS = ("Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D", "SeparableConv2D")


def _only_for(condition: str) -> Make:
    def make(scene: Scene) -> Change:
        tensor = scene.tensor(4 if condition in _OF_IMAGES else None)
        if condition in _OF_INPUTS:
            tensor = scene.sketch.inputs[0].tensor
        extra = Node(
            "extra_condition", Conditional, (tensor,), (f"{tensor}#if",), {"condition": condition}
        )
        sketch = scene.sketch.followed(tensor, extra)
        return Change(sketch, f"'{tensor}' wrong for {condition}", ("extra", "Conditional"))

    return make


@edit
def padding_of_one_parity(scene: Scene) -> Change:
    """SAME padding of a stride of two written out for even sizes, where sizes are open."""
    found = [
        n
        for n in scene.sketch.of(*_WINDOWS)
        if n.config.get("padding") == "same"
        and None in scene.sketch.shape(n.inputs[0])[1:]
        and 2 in _pair(n.config.get("strides", 1))
    ]
    node = scene.one_of(found)
    key = "pool_size" if "Pooling" in node.kind else "kernel_size"
    sizes, strides = _pair(node.config[key]), _pair(node.config.get("strides", 1))
    even = [max(size - stride, 0) for size, stride in zip(sizes, strides)]
    pads = tuple((each // 2, each - each // 2) for each in even)
    if not any(even) and all(size <= stride for size, stride in zip(sizes, strides)):
        raise DoesNotApply
    made = f"{node.inputs[0]}#padded"
    pad = Node("extra_pad", "layers.ZeroPadding2D", node.inputs, (made,), {"padding": pads})
    valid = dataclasses.replace(node.with_config(padding="valid"), inputs=(made,))
    text = f"SAME of '{node.name}' written out for even sizes"
    return Change(scene.sketch.replaced(node, pad, valid), text, ("padding", "phase", "extra"))


@edit
def crop_of_large_images(scene: Scene) -> Change:
    """All but the first 20 rows are lost, of images of an open size."""
    import keras

    record = scene.sketch.inputs[0]
    if record.shape[1] is not None:
        raise DoesNotApply

    def cropped(x: Any) -> Any:
        return keras.ops.take(x, keras.ops.arange(20), axis=1) if x.shape[1] else x[:, :20]

    extra = Node("extra_crop", cropped, (record.tensor,), (f"{record.tensor}#crop",))
    sketch = scene.sketch.followed(record.tensor, extra)
    return Change(sketch, "rows beyond 20 lost", ("extra", "reads another tensor"))


def _pair(value: Any) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)


register_all(
    "sizes", {f"only_for_{name.replace(' ', '_')}": _only_for(name) for name in CONDITIONS}
)
