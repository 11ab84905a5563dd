"""A read-only view of a GraphDef: frozen nodes, their edges both ways, and walks over them."""

from __future__ import annotations

import copy
import dataclasses
from types import MappingProxyType
from typing import Any, Callable, Collection, Iterable, Mapping, Sequence

from slimfix import names
from slimfix.graphdef.tensors import read_tensor

NO_COLLECTIONS: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Node:
    """One node of a graph.

    Attributes:
      name: node name.
      op: op type, e.g. 'Conv2D'.
      inputs: tensor names with their output index, e.g. 'conv1/weights/read:0'.
      control_inputs: node names.
      attrs: AttrValue protos, or plain values, by name; read them with `attr`.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    control_inputs: tuple[str, ...]
    attrs: Mapping[str, Any] = dataclasses.field(repr=False, compare=False, default_factory=dict)

    def attr(self, key: str, default: Any = None) -> Any:
        """Returns an attribute as a plain Python value, or `default` where the node has none.

        Strings are decoded, dtypes are their enum numbers, shapes are tuples with None for an
        unknown size (None alone for an unknown rank), tensors are NumPy arrays, not to be written
        to.
        """
        return _plain(self.attrs[key]) if key in self.attrs else default

    def output_shape(self, index: int) -> tuple[int | None, ...] | None:
        """Returns the shape that TensorFlow noted of an output when it saved the graph, if any."""
        value: Any = self.attrs.get("_output_shapes")
        shapes = value.list.shape if hasattr(value, "WhichOneof") else value or ()
        return _plain_shape(shapes[index]) if index < len(shapes) else None


def _plain(value: Any) -> Any:
    if not hasattr(value, "WhichOneof"):
        return value
    kind = value.WhichOneof("value")
    if kind is None or kind == "placeholder":  # That is known as soon as its function is called.
        return None
    field = getattr(value, kind)
    if kind == "s":
        return field.decode("utf-8", "replace")
    if kind == "shape":
        return _plain_shape(field)
    if kind == "tensor":
        return read_tensor(field)
    if kind == "list":
        for name in ("i", "f", "b", "type"):
            if getattr(field, name):
                return list(getattr(field, name))
        if field.shape:
            return [_plain_shape(shape) for shape in field.shape]
        return [item.decode("utf-8", "replace") for item in field.s]
    return field


def _plain_shape(proto: Any) -> tuple[int | None, ...] | None:
    if proto is None or isinstance(proto, tuple):
        return proto
    if proto.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in proto.dim)


class GraphView:
    """The nodes of one GraphDef by name, in the order of the GraphDef.

    Attributes:
      nodes: by name.
      collections: node names by collection; empty where the source has none.
      allowed_ops: op types that the user lets run although they do more than compute.
      keeps_batch_statistics: whether a batch norm that is in training mode for good normalises with
        each batch's statistics in inference too; else it takes the moving ones there.
      known_outside: what `control_flow` has found to lie in no branch.
    """

    def __init__(
        self,
        nodes: Iterable[Node],
        collections: Mapping[str, Sequence[str]] = NO_COLLECTIONS,
        live_names: Mapping[str, str] = MappingProxyType({}),
        live_nodes: Collection[str] | None = None,
    ):
        self.collections = collections
        self.allowed_ops: frozenset[str] = frozenset()
        self.keeps_batch_statistics = False
        self.known_outside: set[tuple[str, int]] = set()
        self._live_names = live_names
        self._live_nodes = live_nodes
        self._standing_names = {live: standing for standing, live in live_names.items()}
        self.nodes: dict[str, Node] = {node.name: node for node in nodes}
        self._order: dict[str, int] = {}  # Made when it is first asked for.
        self._readers: dict[str, list[Node]] = {}
        self._consumers: dict[str, list[Node]] = {}
        for node in self.nodes.values():
            sources = _sources(node)
            for source in sources:
                self._readers.setdefault(source, []).append(node)
            if node.control_inputs:
                sources = dict.fromkeys((*sources, *node.control_inputs))
            for source in sources:
                self._consumers.setdefault(source, []).append(node)

    @classmethod
    def from_graph_def(
        cls, graph_def: Any, collections: Mapping[str, Sequence[str]] = NO_COLLECTIONS
    ) -> GraphView:
        """Returns the view of a GraphDef proto."""
        return cls((_read_node(proto) for proto in graph_def.node), collections)

    def replacing(self, replaced: Mapping[str, Node]) -> GraphView:
        """Returns a view in which the nodes of these names are others; its readers read those."""
        nodes = [replaced.get(name, node) for name, node in self.nodes.items()]
        view = GraphView(nodes, self.collections, self._live_names, self._live_nodes)
        view.allowed_ops = self.allowed_ops
        view.keeps_batch_statistics = self.keeps_batch_statistics
        return view

    def allowing(self, ops: Iterable[str]) -> GraphView:
        """Returns the same view, which lets these op types run."""
        view = copy.copy(self)
        view.allowed_ops = frozenset(ops)
        return view

    def keeping_batch_statistics(self) -> GraphView:
        """Returns the same view, whose inference is that of the graph as it was saved."""
        view = copy.copy(self)
        view.keeps_batch_statistics = True
        return view

    def __contains__(self, name: str) -> bool:
        return name in self.nodes

    def live_name(self, tensor: str) -> str:
        """Returns the name under which a session finds a tensor.

        It is another one only for a tensor that stands here for an output of an opened call.
        """
        return self._live_names.get(tensor, tensor)

    def standing_name(self, tensor: str) -> str:
        """Returns the tensor that stands here for an output of an opened call, else the same."""
        return self._standing_names.get(tensor, tensor)

    def is_live(self, tensor: str) -> bool:
        """Tells whether a session finds a tensor: not where it is made inside a function."""
        node = names.split_tensor_name(self.live_name(tensor))[0]
        return node in (self.nodes if self._live_nodes is None else self._live_nodes)

    def producer(self, tensor: str) -> Node:
        """Returns the node that makes a tensor. Raises KeyError for one outside the graph."""
        return self.nodes[names.split_tensor_name(tensor)[0]]

    def consumers(self, name: str, control: bool = True) -> list[Node]:
        """Returns the nodes that read any output of node `name` or, with `control`, wait for it."""
        return (self._consumers if control else self._readers).get(name, [])

    def in_order(self, found: Iterable[str]) -> list[Node]:
        """Returns the nodes of these names in the order of the GraphDef."""
        if not self._order:
            self._order = {name: index for index, name in enumerate(self.nodes)}
        return [self.nodes[name] for name in sorted(found, key=self._order.__getitem__)]

    def ancestors(
        self,
        starts: Iterable[str],
        control: bool = True,
        stop: Callable[[Node], bool] = lambda node: False,
    ) -> set[str]:
        """Returns the names of the nodes that `starts` need, themselves included.

        Args:
          starts: node names.
          control: follow control inputs too.
          stop: nodes for which it is true are included but not walked past.
        """

        def sources(node: Node) -> Iterable[str]:
            data = _sources(node)
            return (*data, *node.control_inputs) if control else data

        return self._walk(starts, sources, stop)

    def descendants(
        self,
        starts: Iterable[str],
        control: bool = True,
        stop: Callable[[Node], bool] = lambda node: False,
    ) -> set[str]:
        """Returns the names of the nodes that need `starts`, themselves included.

        Args: as of `ancestors`.
        """
        return self._walk(
            starts, lambda node: [c.name for c in self.consumers(node.name, control)], stop
        )

    def _walk(
        self,
        starts: Iterable[str],
        neighbours: Callable[[Node], Iterable[str]],
        stop: Callable[[Node], bool],
    ) -> set[str]:
        seen: set[str] = set()
        pending = list(starts)
        while pending:
            name = pending.pop()
            if name in seen or name not in self.nodes:
                continue
            seen.add(name)
            node = self.nodes[name]
            if not stop(node):
                pending.extend(neighbours(node))
        return seen


def _sources(node: Node) -> dict[str, None]:
    """Returns the names of the nodes whose outputs a node reads, each once, in their order."""
    return {tensor[: tensor.rindex(":")]: None for tensor in node.inputs}


def _read_node(proto: Any) -> Node:
    data, controls = [], []
    for name in proto.input:
        if name[:1] == "^":
            controls.append(name[1:])
        else:
            data.append(name if ":" in name else names.join_tensor_name(name, 0))
    return Node(proto.name, proto.op, tuple(data), tuple(controls), proto.attr)
