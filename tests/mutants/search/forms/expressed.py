"""The same computation in other layers or operations."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.mutants.search.edits.registry import DoesNotApply, Scene
from tests.mutants.search.forms.registry import form
from tests.mutants.search.sketch import Node, Sketch


def written_as(node: Node, target: Any, **config: Any) -> Node:
    return dataclasses.replace(node, target=target, config=config)


def draw_plain(scene: Scene, *kinds: str) -> Node:
    """Draws a node of these kinds that nothing is special of, and is called once."""
    sketch = scene.sketch
    return scene.one_of([n for n in sketch.of(*kinds) if n.is_plain and len(sketch.calls(n)) == 1])


@form
def reshape_for_flatten(scene: Scene) -> Sketch:
    node = draw_plain(scene, "Flatten")
    target = scene.one_of(("layers.Reshape", "ops.reshape"))
    size = scene.sketch.shape(node.outputs[0])[-1]
    config = {"target_shape": (-1,)} if "layers" in target else {"newshape": (-1, size)}
    return scene.sketch.replaced(node, written_as(node, target, **config))


@form
def activation_in_another_class(scene: Scene) -> Sketch:
    node = draw_plain(scene, "ReLU", "relu", "relu6", "ELU", "elu", "LeakyReLU", "tanh", "sigmoid")
    written = {
        ("ReLU", None): [
            ("layers.Activation", {"activation": "relu"}),
            ("ops.relu", {}),
            ("layers.ReLU", {"max_value": None, "negative_slope": 0.0}),
            ("layers.LeakyReLU", {"negative_slope": 0.0}),
            ("ops.maximum", {"x2": 0.0}),
        ],
        ("ReLU", 6.0): [
            ("layers.Activation", {"activation": "relu6"}),
            ("ops.relu6", {}),
            ("ops.clip", {"x_min": 0.0, "x_max": 6.0}),
        ],
        ("ELU", None): [("layers.Activation", {"activation": "elu"}), ("ops.elu", {})],
        ("tanh", None): [("layers.Activation", {"activation": "tanh"})],
        ("sigmoid", None): [("layers.Activation", {"activation": "sigmoid"})],
        ("LeakyReLU", None): [
            ("ops.leaky_relu", {"negative_slope": node.config.get("negative_slope")}),
            ("layers.ReLU", {"negative_slope": node.config.get("negative_slope")}),
        ],
    }
    if set(node.config) - {"max_value", "negative_slope", "alpha"}:
        raise DoesNotApply
    if node.config.get("negative_slope") and node.kind != "LeakyReLU":
        raise DoesNotApply
    if node.config.get("alpha", 1.0) != 1.0:
        raise DoesNotApply
    key = (node.kind, node.config.get("max_value"))
    target, config = scene.one_of(written.get(key, []))
    return scene.sketch.replaced(node, written_as(node, target, **config))


@form
def activation_inside(scene: Scene) -> Sketch:
    """In the layer before it."""
    sketch = scene.sketch
    makers = {tensor: node for node in sketch.nodes for tensor in node.outputs}
    found = []
    for node in sketch.of("ReLU", "ELU", "tanh", "sigmoid", "softmax"):
        maker = makers.get(node.inputs[0])
        if (
            maker is not None
            and maker.kind in ("Conv2D", "Dense", "DepthwiseConv2D", "SeparableConv2D")
            and maker.is_plain
            and node.is_plain
            and "activation" not in maker.config
            and len(sketch.calls(maker)) == len(sketch.calls(node)) == 1
            and sketch.readers(node.inputs[0]) == [node]
            and node.inputs[0] not in sketch.outputs
            and not {k: v for k, v in node.config.items() if (k, v) != ("axis", -1)}
        ):
            found.append((maker, node))
    maker, node = scene.one_of(found)
    name = node.kind.lower()
    both = dataclasses.replace(maker.with_config(activation=name), outputs=node.outputs)
    return sketch.replaced(node).replaced(maker, both)


@form
def rescaling_for_arithmetic(scene: Scene) -> Sketch:
    node = draw_plain(scene, "multiply", "add", "subtract")
    if len(node.inputs) != 1 or not isinstance(node.config.get("x2"), float):
        raise DoesNotApply
    number = node.config["x2"]
    config = {"scale": 1.0, "offset": number}
    if node.kind == "multiply":
        config = {"scale": number}
    elif node.kind == "subtract":
        config = {"scale": 1.0, "offset": -number}
    return scene.sketch.replaced(node, written_as(node, "layers.Rescaling", **config))


@form
def preprocessing_in_one_rescaling(scene: Scene) -> Sketch:
    """x * a - b as Rescaling(a, -b)."""
    sketch = scene.sketch
    found = [
        (one, other)
        for one in sketch.of("multiply")
        for other in sketch.of("subtract", "add")
        if other.inputs == one.outputs
        and isinstance(one.config.get("x2"), float)
        and isinstance(other.config.get("x2"), float)
        and one.is_plain
        and other.is_plain
    ]
    one, other = scene.one_of(found)
    if len(sketch.readers(one.outputs[0])) > 1 or one.outputs[0] in sketch.outputs:
        raise DoesNotApply
    offset = other.config["x2"] * (-1.0 if other.kind == "subtract" else 1.0)
    new = written_as(one, "layers.Rescaling", scale=one.config["x2"], offset=offset)
    new = dataclasses.replace(new, outputs=other.outputs)
    return sketch.replaced(other).replaced(one, new)


@form
def operator_for_layer(scene: Scene) -> Sketch:
    """Add, Subtract, Concatenate as operations, or the other way round."""
    node = draw_plain(scene, "Add", "Subtract", "add", "subtract")
    if len(node.inputs) != 2:
        raise DoesNotApply
    name = node.kind
    target = f"ops.{name.lower()}" if node.is_layer else f"layers.{name.capitalize()}"
    return scene.sketch.replaced(node, written_as(node, target))


@form
def concatenation_by_function(scene: Scene) -> Sketch:
    import keras

    node = draw_plain(scene, "Concatenate")
    axis = node.config.get("axis", -1)

    def concatenated(*tensors: Any) -> Any:
        return keras.ops.concatenate(tensors, axis)

    return scene.sketch.replaced(node, written_as(node, concatenated))


@form
def summands_swapped(scene: Scene) -> Sketch:
    node = draw_plain(scene, "Add", "add")
    if len(node.inputs) != 2:
        raise DoesNotApply
    return scene.sketch.replaced(node, dataclasses.replace(node, inputs=node.inputs[::-1]))


@form
def mean_by_another_name(scene: Scene) -> Sketch:
    node = draw_plain(scene, "GlobalAveragePooling2D", "mean")
    rank = len(scene.sketch.shape(node.inputs[0]))
    if node.kind == "mean":
        axes = [axis % rank for axis in node.config.get("axis", ())]
        if rank != 4 or sorted(axes) != [1, 2] or node.config.get("keepdims"):
            raise DoesNotApply
        return scene.sketch.replaced(node, written_as(node, "layers.GlobalAveragePooling2D"))
    if node.config.get("keepdims"):
        raise DoesNotApply
    return scene.sketch.replaced(node, written_as(node, "ops.mean", axis=(1, 2)))


@form
def padding_by_operation(scene: Scene) -> Sketch:
    node = draw_plain(scene, "ZeroPadding2D")
    width = ((0, 0), *node.config["padding"], (0, 0))
    return scene.sketch.replaced(node, written_as(node, "ops.pad", pad_width=width))


@form
def axis_from_the_front(scene: Scene) -> Sketch:
    node = draw_plain(scene, "BatchNormalization", "Concatenate", "Softmax")
    if node.config.get("axis", -1) != -1:
        raise DoesNotApply
    rank = len(scene.sketch.shape(node.inputs[0]))
    return scene.sketch.replaced(node, node.with_config(axis=rank - 1))


def _cast_to_its_own(x: Any) -> Any:
    import keras

    return keras.ops.cast(x, x.dtype)


_NOTHING: dict[str, tuple[Any, dict[str, Any]]] = {
    "identity": ("layers.Identity", {}),
    "linear": ("layers.Activation", {"activation": "linear"}),
    "dropout of nothing": ("layers.Dropout", {"rate": 0.0}),
    "times one": ("ops.multiply", {"x2": 1.0}),
    "plus zero": ("ops.add", {"x2": 0.0}),
    "cast": (_cast_to_its_own, {}),
    "pool of one": ("layers.MaxPooling2D", {"pool_size": 1}),
    "no padding": ("layers.ZeroPadding2D", {"padding": 0}),
    "idle rescaling": ("layers.Rescaling", {"scale": 1.0}),
}


@form
def with_something_idle(scene: Scene) -> Sketch:
    """An operation more, which does nothing."""
    tensor = scene.tensor()
    names = sorted(_NOTHING)
    if len(scene.sketch.shape(tensor)) != 4:
        names = [name for name in names if name not in ("pool of one", "no padding")]
    target, config = _NOTHING[scene.one_of(names)]
    if any(node.name == "idle" for node in scene.sketch.nodes):
        raise DoesNotApply
    node = Node("idle", target, (tensor,), (f"{tensor}#idle",), config)
    return scene.sketch.followed(tensor, node)


@form
def turned_and_back(scene: Scene) -> Sketch:
    """Channels first and last again."""
    tensor = scene.tensor(4)
    first = Node("turned", "layers.Permute", (tensor,), (f"{tensor}#first",), {"dims": (3, 1, 2)})
    last = Node("back", "ops.transpose", first.outputs, (f"{tensor}#last",), {"axes": (0, 2, 3, 1)})
    if any(node.name == "turned" for node in scene.sketch.nodes):
        raise DoesNotApply
    return scene.sketch.followed(tensor, first, last)
