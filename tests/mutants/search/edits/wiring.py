"""The same operations, connected otherwise or shared otherwise."""

from __future__ import annotations

import dataclasses

from tests.mutants.search.edits.registry import L3, L4, Change, Scene, edit, quoted
from tests.mutants.search.sketch import Node, Sketch

_READS = ("reads another tensor", "missing", "extra", "in place of", "another order", "the bits of")


def _reading(node: Node, old: str, new: str) -> Node:
    swapped = tuple(new if each == old else each for each in node.inputs)
    return dataclasses.replace(node, inputs=swapped)


@edit
def read_another_tensor(scene: Scene) -> Change:
    return _rewired(scene, scene.node())


@edit
def shortcut_reads_another_tensor(scene: Scene) -> Change:
    return _rewired(scene, scene.one_of([n for n in scene.sketch.nodes if len(n.inputs) == 2]))


def _rewired(scene: Scene, node: Node) -> Change:
    """One input of a node is another tensor of the same shape, made before."""
    sketch = scene.sketch
    old = scene.one_of(node.inputs)
    fitting = [t for t in sketch.made_before(node) if t != old and sketch.alike(t, old)]
    new = scene.one_of(fitting)
    text = f"'{node.name}' ({node.kind}) reads '{new}' and not '{old}'"
    return Change(sketch.replaced(node, _reading(node, old, new)), text, _READS)


@edit
def read_behind_or_before_a_dropout(scene: Scene) -> Change:
    """What inference cannot tell: one reader of a dropout reads what the dropout reads."""
    sketch = scene.sketch
    drop = scene.node("Dropout")
    readers = sketch.readers(drop.outputs[0])
    others = [n for n in sketch.readers(drop.inputs[0]) if n is not drop]
    node = scene.one_of([*readers, *others])
    made = [*drop.inputs, *drop.outputs]
    old, new = made if node in others else made[::-1]
    if new not in sketch.made_before(node):  # Behind it, where the dropout is not called yet.
        nodes = [n for n in sketch.nodes if n is not drop]
        nodes.insert(nodes.index(node), drop)
        sketch = dataclasses.replace(sketch, nodes=tuple(nodes))
    text = f"'{node.name}' reads '{new}' and not '{old}'"
    return Change(sketch.replaced(node, _reading(node, old, new)), text, _READS, shows=False)


@edit
def operands_swapped(scene: Scene) -> Change:
    node = scene.one_of([n for n in scene.sketch.nodes if len(n.inputs) == 2])
    turned = dataclasses.replace(node, inputs=node.inputs[::-1])
    text = f"inputs of '{node.name}' ({node.kind}) swapped"
    return Change(scene.sketch.replaced(node, turned), text, (*_READS, "times those of"))


@edit
def neighbours_swapped(scene: Scene) -> Change:
    """An activation and a batch norm, a pool and an activation, ... in the other order."""
    sketch = scene.sketch
    pairs = [
        (one, other)
        for one in sketch.nodes
        for other in sketch.readers(one.outputs[0])
        if len(one.inputs) == len(other.inputs) == len(sketch.readers(one.outputs[0])) == 1
        and one.outputs[0] not in sketch.outputs
        and sketch.shape(one.inputs[0])[-1:] == sketch.shape(other.outputs[0])[-1:]
    ]
    one, other = scene.one_of(pairs)
    first = dataclasses.replace(other, inputs=one.inputs, outputs=one.outputs)
    second = dataclasses.replace(one, inputs=one.outputs, outputs=other.outputs)
    changed = sketch.replaced(one, first).replaced(other, second)
    text = f"'{other.name}' before '{one.name}'"
    causes = (*_READS, "before batch norm", "after batch norm", quoted(one, other))
    random = one.kind == "Dropout" or other.kind == "Dropout"
    return Change(changed, text, causes, shows=not random)


@edit
def applied_twice(scene: Scene) -> Change:
    sketch = scene.sketch
    found = [
        n
        for n in sketch.nodes
        if len(n.inputs) == len(n.outputs) == 1
        and sketch.shape(n.inputs[0]) == sketch.shape(n.outputs[0])
        and n.kind != "Dropout"
    ]
    node = scene.one_of(found)
    again = dataclasses.replace(node, inputs=node.outputs, outputs=(f"{node.outputs[0]}#twice",))
    return Change(sketch.followed(node.outputs[0], again), f"'{node.name}' called twice", _READS)


@edit
def shortcut_that_is_not_there(scene: Scene) -> Change:
    """A sum with an earlier tensor of the same shape, or with half of it."""
    sketch = scene.sketch
    node = scene.node()
    made = node.outputs[0]
    earlier = scene.one_of([t for t in sketch.made_before(node) if sketch.alike(t, made)])
    extra = Node("extra_sum", "layers.Add", (made, earlier), (f"{made}#sum",))
    return Change(sketch.followed(made, extra), f"'{earlier}' added to '{made}'", _READS)


@edit
def output_of_another_tensor(scene: Scene) -> Change:
    sketch = scene.sketch
    place = scene.draw.randrange(len(sketch.outputs))
    old = sketch.outputs[place]
    new = scene.one_of([t for t in sketch.tensors if t != old and sketch.alike(t, old)])
    outputs = (*sketch.outputs[:place], new, *sketch.outputs[place + 1 :])
    changed = dataclasses.replace(sketch, outputs=outputs)
    return Change(changed, f"output {place + 1} is '{new}' and not '{old}'", (*_READS, "times"))


@edit
def outputs_swapped(scene: Scene) -> Change:
    sketch = scene.sketch
    scene.one_of(sketch.outputs[1:])
    return Change(
        dataclasses.replace(sketch, outputs=sketch.outputs[::-1]), "outputs swapped", _READS
    )


def _pairs_alike(sketch: Sketch) -> list[tuple[Node, Node]]:
    """Layers of one class whose weights have the same shapes."""

    def shapes(node: Node) -> dict:
        return {name: value.shape for name, value in node.values.items()}

    weighted = [n for n in sketch.nodes if n.values]
    return [
        (one, other)
        for index, one in enumerate(weighted)
        for other in weighted[index + 1 :]
        if one.name != other.name and one.target == other.target and shapes(one) == shapes(other)
    ]


@edit
def one_layer_for_two(scene: Scene) -> Change:
    one, other = scene.one_of(_pairs_alike(scene.sketch))
    shared = dataclasses.replace(one, inputs=other.inputs, outputs=other.outputs)
    text = f"'{one.name}' in the place of '{other.name}'"
    return Change(scene.sketch.replaced(other, shared), text, (quoted(one, other), *_READS))


@edit
def two_layers_exchanged(scene: Scene) -> Change:
    one, other = scene.one_of(_pairs_alike(scene.sketch))
    first = dataclasses.replace(other, inputs=one.inputs, outputs=one.outputs)
    second = dataclasses.replace(one, inputs=other.inputs, outputs=other.outputs)
    changed = scene.sketch.replaced(one, first).replaced(other, second)
    causes = (quoted(one, other), *_READS)
    return Change(changed, f"'{one.name}' and '{other.name}' exchanged", causes)


@edit
def two_layers_for_one(scene: Scene) -> Change:
    """A shared layer copied: the same function until a step is taken."""
    sketch = scene.sketch
    shared = [n for n in sketch.nodes if n.values and sketch.calls(n)[0] is not n]
    node = scene.one_of(shared)
    changed = sketch.replaced(node, dataclasses.replace(node, name=f"{node.name}_copy"))
    levels = frozenset({L3, L4})
    return Change(changed, f"'{node.name}' copied", (), levels, shows=False)


@edit
def one_dropout_for_two_of_one_tensor(scene: Scene) -> Change:
    """A dropout that two nodes read becomes two, which drop other elements."""
    sketch = scene.sketch
    drop = scene.one_of([n for n in sketch.of("Dropout") if len(sketch.readers(n.outputs[0])) > 1])
    node = scene.one_of(sketch.readers(drop.outputs[0]))
    made = f"{drop.outputs[0]}#again"
    again = dataclasses.replace(drop, name=f"{drop.name}_again", outputs=(made,))
    changed = sketch.replaced(node, again, _reading(node, drop.outputs[0], made))
    return Change(changed, f"a dropout of its own for '{node.name}'", (), shows=False)
