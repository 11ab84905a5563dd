"""A model that was changed after it was built: its layers are not what they were made as."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable

import numpy as np

from tests.mutants.search.edits.registry import (
    L2,
    L3,
    L4,
    Change,
    DoesNotApply,
    Scene,
    edit,
    quoted,
)
from tests.mutants.search.sketch import Node, Sketch

_NORMS = ("BatchNormalization", "SlimBatchNormalization")
_KERNELS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "Dense")


def touching(scene: Scene, node: Node, touch: Callable[[Any], None]) -> Sketch:
    """Returns the model with something done to a layer once it is built."""
    first = scene.sketch.calls(node)[0]
    return scene.sketch.replaced(first, dataclasses.replace(first, touch=touch))


def _setting(key: str, value: Any) -> Callable[[Any], None]:
    return lambda layer: setattr(layer, key, value)


def _trained(scene: Scene) -> Node:
    """Draws a layer with a kernel that is trained."""
    return scene.one_of([n for n in scene.sketch.of(*_KERNELS) if n.config.get("trainable", True)])


@edit
def live_epsilon(scene: Scene) -> Change:
    node = scene.node(*_NORMS)
    sketch = touching(scene, node, _setting("epsilon", node.config["epsilon"] * 3))
    return Change(sketch, f"epsilon of '{node.name}' set late", ("epsilon",))


@edit
def live_momentum(scene: Scene) -> Change:
    if not scene.trains:
        raise DoesNotApply
    node = scene.node(*_NORMS)
    sketch = touching(scene, node, _setting("momentum", 0.5))
    text = f"momentum of '{node.name}' set late"
    return Change(sketch, text, ("momentum|decay",), frozenset({L2}), shows=False)


@edit
def live_activation(scene: Scene) -> Change:
    import keras

    node = scene.node("Conv2D", "Dense", "DepthwiseConv2D", "SeparableConv2D")
    sketch = touching(scene, node, _setting("activation", keras.activations.softsign))
    return Change(sketch, f"activation of '{node.name}' set late", ("activation", quoted(node)))


@edit
def live_activation_of_the_same_name(scene: Scene) -> Change:
    """A function that is called linear and is not, but for large values."""
    import keras

    def linear(x: Any) -> Any:
        return keras.ops.minimum(x, 1e4)

    node = scene.node("Conv2D", "Dense", "DepthwiseConv2D", "SeparableConv2D")
    sketch = touching(scene, node, _setting("activation", linear))
    return Change(sketch, f"activation of '{node.name}' only called linear", ("activation",))


@edit
def live_rate(scene: Scene) -> Change:
    node = scene.node("Dropout")
    sketch = touching(scene, node, _setting("rate", 0.9))
    return Change(sketch, f"rate of '{node.name}' set late", (), shows=False)


@edit
def live_padding(scene: Scene) -> Change:
    node = scene.node("Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D")
    other = "valid" if node.config.get("padding") == "same" else "same"
    sketch = touching(scene, node, _setting("padding", other))
    return Change(sketch, f"padding of '{node.name}' set late", ("padding", "phase"))


@edit
def live_negative_slope(scene: Scene) -> Change:
    node = scene.node("LeakyReLU", "ReLU")
    sketch = touching(scene, node, _setting("negative_slope", 0.35))
    return Change(sketch, f"slope of '{node.name}' set late", ("slope", "activation"))


@edit
def live_frozen(scene: Scene) -> Change:
    node = _trained(scene)
    sketch = touching(scene, node, _setting("trainable", False))
    levels = frozenset({L3, L4})
    return Change(sketch, f"'{node.name}' frozen late", (), levels, shows=False)


@edit
def live_weight_frozen(scene: Scene) -> Change:
    """The variable, not the layer."""
    node = _trained(scene)
    name = scene.one_of(list(node.values))

    def freeze(layer: Any) -> None:
        getattr(layer, name).trainable = False

    levels = frozenset({L3, L4})
    text = f"{name} of '{node.name}' frozen late"
    return Change(touching(scene, node, freeze), text, (), levels, shows=False)


@edit
def live_model_frozen(scene: Scene) -> Change:
    def freeze(model: Any) -> Any:
        model.trainable = False
        return model

    sketch = dataclasses.replace(scene.sketch, finish=freeze)
    return Change(sketch, "the whole model frozen", (), frozenset({L3, L4}), shows=False)


@edit
def live_penalty_that_keras_ignores(scene: Scene) -> Change:
    """The plan's, but set on the layer and not on its weight."""
    import keras

    found = [
        (n, key)
        for n in scene.sketch.of(*_KERNELS)
        for key in n.config
        if key.endswith("_regularizer") and n.config.get("trainable", True)
    ]
    node, key = scene.one_of(found)
    penalty = keras.regularizers.get(node.config[key])
    first = scene.sketch.calls(node)[0]
    bare = first.with_config(**{key: None})
    late = dataclasses.replace(bare, touch=_setting(key, penalty))
    text = f"{key} of '{node.name}' set late, which Keras ignores"
    sketch = scene.sketch.replaced(first, late)
    return Change(sketch, text, (), frozenset({L4}), shows=False)


@edit
def live_penalty_of_the_weight(scene: Scene) -> Change:
    import keras

    node = _trained(scene)
    name = scene.one_of(list(node.values))

    def penalise(layer: Any) -> None:
        getattr(layer, name).regularizer = keras.regularizers.L2(0.03)

    text = f"{name} of '{node.name}' penalised late"
    sketch = touching(scene, node, penalise)
    return Change(sketch, text, (), frozenset({L4}), shows=False)


@edit
def live_constraint_of_the_weight(scene: Scene) -> Change:
    import keras

    node = _trained(scene)
    name = scene.one_of(list(node.values))

    def constrain(layer: Any) -> None:
        getattr(layer, name).constraint = keras.constraints.NonNeg()

    text = f"{name} of '{node.name}' constrained late"
    return Change(touching(scene, node, constrain), text, (), shows=False)


@edit
def live_activity_penalty(scene: Scene) -> Change:
    import keras

    node = scene.node(*_KERNELS)
    touch = _setting("activity_regularizer", keras.regularizers.L2(0.1))
    text = f"outputs of '{node.name}' penalised late"
    return Change(touching(scene, node, touch), text, (), shows=False)


@edit
def live_call_patched(scene: Scene) -> Change:
    """One layer object calls something else, for very large values."""
    import keras

    def patch(layer: Any) -> None:
        own = layer.call

        def call(x: Any, *args: Any, **kwargs: Any) -> Any:
            return keras.ops.minimum(own(x, *args, **kwargs), 1e4)

        layer.call = call

    node = scene.one_of([n for n in scene.sketch.nodes if n.is_layer and len(n.inputs) == 1])
    return Change(touching(scene, node, patch), f"'{node.name}'.call patched", (quoted(node),))


@edit
def live_convolution_patched(scene: Scene) -> Change:
    """The method that Conv2D.call calls."""
    import keras

    def patch(layer: Any) -> None:
        own = layer.convolution_op
        layer.convolution_op = lambda x, kernel: keras.ops.minimum(own(x, kernel), 1e4)

    node = scene.node("Conv2D")
    sketch = touching(scene, node, patch)
    return Change(sketch, f"'{node.name}'.convolution_op patched", (quoted(node),))


@edit
def live_weight_replaced(scene: Scene) -> Change:
    """The kernel attribute is another array than the variable that the layer lists."""
    import keras

    node = scene.node("Conv2D", "Dense")
    value = (node.values["kernel"] * np.float32(1.5)).astype(np.float32)

    def replace(layer: Any) -> None:
        layer.__dict__["_kernel"] = keras.ops.convert_to_tensor(value, layer.compute_dtype)

    sketch = touching(scene, node, replace)
    return Change(sketch, f"kernel of '{node.name}' is not its variable", (quoted(node), "kernel"))


@edit
def live_loss_added(scene: Scene) -> Change:
    """A loss beside the penalties, by a layer that gives what it takes."""
    from tests.mutants.search.edits.own_layers import Same

    tensor = scene.tensor()
    extra = Node("extra_loss", Same, (tensor,), (f"{tensor}#loss",))
    sketch = scene.sketch.followed(tensor, extra)
    return Change(sketch, f"a loss of '{tensor}'", (), shows=False)
