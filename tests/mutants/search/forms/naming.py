"""Other names: none of slimfix's, some, or all but of another layer."""

from __future__ import annotations

import dataclasses
from typing import Callable

from tests.mutants.search.edits.registry import Scene
from tests.mutants.search.forms.registry import form
from tests.mutants.search.sketch import Node, Sketch


def renamed(sketch: Sketch, rename: Callable[[str], str]) -> Sketch:
    """Returns a sketch, and all in it, with other names of layers."""

    def change(node: Node) -> Node:
        target = node.target
        inner = renamed(target, rename) if isinstance(target, Sketch) else target
        return dataclasses.replace(node, name=rename(node.name), target=inner)

    return sketch.mapped(change)


@form
def all_renamed(scene: Scene) -> Sketch:
    return renamed(scene.sketch, lambda name: f"my_{name}")


@form
def some_renamed(scene: Scene) -> Sketch:
    names = sorted({node.name for node in scene.sketch.nodes})
    chosen = set(scene.draw.sample(names, scene.draw.randint(1, len(names))))
    return renamed(scene.sketch, lambda name: f"my_{name}" if name in chosen else name)


@form
def names_shifted(scene: Scene) -> Sketch:
    """Each layer of a class has the name of the next one of it."""
    kind = scene.one_of([n.kind for n in scene.sketch.nodes if n.is_layer])
    return _moved(scene, sorted({n.name for n in scene.sketch.of(kind)}))


@form
def names_shuffled(scene: Scene) -> Sketch:
    """Names that slimfix gives, to any other layer."""
    names = sorted({n.name for n in scene.sketch.nodes if n.is_layer})
    scene.draw.shuffle(names)
    return _moved(scene, names)


def _moved(scene: Scene, names: list[str]) -> Sketch:
    scene.one_of(names[1:])
    moved = dict(zip(names, [*names[1:], names[0]]))
    return renamed(scene.sketch, lambda name: moved.get(name, name))


@form
def counted_names(scene: Scene) -> Sketch:
    """As Keras counts: conv2d, conv2d_1, ..."""
    count: dict[str, int] = {}
    names: dict[str, str] = {}
    for node in scene.sketch.nodes:
        if node.name not in names:
            kind = node.kind.lower()
            number = count[kind] = count.get(kind, -1) + 1
            names[node.name] = f"{kind}_{number}" if number else kind
    return renamed(scene.sketch, lambda name: names.get(name, f"inner_{name}"))
