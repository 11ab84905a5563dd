"""Which objects are called, and in which state: shared, pinned, compiled, saved, of a subclass."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from typing import Any

from tests.mutants.search.edits.registry import Scene
from tests.mutants.search.forms.registry import form
from tests.mutants.search.sketch import Node, Sketch


@form
def one_dropout_object(scene: Scene) -> Sketch:
    """Dropouts of one rate as one object that is called several times."""
    sketch = scene.sketch
    drops = [n for n in sketch.of("Dropout") if n.is_plain]
    twins = [
        (one, other)
        for one in drops
        for other in drops
        if one.name < other.name and one.config == other.config
    ]
    one, other = scene.one_of(twins)
    return sketch.mapped(
        lambda n: dataclasses.replace(n, name=one.name) if n.name == other.name else n
    )


@form
def one_activation_object(scene: Scene) -> Sketch:
    """Activations of one setting as one object."""
    sketch = scene.sketch
    found = [n for n in sketch.of("ReLU", "ELU", "LeakyReLU") if n.is_plain and n.is_layer]
    twins = [
        (one, other)
        for one in found
        for other in found
        if one.name < other.name and (one.target, one.config) == (other.target, other.config)
    ]
    one, other = scene.one_of(twins)
    return sketch.mapped(
        lambda n: dataclasses.replace(n, name=one.name) if n.name == other.name else n
    )


@form
def training_false_that_keras_overrides(scene: Scene) -> Sketch:
    """Where the outer model is called with training=True, so are its layers."""
    sketch = scene.sketch
    kinds = ("BatchNormalization", "SlimBatchNormalization", "Dropout")
    node = scene.one_of([n for n in sketch.of(*kinds) if n.is_plain])
    return sketch.replaced(node, dataclasses.replace(node, call={"training": False}))


@form
def other_seeds_and_initializers(scene: Scene) -> Sketch:
    def change(node: Node) -> Node:
        if node.kind == "Dropout" and node.is_layer:
            return node.with_config(seed=7)
        if node.kind in ("Conv2D", "Dense") and node.is_layer:
            return node.with_config(kernel_initializer="he_normal")
        return node

    return scene.sketch.mapped(change)


@form
def saved_and_loaded(scene: Scene) -> Sketch:
    return _finished(scene, _saved_and_loaded)


def _saved_and_loaded(model: Any) -> Any:
    import keras

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        model.save(path)
        return keras.models.load_model(path, compile=False)


@form
def cloned(scene: Scene) -> Sketch:
    def clone(model: Any) -> Any:
        import keras

        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
        return copy

    return _finished(scene, clone)


@form
def compiled(scene: Scene) -> Sketch:
    def compile_it(model: Any) -> Any:
        model.compile("sgd", "mse")
        return model

    return _finished(scene, compile_it)


@form
def model_of_a_subclass(scene: Scene) -> Sketch:
    """keras.Model, under a name of one's own."""
    import keras

    scene.one_of([1] if scene.sketch.kind is None and not scene.sketch.sequential else [])

    @keras.saving.register_keras_serializable("search")
    class MyNet(keras.Model):
        pass

    return dataclasses.replace(scene.sketch, kind=MyNet)


def _finished(scene: Scene, finish: Any) -> Sketch:
    # What was touched after it was built, Keras's copies forget.
    untouched = all(node.touch is None for node in scene.sketch.all_nodes())
    scene.one_of([1] if scene.sketch.finish is None and untouched else [])
    return dataclasses.replace(scene.sketch, finish=finish)


@form
def inputs_renamed(scene: Scene) -> Sketch:
    inputs = tuple(dataclasses.replace(r, name=f"my_{r.name}") for r in scene.sketch.inputs)
    return dataclasses.replace(scene.sketch, inputs=inputs)
