"""Inlines the functions of a GraphDef, so that its conditionals and loops read as version 1 ones.

With control flow version 2 a `tf.cond` is one node (If) whose branches are functions. TensorFlow
itself lowers it to Switch and Merge before it runs; a view that does the same can be read by one
set of rules.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Iterable, Mapping, Sequence

from slimfix import names
from slimfix.dtypes import BOOL
from slimfix.graphdef.calls import CONDITIONALS, LOOPS, functions_run_by, without_recursive
from slimfix.graphdef.fused import FUSED_OPS
from slimfix.graphdef.protos import AttrValue
from slimfix.graphdef.view import NO_COLLECTIONS, GraphView, Node

# Inside a function an output is named by its argument, not numbered. For all other ops with
# several outputs that are not one list, any numbers do that tell them apart.
_OUTPUTS: dict[str, tuple[str, ...]] = {
    "Switch": ("output_false", "output_true"),
    "Merge": ("output", "value_index"),
    **dict.fromkeys(FUSED_OPS, ("y", "batch_mean", "batch_variance")),
}


def inline_functions(
    graph_def: Any, collections: Mapping[str, Sequence[str]] = NO_COLLECTIONS
) -> GraphView:
    """Returns the view of a GraphDef with its conditionals, loops and function calls opened.

    The nodes of a function are named below the node that calls it: 'cond/then/mul'. The calling
    node stays as a NoOp that waits for all of them, so that whatever waits for it does. What
    calls a function that leads back to itself stays as it is.

    Args:
      graph_def: GraphDef proto.
      collections: node names by collection.
    """
    plain = GraphView.from_graph_def(graph_def, collections)
    library = {function.signature.name: function for function in graph_def.library.function}
    if not library:
        return plain
    opened = _Inliner(without_recursive(library))
    for node in plain.nodes.values():
        opened.add(node)
    live_names = opened.live_names(plain.nodes.values())
    return GraphView(opened.finish(), collections, live_names, live_nodes=plain.nodes)


@dataclasses.dataclass(frozen=True)
class _Body:
    """What an inlined function gives: the tensors that it returns, the nodes that it must run."""

    outputs: list[str]
    types: list[int]
    controls: tuple[str, ...]


class _Inliner:
    """Collects nodes; whatever reads an output of an opened call is led to it at the end."""

    def __init__(self, library: Mapping[str, Any]):
        self._library = library
        self._nodes: list[Node] = []
        self._results: dict[str, str] = {}

    def live_names(self, nodes: Iterable[Node]) -> dict[str, str]:
        """Returns the tensor as a session finds it, by the one that stands for it here.

        That is an Identity among `nodes`, 'cond/Identity_1:0', if there is one: TensorFlow lets
        nobody fetch 'cond:1' itself.
        """
        found = {standing: live for live, standing in self._results.items()}
        for node in nodes:
            if node.op == "Identity" and node.inputs[0] in self._results:
                found[self._results[node.inputs[0]]] = names.join_tensor_name(node.name, 0)
        return found

    def add(self, node: Node) -> None:
        """Adds a node, or what it opens to."""
        functions = functions_run_by(node.op, node.attrs, self._library)
        if not functions:
            self._nodes.append(node)
        elif node.op in CONDITIONALS:
            self._open_conditional(node)
        elif node.op in LOOPS:
            self._open_loop(node)
        else:
            self._open_call(node, *functions)

    def finish(self) -> list[Node]:
        """Returns all nodes."""
        return [
            dataclasses.replace(node, inputs=tuple(map(self._result, node.inputs)))
            for node in self._nodes
        ]

    def _result(self, tensor: str) -> str:
        while tensor in self._results:  # A function may return what another call gave it.
            tensor = self._results[tensor]
        return tensor

    def _make(
        self,
        name: str,
        op: str,
        inputs: Sequence[str],
        controls: Sequence[str] = (),
        dtype: int | None = None,
    ) -> str:
        attrs = (
            {} if dtype is None else _type_attrs(dtype, merged=len(inputs) if op == "Merge" else 0)
        )
        self._nodes.append(Node(name, op, tuple(inputs), tuple(controls), attrs))
        return names.join_tensor_name(name, 0)

    def _close(self, call: Node, outputs: Sequence[str], controls: Sequence[str]) -> None:
        for index, output in enumerate(outputs):
            self._results[names.join_tensor_name(call.name, index)] = output
        producers = [names.split_tensor_name(tensor)[0] for tensor in outputs]
        waits = tuple(dict.fromkeys([*producers, *controls, *call.control_inputs]))
        self._nodes.append(Node(call.name, "NoOp", (), waits))

    def _open_call(self, node: Node, function: str) -> None:
        body = self._inline(function, node.name + "/call", node.inputs, node.control_inputs)
        outputs = [
            self._make(f"{node.name}/Identity_out_{index}", "Identity", [output], dtype=dtype)
            for index, (output, dtype) in enumerate(zip(body.outputs, body.types))
        ]
        self._close(node, outputs, body.controls)

    def _open_conditional(self, node: Node) -> None:
        predicate, arguments = node.inputs[0], node.inputs[1:]
        switches = [
            self._make(f"{node.name}/Switch_{index}", "Switch", [tensor, predicate], dtype=dtype)
            for index, (tensor, dtype) in enumerate(zip(arguments, node.attrs["Tin"].list.type))
        ]
        gate = [predicate, predicate]
        pivot = names.split_tensor_name(
            self._make(f"{node.name}/pivot", "Switch", gate, node.control_inputs, dtype=BOOL)
        )[0]
        bodies = []
        for index, branch in enumerate(("else", "then")):  # In the order of Switch's outputs.
            chosen = [_output(switch, index) for switch in switches]
            taken = f"{node.name}/switch_{branch}"
            self._make(taken, "Identity", [names.join_tensor_name(pivot, index)], dtype=BOOL)
            function = node.attrs[f"{branch}_branch"].func.name
            body = self._inline(function, f"{node.name}/{branch}", chosen, [taken])
            done = f"{node.name}/{branch}_done"
            self._make(done, "Identity", [taken + ":0"], body.controls, dtype=BOOL)
            bodies.append([*body.outputs, done + ":0"])
        merges = [
            self._make(f"{node.name}/Merge_{index}", "Merge", pair, dtype=dtype)
            for index, (pair, dtype) in enumerate(zip(zip(*bodies), [*body.types, BOOL]))
        ]
        self._close(node, merges[:-1], [names.split_tensor_name(merges[-1])[0]])

    def _open_loop(self, node: Node) -> None:
        body_function = self._library[node.attrs["body"].func.name]
        arguments = [argument.name for argument in body_function.signature.input_arg]
        returned = [body_function.ret[each.name] for each in body_function.signature.output_arg]
        enters = [
            self._make(f"{node.name}/Enter_{index}", "Enter", [tensor], node.control_inputs)
            for index, tensor in enumerate(node.inputs)
        ]
        # A loop variable that the body hands on as it is, such as a resource, stays as it is.
        changing = [index for index, name in enumerate(arguments) if returned[index] != name]
        current, inside, exits = list(enters), list(enters), list(node.inputs)
        for index in changing:
            back = names.join_tensor_name(f"{node.name}/NextIteration_{index}", 0)
            current[index] = self._make(
                f"{node.name}/Merge_{index}", "Merge", [enters[index], back]
            )
        test = self._inline(node.attrs["cond"].func.name, f"{node.name}/cond", current, ())
        goes_on = self._make(f"{node.name}/LoopCond", "LoopCond", test.outputs)
        for index in changing:
            switch = self._make(f"{node.name}/Switch_{index}", "Switch", [current[index], goes_on])
            inside[index] = _output(switch, 1)
            exits[index] = self._make(f"{node.name}/Exit_{index}", "Exit", [switch])
        pivot = names.split_tensor_name(goes_on)[0]
        body = self._inline(body_function.signature.name, f"{node.name}/body", inside, [pivot])
        for index in changing:
            self._make(f"{node.name}/NextIteration_{index}", "NextIteration", [body.outputs[index]])
        self._close(node, exits, body.controls)

    def _inline(
        self, function: str, scope: str, arguments: Sequence[str], pivot: Sequence[str]
    ) -> _Body:
        """Adds the nodes of a function; those without inputs wait for `pivot`."""
        definition = self._library[function]
        given = dict(zip((each.name for each in definition.signature.input_arg), arguments))
        numbers = _Numbers({node.name: node.op for node in definition.node_def})

        def outside(tensor: str) -> str:
            return given[tensor] if tensor in given else f"{scope}/{numbers.tensor_name(tensor)}"

        for proto in definition.node_def:
            data = [outside(each) for each in proto.input if not each.startswith("^")]
            waits = [each[1:] for each in proto.input if each.startswith("^")]
            controls = [
                names.split_tensor_name(given[each])[0] if each in given else f"{scope}/{each}"
                for each in waits
            ]
            self.add(
                Node(
                    name=f"{scope}/{proto.name}",
                    op=proto.op,
                    inputs=tuple(data),
                    control_inputs=tuple(controls) if data or controls else tuple(pivot),
                    attrs=proto.attr,
                )
            )
        return _Body(
            [outside(definition.ret[each.name]) for each in definition.signature.output_arg],
            [each.type for each in definition.signature.output_arg],
            tuple(f"{scope}/{each}" for each in definition.control_ret.values()),
        )


def _type_attrs(dtype: int, merged: int) -> dict[str, Any]:
    """Returns the attributes that let TensorFlow run a node: the type, of a Merge its inputs."""
    attrs = {"T": AttrValue(type=dtype)}
    return {**attrs, "N": AttrValue(i=merged)} if merged else attrs


class _Numbers:
    """Numbers the outputs that a function names: 'mul:z:0' becomes 'mul:0'."""

    def __init__(self, ops: Mapping[str, str]):
        self._ops = ops
        self._seen: dict[str, list[str]] = {}

    def tensor_name(self, tensor: str) -> str:
        node, output, index = tensor.rsplit(":", 2)
        known = _OUTPUTS.get(self._ops[node])
        order = list(known) if known else self._seen.setdefault(node, [])
        if output not in order:
            order.append(output)
        return names.join_tensor_name(node, order.index(output) + int(index))


def _output(tensor: str, index: int) -> str:
    return names.join_tensor_name(names.split_tensor_name(tensor)[0], index)
