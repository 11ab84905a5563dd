"""The model itself, and methods of layers that Keras does not show in any setting."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.mutants.search.edits.live import touching
from tests.mutants.search.edits.registry import (
    L2,
    Change,
    DoesNotApply,
    Scene,
    edit,
    quoted,
)


@edit
def model_with_a_call_of_its_own(scene: Scene) -> Change:
    """A subclass of keras.Model that cuts off large values."""
    import keras

    class Cut(keras.Model):
        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            made = super().call(inputs, training=training, mask=mask)
            return keras.tree.map_structure(lambda x: keras.ops.minimum(x, 1e4), made)

    sketch = dataclasses.replace(scene.sketch, kind=Cut)
    return Change(sketch, "a subclass of keras.Model with a call of its own", ())


@edit
def model_whose_call_is_patched(scene: Scene) -> Change:
    import keras

    def patch(model: Any) -> Any:
        own = model.call

        def call(inputs: Any, training: Any = None, mask: Any = None) -> Any:
            made = own(inputs, training=training, mask=mask)
            return keras.tree.map_structure(lambda x: x * 1.01, made)

        model.call = call
        return model

    return Change(dataclasses.replace(scene.sketch, finish=patch), "model.call patched", ())


@edit
def moments_patched(scene: Scene) -> Change:
    """The private method that a batch norm takes its statistics from."""
    if not scene.trains:
        raise DoesNotApply
    node = scene.node("BatchNormalization")

    def patch(layer: Any) -> None:
        own = layer._moments

        def moments(inputs: Any, mask: Any) -> Any:
            mean, variance = own(inputs, mask)
            return mean, variance * 1.5

        layer._moments = moments

    sketch = touching(scene, node, patch)
    text = f"'{node.name}'._moments patched"
    return Change(sketch, text, (quoted(node),), frozenset({L2}), shows=False)


@edit
def low_rank_adaption(scene: Scene) -> Change:
    """Dense.enable_lora: the same inference, and the kernel is no longer trained."""
    node = scene.node("Dense")
    sketch = touching(scene, node, lambda layer: layer.enable_lora(2))
    return Change(sketch, f"'{node.name}'.enable_lora(2)", (), shows=False)


@edit
def dtype_policy_set_late(scene: Scene) -> Change:
    node = scene.one_of([n for n in scene.sketch.nodes if n.is_layer and n.values])

    def lower(layer: Any) -> None:
        layer.dtype_policy = "mixed_bfloat16"

    text = f"dtype policy of '{node.name}' ({node.kind}) set late"
    return Change(touching(scene, node, lower), text, ("dtype|float16|mixed",))
