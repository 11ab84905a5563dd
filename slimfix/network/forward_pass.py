"""One walk over a graph, sources first, with every switch at one value.

It gives every tensor its one name and finds the dead branches of conditionals; what the outputs
need of the rest is the function.
"""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

from slimfix import names
from slimfix.graphdef.dropout import Dropout, find_dropouts, read_dropout
from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.variables import VARIABLE_OPS
from slimfix.graphdef.view import GraphView, Node
from slimfix.network.booleans import Booleans
from slimfix.network.resolved import DROPOUT, Resolved

_SAME_TENSOR = {
    "CheckNumerics",
    "EnsureShape",
    "Identity",
    "PlaceholderWithDefault",
    "PreventGradient",
    "Print",
    "ReadVariableOp",
    "RefIdentity",
    "Snapshot",
    "StopGradient",
}


@dataclasses.dataclass(frozen=True)
class Nodes:
    """What every pass reads: the nodes above the outputs, sources first, and what is in them."""

    view: GraphView
    order: Sequence[Node]
    joined: Mapping[str, str]
    dropouts: Mapping[str, Dropout]


def list_nodes(
    view: GraphView, inputs: Sequence[str], outputs: Sequence[str], joined: Mapping[str, str]
) -> Nodes:
    """Returns what every pass reads. Args: as of `resolve.resolve`."""
    ends = [names.split_tensor_name(tensor)[0] for tensor in outputs]
    order = _topological(view, ends, inputs)
    return Nodes(view, order, joined, find_dropouts(view, order))


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


class Pass:
    """The forward pass under one choice of switches."""

    def __init__(
        self,
        nodes: Nodes,
        inputs: Sequence[str],
        outputs: Sequence[str],
        switches: Mapping[str, bool],
    ):
        self.nodes = nodes
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.switches = dict(switches)
        self.aliases: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self.kept: dict[str, Node] = {}
        self._dead_nodes: set[str] = set()
        self._dead_tensors: set[str] = set()
        self._booleans = Booleans()
        self._left_out: dict[str, str] = {}
        self._cut = {names.split_tensor_name(tensor)[0] for tensor in inputs}
        self.aliases.update({tensor: tensor for tensor in inputs})
        for node in nodes.order:
            self._visit(node)
        self.needed_nodes = self._find_needed()

    def flipped(self, switch: str) -> Pass:
        """Returns the pass with the other value of one switch."""
        switches = {**self.switches, switch: not self.switches[switch]}
        return Pass(self.nodes, self.inputs, self.outputs, switches)

    def training_marks(self) -> int:
        """Counts the nodes in the function that only a network in training needs."""
        return sum(
            (node.op in FUSED_OPS and node.attr("is_training", True))
            or node.op == "SquaredDifference"
            or node.op.startswith(("Random", "StatelessRandom"))
            or (node.op == DROPOUT and node.attr("in_training_only"))
            for node in self.needed_nodes.values()
        )

    def resolved(self, training_switches: Mapping[str, bool], notes: Sequence[str]) -> Resolved:
        """Returns the function as data.

        Args:
          training_switches: as of `Resolved`.
          notes: to add to those on training branches that were left out.
        """
        nodes = self.needed_nodes
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
            training_switches=training_switches,
            notes=(*notes, *(note for name, note in self._left_out.items() if self._reads(name))),
        )

    def _reads(self, merge: str) -> bool:
        """Tells whether the function reads what a conditional hands through."""
        tensor = self.aliases[names.join_tensor_name(merge, 0)]
        return names.split_tensor_name(tensor)[0] in self.needed_nodes or tensor in self.inputs

    def _find_needed(self) -> dict[str, Node]:
        """Returns the nodes that the outputs need, by name."""
        wanted: set[str] = set()
        pending = [self.aliases.get(tensor, tensor) for tensor in self.outputs]
        while pending:
            tensor = pending.pop()
            name = names.split_tensor_name(tensor)[0]
            if tensor in self.inputs or tensor in self.variables or name in wanted:
                continue
            wanted.add(name)
            if name in self.kept:
                pending.extend(self.kept[name].inputs)
        return {name: node for name, node in self.kept.items() if name in wanted}

    def _visit(self, node: Node) -> None:
        own = names.join_tensor_name(node.name, 0)
        if node.name in self._cut:  # Other outputs of a node that is fed stay what they are.
            self.kept[node.name] = dataclasses.replace(node, inputs=(), control_inputs=())
            return
        if own in self.switches:
            self._booleans.set(own, self.switches[own])
        inputs = tuple(self.aliases.get(tensor, tensor) for tensor in node.inputs)
        if self._is_dead(node):
            self._dead_nodes.add(node.name)
        if node.op in ("Switch", "RefSwitch"):
            self._visit_switch(node, inputs)
        elif node.op in ("Merge", "RefMerge") and self._visit_merge(node, inputs):
            pass
        elif node.op == "IdentityN":
            for index, tensor in enumerate(inputs):
                self.aliases[names.join_tensor_name(node.name, index)] = tensor
        elif node.op in VARIABLE_OPS or node.name in self.nodes.joined:
            self.variables[own] = self.nodes.joined.get(node.name, node.name)
            self.aliases[own] = own
        elif own in self.nodes.dropouts:
            dropout = self.nodes.dropouts[own]
            source = self.aliases.get(dropout.input, dropout.input)
            self._keep_dropout(node, source, dropout, training_only=True)
        elif node.op in _SAME_TENSOR and own not in self.switches and inputs:
            self.aliases[own] = inputs[0]
            self._booleans.copy(node.inputs[0], own)
        else:
            self.kept[node.name] = dataclasses.replace(node, inputs=inputs, control_inputs=())
            self._booleans.evaluate(node)

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
        if value is None:  # A loop, or a condition on data: not ours to decide.
            self.kept[node.name] = dataclasses.replace(node, inputs=inputs, control_inputs=())
            return
        for index in (0, 1):
            output = names.join_tensor_name(node.name, index)
            self.aliases[output] = inputs[0]
            self._booleans.copy(node.inputs[0], output)
            if bool(index) != value:
                self._dead_tensors.add(output)

    def _visit_merge(self, node: Node, inputs: tuple[str, ...]) -> bool:
        """Follows the live branch, if there is exactly one; tells whether there was."""
        dead = [self._tensor_is_dead(tensor) for tensor in node.inputs]
        if sum(not is_dead for is_dead in dead) != 1:
            return False
        live = dead.index(False)
        own = names.join_tensor_name(node.name, 0)
        self.aliases[own] = inputs[live]
        self._booleans.copy(node.inputs[live], own)
        others = [tensor for tensor, is_dead in zip(node.inputs, dead) if is_dead]
        if others and not self._tensor_is_dead(own):
            self._visit_training_branch(node, inputs[live], others[0])
        return True

    def _visit_training_branch(self, merge: Node, kept: str, dropped: str) -> None:
        """Keeps a conditional as a Dropout node if that is what its other branch does to `kept`.

        A branch that hands the same tensor through, another form of a batch norm, or statistics
        that only training reads have no part in the function. Anything else is noted.
        """

        def is_kept(tensor: str) -> bool:
            return self.aliases.get(tensor, tensor) == kept

        own = names.join_tensor_name(merge.name, 0)
        dropout = read_dropout(self.nodes.view, dropped)
        if dropout is not None and is_kept(dropout.input):
            self._keep_dropout(merge, kept, dropout, training_only=False)
        elif not is_kept(dropped) and not self._is_statistic(kept):
            self._left_out[merge.name] = f"{own}: what it does in training was not migrated"

    def _keep_dropout(self, end: Node, source: str, dropout: Dropout, training_only: bool) -> None:
        """Keeps a dropout by the name of the node that it ends in.

        Args:
          training_only: no conditional leads around it.
        """
        attrs = {
            "rate": dropout.rate,
            "decided_by": dropout.decided_by,
            "noise_shape": dropout.noise_shape,
            "in_training_only": training_only,
            "T": end.attr("T"),
        }
        self.kept[end.name] = Node(end.name, DROPOUT, (source,), (), attrs)
        own = names.join_tensor_name(end.name, 0)
        self.aliases[own] = own

    def _is_statistic(self, tensor: str) -> bool:
        """Tells whether a tensor is a variable, a constant, or made by a fused batch norm."""
        if tensor in self.inputs:
            return False
        if tensor in self.variables:
            return True
        node = self.kept.get(names.split_tensor_name(tensor)[0])
        return node is not None and (node.op in FUSED_OPS or not self._depends_on_inputs(node))

    def _depends_on_inputs(self, node: Node) -> bool:
        pending, seen = list(node.inputs), set()
        while pending:
            tensor = pending.pop()
            if tensor in self.inputs:
                return True
            name = names.split_tensor_name(tensor)[0]
            if name in self.kept and name not in seen:
                seen.add(name)
                pending.extend(self.kept[name].inputs)
        return False
