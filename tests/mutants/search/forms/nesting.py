"""Models in the model: a backbone, a Sequential, one in another, one called twice."""

from __future__ import annotations

import dataclasses

from slimfix.migration.records import InputRecord
from tests.mutants.search.edits.registry import DoesNotApply, Scene
from tests.mutants.search.forms.registry import form
from tests.mutants.search.sketch import Node, Sketch


def _backbones(sketch: Sketch) -> list[tuple[int, int, str]]:
    """Spans of nodes that read one tensor from outside and give one: first, behind last, input."""
    found = []
    names = [node.name for node in sketch.nodes]
    for first in range(len(sketch.nodes)):
        for end in range(first + 2, len(sketch.nodes) + 1):
            inside = sketch.nodes[first:end]
            made = {tensor for node in inside for tensor in node.outputs}
            read = {tensor for node in inside for tensor in node.inputs} - made
            outside = (*sketch.nodes[:first], *sketch.nodes[end:])
            used = {tensor for node in outside for tensor in node.inputs} | set(sketch.outputs)
            whole = not set(names[first:end]) & {*names[:first], *names[end:]}
            if len(read) == 1 and made & used == {inside[-1].outputs[-1]} and whole:
                found.append((first, end, *read))
    return found


def nest(sketch: Sketch, first: int, end: int, read: str, name: str) -> Sketch:
    """Returns a sketch with some of its nodes in a model of their own."""
    inside = sketch.nodes[first:end]
    shape, dtype = sketch.shape(read), sketch.tensors[read].dtype
    record = InputRecord(read, f"{name}_input", shape, dtype)
    made = inside[-1].outputs[-1:]
    node = Node(name, Sketch((record,), inside, made), (read,), made)
    nodes = (*sketch.nodes[:first], node, *sketch.nodes[end:])
    return dataclasses.replace(sketch, nodes=nodes)


@form
def backbone(scene: Scene) -> Sketch:
    """A functional model in the model."""
    return nest(scene.sketch, *scene.one_of(_backbones(scene.sketch)), "backbone")


@form
def backbone_in_a_backbone(scene: Scene) -> Sketch:
    sketch = scene.sketch
    spans = [span for span in _backbones(sketch) if span[1] - span[0] > 2]
    first, end, _ = scene.one_of(spans)
    inner = [
        span
        for span in _backbones(sketch)
        if first <= span[0] and span[1] <= end and span[:2] != (first, end)
    ]
    low, high, inner_read = scene.one_of(inner)
    nested = nest(sketch, low, high, inner_read, "inner")
    outer = [s for s in _backbones(nested) if s[0] == first and s[1] == end - (high - low) + 1]
    return nest(nested, *scene.one_of(outer), "outer")


@form
def everything_in_one_model(scene: Scene) -> Sketch:
    sketch = scene.sketch
    whole = [span for span in _backbones(sketch) if span[:2] == (0, len(sketch.nodes))]
    return nest(sketch, *scene.one_of(whole), "whole")


@form
def sequential_inside(scene: Scene) -> Sketch:
    """A chain of layers as a keras.Sequential."""
    sketch = scene.sketch
    chains = [
        (first, end, read)
        for first, end, read in _backbones(sketch)
        if _is_chain(sketch.nodes[first:end])
    ]
    nested = nest(sketch, *scene.one_of(chains), "sequential_part")

    def as_sequential(node: Node) -> Node:
        if node.name != "sequential_part":
            return node
        return dataclasses.replace(node, target=dataclasses.replace(node.target, sequential=True))

    return nested.mapped(as_sequential)


def _is_chain(nodes: tuple[Node, ...]) -> bool:
    links = zip(nodes, nodes[1:])
    single = all(one.outputs == other.inputs for one, other in links)
    layers = all(n.is_layer and not n.call and len(n.inputs) == 1 for n in nodes)
    return single and layers and len({n.name for n in nodes}) == len(nodes)


@form
def whole_is_sequential(scene: Scene) -> Sketch:
    sketch = scene.sketch
    if not _is_chain(sketch.nodes) or sketch.outputs != sketch.nodes[-1].outputs:
        raise DoesNotApply
    if sketch.nodes[0].inputs != (sketch.inputs[0].tensor,) or sketch.kind is not None:
        raise DoesNotApply
    return dataclasses.replace(sketch, sequential=True)


@form
def shared_backbone(scene: Scene) -> Sketch:
    """A layer that is called twice, as a model of one layer that is called twice."""
    sketch = scene.sketch
    shared = [n for n in sketch.nodes if len(sketch.calls(n)) > 1 and n.values and n.is_plain]
    node = scene.one_of(shared)
    calls = sketch.calls(node)
    first = calls[0]
    if any(sketch.shape(each.inputs[0]) != sketch.shape(first.inputs[0]) for each in calls):
        raise DoesNotApply
    record = InputRecord("inside:0", "shared_input", sketch.shape(first.inputs[0]), "float32")
    inside = dataclasses.replace(first, inputs=("inside:0",), outputs=("made:0",))
    model = Sketch((record,), (inside,), ("made:0",))

    def change(each: Node) -> Node:
        if each.name != node.name:
            return each
        return Node(f"{each.name}_shared", model, each.inputs, each.outputs)

    return sketch.mapped(change)
