"""One operation, weight or connection less."""

from __future__ import annotations

import dataclasses

from tests.mutants.search.edits.registry import L4, Change, Scene, edit, quoted

_RANDOM = ("Dropout",)


@edit
def remove_layer(scene: Scene) -> Change:
    """Any that gives the shape that it takes."""
    sketch = scene.sketch
    node = scene.one_of(
        [
            n
            for n in sketch.nodes
            if n.kind not in _RANDOM
            and len(n.outputs) == 1
            and any(sketch.shape(each) == sketch.shape(n.outputs[0]) for each in n.inputs)
        ]
    )
    instead = scene.one_of(
        [each for each in node.inputs if sketch.shape(each) == sketch.shape(node.outputs[0])]
    )
    causes = (f"{quoted(node)}.*missing", "in place of", "reads another tensor", "missing")
    causes += ("the raw|preprocess|times those",)
    return Change(sketch.without(node, instead), f"no '{node.name}' ({node.kind})", causes)


@edit
def remove_dropout(scene: Scene) -> Change:
    node = scene.node(*_RANDOM)
    sketch = scene.sketch.without(node, node.inputs[0])
    return Change(sketch, f"no '{node.name}' ({node.kind})", (), shows=False)


@edit
def move_dropout(scene: Scene) -> Change:
    """Behind another tensor than it is."""
    node = scene.node(*_RANDOM)
    sketch = scene.sketch.without(node, node.inputs[0])
    tensor = scene.one_of(
        [t for t in sketch.tensors if t != node.inputs[0] and len(sketch.shape(t)) > 1]
    )
    moved = dataclasses.replace(node, inputs=(tensor,), outputs=(f"{tensor}#moved",))
    text = f"'{node.name}' behind '{tensor}'"
    causes = ("reads another tensor", "missing", "extra")
    return Change(sketch.followed(tensor, moved), text, causes, shows=False)


@edit
def remove_penalty(scene: Scene) -> Change:
    found = [
        (node, key)
        for node in scene.sketch.nodes
        for key in node.config
        if key.endswith("_regularizer") and node.config.get("trainable", True)
    ]
    node, key = scene.one_of(found)
    sketch = scene.sketch.mapped(
        lambda n: n.with_config(**{key: None}) if n.name == node.name else n
    )
    text = f"'{node.name}' without {key}"
    return Change(sketch, text, (), frozenset({L4}), shows=False)
