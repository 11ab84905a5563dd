"""Reduces a TensorFlow 1 graph to the function from inputs to outputs, in inference mode.

One forward pass gives every tensor its one name and finds the dead branches of conditionals; one
backward pass keeps what the outputs need.
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import Callable, Mapping, Sequence

from slimfix import names
from slimfix.graphdef.control_flow import BOOL, is_switch
from slimfix.graphdef.dropout import Dropout, find_dropouts, read_dropout
from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.variables import VARIABLE_OPS
from slimfix.graphdef.view import GraphView, Node

DROPOUT = "slimfix.Dropout"  # The one op in a Function that TensorFlow does not have.

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
class Resolved:
    """A pruned graph whose tensors have one name each; see `Function`, which adds the shapes.

    Attributes:
      training_switches: the value by tensor name that each switch has in training.
    """

    nodes: Mapping[str, Node]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    variables: Mapping[str, str]
    aliases: Mapping[str, str]
    switches: Mapping[str, bool]
    training_switches: Mapping[str, bool]
    notes: tuple[str, ...]


def find_switches(view: GraphView, outputs: Sequence[str]) -> list[str]:
    """Returns the tensor names of the boolean placeholders and variables that `outputs` need."""
    needed = view.ancestors(names.split_tensor_name(tensor)[0] for tensor in outputs)
    return [
        names.join_tensor_name(node.name, 0)
        for node in view.nodes.values()
        if node.name in needed and (is_switch(node) or _is_boolean_variable(node))
    ]


def _is_boolean_variable(node: Node) -> bool:
    """Some keep `is_training` in a variable."""
    return node.op in VARIABLE_OPS and node.attr("dtype") == BOOL and node.attr("shape") == ()


def resolve(
    view: GraphView,
    inputs: Sequence[str],
    outputs: Sequence[str],
    joined: Mapping[str, str] = MappingProxyType({}),
) -> Resolved:
    """Returns the function from `inputs` to `outputs` with every switch at its inference value.

    The inference value of a boolean is the one that leaves fewest batch statistics
    and random numbers in the function, so that `is_inference` is understood as well as
    `is_training`. Where both leave the same it decides something else: then it keeps its own
    default, or False where it has none, and a note says so.

    Args:
      view: the whole graph.
      inputs: tensor names to feed; the graph above them is cut off.
      outputs: tensor names to compute.
      joined: the partitioned variable by the name of the node that joins its parts.
    """
    order = _topological(view, [names.split_tensor_name(tensor)[0] for tensor in outputs], inputs)
    defaults = {tensor: _default(view, tensor) for tensor in find_switches(view, outputs)}
    starts = [defaults, dict.fromkeys(defaults, False), dict.fromkeys(defaults, True)]
    nodes = _Nodes(view, order, joined, find_dropouts(view, order))
    found = [_improve(_Pass(nodes, inputs, outputs, start), _less) for start in starts]
    best = min(found, key=_Pass.training_marks)
    opposite = {tensor: not value for tensor, value in best.switches.items()}
    trained = [_improve(best, _more)]
    if len(opposite) > 1:
        trained.append(_improve(_Pass(nodes, inputs, outputs, opposite), _more))
    training = max(trained, key=_Pass.training_marks)
    return best.resolved(training.switches, _undecided(best))


def resolve_as(
    view: GraphView,
    inputs: Sequence[str],
    outputs: Sequence[str],
    joined: Mapping[str, str],
    switches: Mapping[str, bool],
) -> Resolved:
    """Returns the function from `inputs` to `outputs` with every switch at a given value.

    Args: as of `resolve`; and `switches`: by tensor name, all that `find_switches` finds.
    """
    order = _topological(view, [names.split_tensor_name(tensor)[0] for tensor in outputs], inputs)
    nodes = _Nodes(view, order, joined, find_dropouts(view, order))
    return _Pass(nodes, inputs, outputs, switches).resolved(switches, [])


def _default(view: GraphView, switch: str) -> bool:
    """Returns what a placeholder is when nobody feeds it; False where that is no constant."""
    node = view.producer(switch)
    default = view.producer(node.inputs[0]) if node.inputs else node
    return bool(default.attr("value")) if default.op == "Const" else False


def _improve(current: _Pass, better: Callable[[_Pass, _Pass], bool]) -> _Pass:
    """Flips one switch after the other where the pass is the better for it."""
    for tensor in current.switches:
        flipped = current.flipped(tensor)
        if better(flipped, current):
            current = flipped
    return current


def _less(one: _Pass, other: _Pass) -> bool:
    return one.training_marks() < other.training_marks()


def _more(one: _Pass, other: _Pass) -> bool:
    return one.training_marks() > other.training_marks()


def _undecided(chosen: _Pass) -> list[str]:
    """Returns notes on switches that change the function, but not from training to inference."""
    notes = []
    for tensor, value in chosen.switches.items():
        other = chosen.flipped(tensor)
        if (
            other.training_marks() == chosen.training_marks()
            and other.needed_nodes != chosen.needed_nodes
        ):
            notes.append(
                f"{tensor}: taken as {value}; this switch decides something else than training"
            )
    return notes


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


@dataclasses.dataclass(frozen=True)
class _Nodes:
    """What every pass reads: the nodes above the outputs, sources first, and what is in them."""

    view: GraphView
    order: Sequence[Node]
    joined: Mapping[str, str]
    dropouts: Mapping[str, Dropout]


class _Pass:
    """The forward pass under one choice of switches."""

    def __init__(
        self,
        nodes: _Nodes,
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
        self._booleans: dict[str, bool] = {}
        self._left_out: dict[str, str] = {}
        self._cut = {names.split_tensor_name(tensor)[0] for tensor in inputs}
        self.aliases.update({tensor: tensor for tensor in inputs})
        for node in nodes.order:
            self._visit(node)
        self.needed_nodes = self._find_needed()

    def flipped(self, switch: str) -> _Pass:
        """Returns the pass with the other value of one switch."""
        switches = {**self.switches, switch: not self.switches[switch]}
        return _Pass(self.nodes, self.inputs, self.outputs, switches)

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
            self._booleans[own] = self.switches[own]
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
        if value is None:  # A loop, or a condition on data: not ours to decide.
            self.kept[node.name] = dataclasses.replace(node, inputs=inputs, control_inputs=())
            return
        for index in (0, 1):
            output = names.join_tensor_name(node.name, index)
            self.aliases[output] = inputs[0]
            self._copy_boolean(node.inputs[0], output)
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
        self._copy_boolean(node.inputs[live], own)
        if not self._tensor_is_dead(own):
            others = [tensor for tensor, is_dead in zip(node.inputs, dead) if is_dead]
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

    def _copy_boolean(self, source: str, target: str) -> None:
        if source in self._booleans:
            self._booleans.setdefault(target, self._booleans[source])

    def _evaluate_boolean(self, node: Node, own: str) -> None:
        known: list[bool | None] = [self._booleans.get(tensor) for tensor in node.inputs]
        if node.op == "Const" and node.attr("dtype") == BOOL and node.attr("value").ndim == 0:
            self._booleans[own] = bool(node.attr("value"))
        elif node.op == "LogicalNot" and known[0] is not None:
            self._booleans[own] = not known[0]
        elif node.op == "LogicalAnd" and (False in known or None not in known):
            self._booleans[own] = all(known)
        elif node.op == "LogicalOr" and (True in known or None not in known):
            self._booleans[own] = any(known)
