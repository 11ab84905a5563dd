"""Reduces a TensorFlow 1 graph to the function from inputs to outputs, in inference mode.

One forward pass gives every tensor its one name and finds the dead branches of conditionals; one
backward pass keeps what the outputs need.
"""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

from slimfix import names
from slimfix.graphdef.view import GraphView, Node
from slimfix.migration.dropout import dropout_rate

DROPOUT = "slimfix.Dropout"  # The one op in a Function that TensorFlow does not have.

_BOOL = 10  # DT_BOOL in tensorflow/core/framework/types.proto
_SAME_TENSOR = {
    "CheckNumerics",
    "EnsureShape",
    "Identity",
    "PlaceholderWithDefault",
    "PreventGradient",
    "ReadVariableOp",
    "RefIdentity",
    "Snapshot",
    "StopGradient",
}
_VARIABLE_OPS = {"AutoReloadVariable", "VarHandleOp", "Variable", "VariableV2"}
_FUSED_BATCH_NORM = {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"}


@dataclasses.dataclass(frozen=True)
class Resolved:
    """A pruned graph whose tensors have one name each; see `Function`, which adds the shapes."""

    nodes: Mapping[str, Node]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    variables: Mapping[str, str]
    aliases: Mapping[str, str]
    switches: Mapping[str, bool]


def find_switches(view: GraphView, outputs: Sequence[str]) -> list[str]:
    """Returns the tensor names of the boolean placeholders that `outputs` depend on."""
    needed = view.ancestors(names.split_tensor_name(tensor)[0] for tensor in outputs)
    return [
        names.join_tensor_name(node.name, 0)
        for node in view.nodes.values()
        if node.name in needed and is_switch(node)
    ]


def is_switch(node: Node) -> bool:
    """Tells whether a node is a boolean placeholder, as `is_training` mostly is."""
    return node.op in ("Placeholder", "PlaceholderWithDefault") and node.attr("dtype") == _BOOL


def resolve(view: GraphView, inputs: Sequence[str], outputs: Sequence[str]) -> Resolved:
    """Returns the function from `inputs` to `outputs` with every switch at its inference value.

    The inference value of a boolean placeholder is the one that leaves fewest batch statistics
    and random numbers in the function, so that `is_inference` is understood as well as
    `is_training`; where both leave the same, it is False.

    Args:
      view: the whole graph.
      inputs: tensor names to feed; the graph above them is cut off.
      outputs: tensor names to compute.
    """
    switches = dict.fromkeys(find_switches(view, outputs), False)
    order = _topological(view, [names.split_tensor_name(tensor)[0] for tensor in outputs], inputs)
    best = _Pass(view, order, inputs, outputs, switches)
    for tensor in switches:
        other = _Pass(view, order, inputs, outputs, {**best.switches, tensor: True})
        if other.training_marks() < best.training_marks():
            best = other
    return best.resolved()


def _topological(view: GraphView, ends: Sequence[str], inputs: Sequence[str]) -> list[Node]:
    """Returns the ancestors of `ends` over data and control edges, sources first."""
    cut = {names.split_tensor_name(tensor)[0] for tensor in inputs}
    order: list[Node] = []
    seen: set[str] = set()
    pending: list[tuple[str, bool]] = [(name, False) for name in reversed(ends)]
    while pending:
        name, leaving = pending.pop()
        if leaving:
            order.append(view.nodes[name])
        elif name not in seen and name in view:
            seen.add(name)
            pending.append((name, True))
            if name not in cut:
                node = view.nodes[name]
                sources = [names.split_tensor_name(tensor)[0] for tensor in node.inputs]
                pending.extend((source, False) for source in (*sources, *node.control_inputs))
    return order


class _Pass:
    """The forward pass under one choice of switches."""

    def __init__(
        self,
        view: GraphView,
        order: Sequence[Node],
        inputs: Sequence[str],
        outputs: Sequence[str],
        switches: Mapping[str, bool],
    ):
        self.view = view
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.switches = dict(switches)
        self.aliases: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self.kept: dict[str, Node] = {}
        self._dead_nodes: set[str] = set()
        self._dead_tensors: set[str] = set()
        self._booleans: dict[str, bool] = {}
        for node in order:
            self._visit(node)

    def training_marks(self) -> int:
        """Counts the nodes in the function that only a network in training needs."""
        return sum(
            (node.op in _FUSED_BATCH_NORM and node.attr("is_training", True))
            or node.op == "SquaredDifference"
            or node.op.startswith(("Random", "StatelessRandom"))
            for node in self._needed().values()
        )

    def resolved(self) -> Resolved:
        nodes = self._needed()
        read = {tensor for node in nodes.values() for tensor in node.inputs}
        outputs = tuple(self.aliases.get(tensor, tensor) for tensor in self.outputs)
        return Resolved(
            nodes=nodes,
            inputs=self.inputs,
            outputs=outputs,
            variables={
                tensor: variable
                for tensor, variable in self.variables.items()
                if tensor in read or tensor in outputs
            },
            aliases=self.aliases,
            switches=self.switches,
        )

    def _needed(self) -> dict[str, Node]:
        wanted: set[str] = set()
        pending = [self.aliases.get(tensor, tensor) for tensor in self.outputs]
        while pending:
            tensor = pending.pop()
            name = names.split_tensor_name(tensor)[0]
            if tensor in self.inputs or tensor in self.variables or name in wanted:
                continue
            wanted.add(name)
            pending.extend(self.kept[name].inputs)
        return {name: node for name, node in self.kept.items() if name in wanted}

    def _visit(self, node: Node) -> None:
        own = names.join_tensor_name(node.name, 0)
        if own in self.inputs:
            self.aliases[own] = own
            return
        if own in self.switches:
            self._booleans[own] = self.switches[own]
        inputs = tuple(self.aliases.get(tensor, tensor) for tensor in node.inputs)
        if self._is_dead(node):
            self._dead_nodes.add(node.name)
        if node.op in ("Switch", "RefSwitch"):
            self._visit_switch(node, inputs)
        elif node.op in ("Merge", "RefMerge") and self._visit_merge(node, inputs):
            pass
        elif node.op in _VARIABLE_OPS:
            self.variables[own] = node.name
            self.aliases[own] = own
        elif node.op in _SAME_TENSOR and own not in self.switches and inputs:
            self.aliases[own] = inputs[0]
            self._copy_boolean(node.inputs[0], own)
        else:
            self.kept[node.name] = dataclasses.replace(node, inputs=inputs, control_inputs=())
            self._evaluate_boolean(node, own)

    def _is_dead(self, node: Node) -> bool:
        dead_inputs = [self._tensor_is_dead(tensor) for tensor in node.inputs]
        if node.op in ("Merge", "RefMerge"):
            return bool(dead_inputs) and all(dead_inputs)
        return any(dead_inputs) or any(name in self._dead_nodes for name in node.control_inputs)

    def _tensor_is_dead(self, tensor: str) -> bool:
        return (
            tensor in self._dead_tensors or names.split_tensor_name(tensor)[0] in self._dead_nodes
        )

    def _visit_switch(self, node: Node, inputs: tuple[str, ...]) -> None:
        value = self._booleans.get(node.inputs[1])
        for index in (0, 1):
            output = names.join_tensor_name(node.name, index)
            self.aliases[output] = inputs[0]
            self._copy_boolean(node.inputs[0], output)
            if value is not None and bool(index) != value:
                self._dead_tensors.add(output)

    def _visit_merge(self, node: Node, inputs: tuple[str, ...]) -> bool:
        """Follows the live branch, if there is exactly one; tells whether there was."""
        dead = [self._tensor_is_dead(tensor) for tensor in node.inputs]
        if sum(not is_dead for is_dead in dead) != 1:
            return False
        live = dead.index(False)
        own = names.join_tensor_name(node.name, 0)
        self.aliases[own] = inputs[live]
        self._copy_boolean(node.inputs[live], own)
        if not self._tensor_is_dead(own):
            for other, is_dead in zip(node.inputs, dead):
                if is_dead and self._add_dropout(node, inputs[live], other):
                    self.aliases[own] = own
        return True

    def _add_dropout(self, merge: Node, kept: str, dropped: str) -> bool:
        """Keeps the conditional as a Dropout node if its training branch drops units of `kept`."""
        found = dropout_rate(self.view, dropped, lambda tensor: self.aliases.get(tensor) == kept)
        if found is None:
            return False
        self.kept[merge.name] = Node(merge.name, DROPOUT, (kept,), (), {"rate": found.rate})
        return True

    def _copy_boolean(self, source: str, target: str) -> None:
        if source in self._booleans:
            self._booleans.setdefault(target, self._booleans[source])

    def _evaluate_boolean(self, node: Node, own: str) -> None:
        known: list[bool | None] = [self._booleans.get(tensor) for tensor in node.inputs]
        if node.op == "Const" and node.attr("dtype") == _BOOL and node.attr("value").ndim == 0:
            self._booleans[own] = bool(node.attr("value"))
        elif node.op == "LogicalNot" and known[0] is not None:
            self._booleans[own] = not known[0]
        elif node.op == "LogicalAnd" and None not in known:
            self._booleans[own] = all(known)
        elif node.op == "LogicalOr" and None not in known:
            self._booleans[own] = any(known)
