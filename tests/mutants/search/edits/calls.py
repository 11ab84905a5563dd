"""How layers are called, in which dtype, and layers that are only called like Keras's."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.mutants.search.edits import own_layers
from tests.mutants.search.edits.registry import (
    Change,
    Make,
    Scene,
    edit,
    quoted,
    register_all,
)
from tests.mutants.search.sketch import Node, Sketch

_NORMS = ("BatchNormalization", "SlimBatchNormalization")


@edit
def batch_norm_trains_for_good(scene: Scene) -> Change:
    node = scene.node(*_NORMS)
    called = dataclasses.replace(node, call={"training": True})
    causes = ("batch statistics",)
    text = f"'{node.name}' called with training=True"
    return Change(scene.sketch.replaced(node, called), text, causes, shows=False)


@edit
def dropout_drops_for_good(scene: Scene) -> Change:
    node = scene.node("Dropout")
    called = dataclasses.replace(node, call={"training": True})
    text = f"'{node.name}' called with training=True"
    sketch = scene.sketch.replaced(node, called)
    return Change(sketch, text, ("dropout active",), shows=False)


@edit
def nested_model_trains_for_good(scene: Scene) -> Change:
    """A batch norm or dropout in a model of its own that is called with training=True."""
    node = scene.one_of([n for n in scene.sketch.of(*_NORMS, "Dropout") if n.is_plain])
    nested = _nested(scene.sketch, node, {"training": True})
    text = f"'{node.name}' in a model called with training=True"
    sketch = scene.sketch.replaced(node, nested)
    return Change(sketch, text, ("batch statistics", "dropout active"), shows=False)


def _nested(sketch: Sketch, node: Node, call: dict[str, Any]) -> Node:
    from slimfix.migration.records import InputRecord

    shape = sketch.shape(node.inputs[0])
    record = InputRecord(node.inputs[0], f"{node.name}_input", shape, "float32")
    inner = Sketch((record,), (node,), node.outputs)
    return Node(f"{node.name}_model", inner, node.inputs, node.outputs, call=call)


@edit
def mask_of_a_call(scene: Scene) -> Change:
    """A softmax that is called with a mask."""
    import keras

    node = scene.node("Softmax", "softmax")

    def masked(x: Any) -> Any:
        return keras.layers.Softmax()(x, mask=x > -1.0)

    called = Node(f"{node.name}_masked", masked, node.inputs, node.outputs)
    causes = (quoted(node), "in place of")
    return Change(scene.sketch.replaced(node, called), f"'{node.name}' with a mask", causes)


def _in_dtype(dtype: str) -> Make:
    def make(scene: Scene) -> Change:
        node = scene.one_of([n for n in scene.sketch.nodes if n.is_layer and n.values])
        lowered = scene.sketch.mapped(
            lambda n: n.with_config(dtype=dtype) if n.name == node.name else n
        )
        causes = ("dtype|float16|mixed",)
        return Change(lowered, f"'{node.name}' ({node.kind}) in {dtype}", causes)

    return make


def _without_weights_in_dtype(scene: Scene) -> Change:
    kinds = ("ReLU", "ELU", "LeakyReLU", "AveragePooling2D", "Add", "Concatenate", "Rescaling")
    node = scene.node(*kinds, "Flatten", "GlobalAveragePooling2D", "MaxPooling2D", "Dropout")
    dtype = scene.one_of(("float16", "bfloat16", "mixed_bfloat16"))
    lowered = scene.sketch.replaced(node, node.with_config(dtype=dtype))
    return Change(lowered, f"'{node.name}' ({node.kind}) in {dtype}", ("dtype|float16|mixed",))


def _input_in_dtype(scene: Scene) -> Change:
    dtype = scene.one_of(("float16", "bfloat16"))
    records = tuple(dataclasses.replace(r, dtype=dtype) for r in scene.sketch.inputs)
    sketch = dataclasses.replace(scene.sketch, inputs=records)
    return Change(sketch, f"inputs in {dtype}", ("dtype|float16",))


def _output_in_dtype(scene: Scene) -> Change:
    dtype = scene.one_of(("float16", "bfloat16", "int32"))
    tensor = scene.sketch.outputs[0]
    cast = Node("extra_cast", "ops.cast", (tensor,), (f"{tensor}#cast",), {"dtype": dtype})
    sketch = scene.sketch.followed(tensor, cast)
    return Change(sketch, f"output cast to {dtype}", ("dtype|float16|int32|extra|Cast",))


def _own(name: str) -> Make:
    """A class of one's own of the name of Keras's."""

    def make(scene: Scene) -> Change:
        kind = getattr(own_layers, name)
        node = scene.one_of([n for n in scene.sketch.of(name) if n.target == f"layers.{name}"])
        new = scene.sketch.mapped(
            lambda n: dataclasses.replace(n, target=kind) if n.name == node.name else n
        )
        shows = name != "BatchNormalization"
        text = f"'{node.name}' of a class of one's own called {name}"
        return Change(new, text, (quoted(node), "in place of", "flattened", "order"), shows=shows)

    return make


@edit
def spectral_normalization(scene: Scene) -> Change:
    """A wrapper of Keras that divides the kernel in training."""
    import keras

    node = scene.one_of([n for n in scene.sketch.of("Conv2D", "Dense") if n.is_plain])
    node = scene.sketch.calls(node)[0]
    inner = dict(node.config)
    values = node.values

    def fill(layer: Any) -> None:
        for key, value in values.items():
            getattr(layer.layer, key).assign(value)

    def wrapped(name: str, dtype: str) -> Any:
        layer = getattr(keras.layers, node.kind)(**inner, dtype=dtype, name=f"{name}_inner")
        return keras.layers.SpectralNormalization(layer, name=name)

    class Wrapped:
        """Made as a layer is."""

        def __new__(cls, name: str, dtype: str) -> Any:
            return wrapped(name, dtype)

    if len(scene.sketch.calls(node)) > 1:
        scene.one_of([])
    new = Node(node.name, Wrapped, node.inputs, node.outputs, touch=fill)
    text = f"SpectralNormalization around '{node.name}'"
    return Change(scene.sketch.replaced(node, new), text, (quoted(node),), shows=False)


register_all(
    "calls",
    {
        **{f"own_{name}": _own(name) for name in ("ReLU", "Conv2D", "Dense", "Dropout", "Flatten")},
        "own_BatchNormalization": _own("BatchNormalization"),
    },
)
register_all(
    "dtypes",
    {
        **{
            f"layer_in_{dtype}": _in_dtype(dtype)
            for dtype in ("mixed_bfloat16", "mixed_float16", "bfloat16", "float16")
        },
        "bare_layer_in_dtype": _without_weights_in_dtype,
        "input_in_dtype": _input_in_dtype,
        "output_in_dtype": _output_in_dtype,
    },
)
