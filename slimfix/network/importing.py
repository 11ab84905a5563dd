"""Gives a resolved graph to TensorFlow, which infers its shapes, and lets it compute little there.

To infer a shape TensorFlow computes what the shape depends on, whatever that costs. So nodes are
imported step by step: each that may make more than it gets is imported, and the size of what it
would make is known, before anything that reads it is.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Collection, Iterable, Mapping, Optional, Tuple

from slimfix import names
from slimfix.errors import MigrationError, UnsafeGraphError, UnsupportedOpError, explain
from slimfix.graphdef import protos
from slimfix.graphdef.pure_ops import PURE_OPS
from slimfix.graphdef.to_tensorflow import to_tensorflow
from slimfix.graphdef.variables import gather_of_value
from slimfix.graphdef.view import Node
from slimfix.network.inference import BATCH_NORM
from slimfix.network.resolved import DROPOUT, Resolved
from slimfix.network.weights import Weights

# Up to TensorFlow 0.12 a Placeholder of shape [] could be fed anything; older producers mean that.
_PRODUCER = 24
Shape = Optional[Tuple[Optional[int], ...]]  # None for an unknown rank, or size.
_STAND_INS = (DROPOUT, BATCH_NORM)  # In inference they hand their input on, or but its values.
_TAKES_SIZES = ("Rank", "Shape", "ShapeN", "Size")
# Ops that make no more than they get, give or take the width of a number.
_NEVER_LARGER_TEXT = """
All Any Cast Concat ConcatV2 Const ExpandDims Identity IdentityN Max Mean Min Pack Prod Rank Reshape
Shape ShapeN Size Slice Split SplitV Squeeze StridedSlice Sum Transpose Unique UniqueV2 Unpack Where
"""
_NEVER_LARGER = frozenset(_NEVER_LARGER_TEXT.split())
# Bytes that all constants together may take, and more for each byte of them in the file. One number
# in a file may stand for thousands of millions.
_COMPUTED, _FOR_EACH = 2**26, 8
_TEXT = 64  # Bytes, of a string whose length only its value tells.
_SHOWN = 20
# Elements. No shape has as many sizes: what is larger is not computed for the sake of one.
_LARGE = 2**24


def import_function(
    resolved: Resolved, weights: Weights, input_shapes: Mapping[str, tuple[Shape, int]]
) -> FunctionGraph:
    """Returns a resolved graph as TensorFlow has it, its inputs and variables as placeholders.

    Args:
      resolved: the function.
      weights: gives the shapes of the variables.
      input_shapes: (static shape, dtype enum) by input tensor name.
    Raises:
      UnsafeGraphError: its constant parts would be too large.
      UnsupportedOpError: an op that this TensorFlow does not have.
      MigrationError: TensorFlow refuses the graph, e.g. for shapes that do not fit.
    """
    import tensorflow.compat.v1 as tf

    steps = FunctionGraph(most_computed(resolved))
    for tensor, (shape, dtype) in input_shapes.items():
        _add_placeholder(steps.pending, tensor, shape, dtype)
    for tensor, variable in resolved.variables.items():
        spec = weights.spec(variable)
        dtype = tf.as_dtype(spec.dtype).as_datatype_enum
        _add_placeholder(steps.pending, tensor, spec.shape, dtype)
    _take_in_steps(steps, resolved)
    return steps


def check_constants(resolved: Resolved) -> None:
    """Raises UnsafeGraphError if the constant parts of a graph would be too large."""
    constant = {name: resolved.nodes[name] for name in find_constant(resolved)}
    if constant:
        part = dataclasses.replace(resolved, nodes=constant, inputs=())
        _take_in_steps(FunctionGraph(most_computed(part)), part)


def _take_in_steps(steps: FunctionGraph, resolved: Resolved) -> None:
    fed = {tensor: names.fed_name(tensor) for tensor in resolved.inputs}
    constant = set(find_constant(resolved))
    for nodes, growing in _find_steps(resolved):
        for node in nodes:
            _add_node(steps.pending, node, fed)
        steps.take(node.name for node in nodes if node.name in constant)
        for node in growing:
            if node.name not in constant:
                steps.hide_if_large(node.name)


def _find_steps(resolved: Resolved) -> list[tuple[list[Node], list[Node]]]:
    """Returns the nodes to import in one step, and those of them to be measured after it.

    A node's step is how many of those lie above it, on the way where there are most.
    """
    steps: list[tuple[list[Node], list[Node]]] = [([], [])]
    settled: set[str] = set()  # What TensorFlow may compute: of constants and of known shapes.
    readable: dict[str, int] = {}  # The first step that may read a node.
    for node in _sources_first(resolved):
        sources = (names.split_tensor_name(tensor)[0] for tensor in node.inputs)
        step = max((readable.get(source, 0) for source in sources), default=0)
        if step == len(steps):
            steps.append(([], []))
        nodes, growing = steps[step]
        nodes.append(node)
        if node.op in _TAKES_SIZES or _is_computed(node, settled):
            settled.add(node.name)
            if node.op not in _NEVER_LARGER:
                growing.append(node)
                step += 1
        readable[node.name] = step
    return steps


def find_constant(
    resolved: Resolved, known: Collection[str] = (), hidden: Collection[str] = ()
) -> list[str]:
    """Returns the names of the nodes that pure ops compute from constants and from known nodes.

    Args:
      resolved: the graph.
      known: names of nodes that are as good as constants; they are returned too.
      hidden: names of nodes that are not to be computed.
    """
    found = dict.fromkeys(known)
    for node in _sources_first(resolved):
        if node.name not in hidden and _is_computed(node, found):
            found[node.name] = None
    return list(found)


def _sources_first(resolved: Resolved) -> list[Node]:
    order: dict[str, Node] = {}
    entered: set[str] = set()
    pending = [(name, False) for name in reversed(list(resolved.nodes))]
    while pending:
        name, leaving = pending.pop()
        if leaving:
            order[name] = resolved.nodes[name]
        elif name not in entered:
            entered.add(name)
            pending.append((name, True))
            sources = (names.split_tensor_name(each)[0] for each in resolved.nodes[name].inputs)
            pending.extend((each, False) for each in sources if each in resolved.nodes)
    return list(order.values())


def _is_computed(node: Node, known: Collection[str]) -> bool:
    """Tells whether a node is a constant, or a pure op on nodes of these names."""
    if not node.inputs:
        return node.op == "Const"
    is_pure = node.op in PURE_OPS or node.op in _STAND_INS
    return is_pure and all(names.split_tensor_name(tensor)[0] in known for tensor in node.inputs)


def most_computed(resolved: Resolved) -> int:
    """Returns how many bytes the constants of a graph may take, all together."""
    in_file = (n.attrs["value"].ByteSize() for n in resolved.nodes.values() if n.op == "Const")
    return _COMPUTED + _FOR_EACH * sum(in_file)


class FunctionGraph:
    """A graph that grows: what is pending is taken into it, and measured, step by step.

    TensorFlow may call a node otherwise than it was called: ask here for what it became.

    Attributes:
      graph: tf.Graph.
      pending: GraphDef of what is not in it yet.
      hidden: names of the nodes that are not to be run: of the shape of a tensor they make a large
        one. What reads them reads a placeholder.
    """

    def __init__(self, limit: int):
        import tensorflow.compat.v1 as tf

        self.graph = tf.Graph()
        self.pending = protos.GraphDef()
        self.hidden: set[str] = set()
        self._limit = limit
        self._operations: dict[str, Any] = {}
        self._made: dict[str, int] = {}  # Bytes, by the name of each constant.
        self._total = 0
        self._stand_ins: dict[str, Any] = {}

    def tensor(self, name: str) -> Any:
        """Returns the tf.Tensor of this name. Raises KeyError where there is none."""
        node, index = names.split_tensor_name(name)
        outputs = self._operations[node].outputs
        if index >= len(outputs):
            raise KeyError(f"'{node}' has {len(outputs)} outputs")
        return outputs[index]

    def take(self, constants: Iterable[str]) -> None:
        """Imports what is pending, and counts the constants of these names in it.

        Raises: as `import_function`.
        """
        import tensorflow.compat.v1 as tf

        own = {node.name: None for node in self.pending.node}
        outside = {
            names.join_tensor_name(*names.split_tensor_name(tensor))
            for node in self.pending.node
            for tensor in node.input
        }
        outside = {each for each in outside if names.split_tensor_name(each)[0] not in own}
        self.pending.versions.producer = _PRODUCER
        try:
            known = {tensor: self._to_read(tensor) for tensor in outside}
            with self.graph.as_default():
                taken = tf.import_graph_def(
                    to_tensorflow(self.pending), known, return_elements=[*own], name=""
                )
            self._operations.update(zip(own, taken))
            # A shape that cannot be, of a Range of NaN say, is told where it is read.
            shaped = {name: _bytes_made(self._operations[name]) for name in own}
        except (KeyError, ValueError, tf.errors.OpError) as error:
            raise import_error(error) from error
        self.pending = protos.GraphDef()
        made = {name: shaped[name] for name in constants}
        self._made.update(made)
        self._total += sum(made.values())
        if self._total > self._limit:
            self.refuse_large(self._made)

    def hide_if_large(self, name: str) -> None:
        """Lets what comes read a placeholder where a node makes more than sizes can need."""
        import tensorflow.compat.v1 as tf

        for index, tensor in enumerate(self._operations[name].outputs):
            if (tensor.shape.num_elements() or 0) > _LARGE:
                self.hidden.add(name)
                with self.graph.as_default():
                    stand_in = tf.placeholder(tensor.dtype, tensor.shape)
                self._stand_ins[names.join_tensor_name(name, index)] = stand_in

    def refuse_large(self, computed: Collection[str]) -> None:
        """Raises UnsafeGraphError if what nodes of these names make is too much to be computed."""
        made = {name: _bytes_made(self._operations[name]) for name in computed}
        total = sum(made.values())
        if total > self._limit:
            largest = sorted(made, key=lambda name: -made[name])[:_SHOWN]
            raise UnsafeGraphError(
                explain(
                    f"The constants of the graph would take {total:,} bytes; nothing was computed. "
                    f"The largest {len(largest)} of them",
                    [f"{self._operations[n].type} '{n}': {made[n]:,} bytes" for n in largest],
                    cause="the file is not what it seems, or holds a table that is no part of the "
                    f"network. What slimfix computes here is at most {self._limit:,} bytes.",
                    fix="choose --inputs behind these nodes or --outputs before them.",
                )
            )

    def _to_read(self, tensor: str) -> Any:
        stand_in = self._stand_ins.get(tensor)
        return self.tensor(tensor) if stand_in is None else stand_in


def _bytes_made(operation: Any) -> int:
    return sum(
        (tensor.shape.num_elements() or 0) * (tensor.dtype.size or _TEXT)
        for tensor in operation.outputs
    )


def import_error(error: Exception) -> MigrationError:
    """Returns in a user's words what TensorFlow says of a graph that it does not import."""
    text = str(error).strip()
    if "not registered" in text:
        return UnsupportedOpError(
            explain(
                "The installed TensorFlow does not have an op of this graph",
                [text.splitlines()[0]],
                cause="the model uses a custom op, or one that TensorFlow has dropped.",
                fix="choose --outputs that do not need it.",
            )
        )
    return MigrationError(
        explain(
            "TensorFlow refuses the graph between the chosen inputs and outputs",
            [text.splitlines()[0]],
            cause="an output is no tensor of the network's forward pass, or the .meta and the "
            "checkpoint belong to different models.",
        )
    )


def _add_placeholder(graph_def: Any, tensor: str, shape: Shape, dtype: int) -> None:
    node = graph_def.node.add(name=names.fed_name(tensor), op="Placeholder")
    node.attr["dtype"].type = dtype
    if shape is None:
        node.attr["shape"].shape.unknown_rank = True
        return
    node.attr["shape"].shape.SetInParent()
    for size in shape:
        node.attr["shape"].shape.dim.add(size=-1 if size is None else size)


def _add_node(graph_def: Any, node: Node, fed: Mapping[str, str]) -> None:
    inputs = [fed.get(tensor, tensor) for tensor in node.inputs]
    if node.op in (DROPOUT, BATCH_NORM):
        proto = graph_def.node.add(name=node.name, op="Identity", input=inputs[:1])
        proto.attr["T"].type = node.attr("T")
        return
    if node.op == "ResourceGather":  # Variables are values here, not handles.
        node = gather_of_value(node)
    # _class, _output_shapes: notes about another graph.
    attrs = {key: value for key, value in node.attrs.items() if not key.startswith("_")}
    protos.add_node(graph_def, node.name, node.op, inputs, attrs)
