"""Plans the Keras model of a function: walks back from the outputs, one layer record at a time."""

from __future__ import annotations

from typing import Mapping, Sequence

import slimfix
from slimfix import names
from slimfix.errors import UnsupportedOpError, explain
from slimfix.graphdef.view import Node
from slimfix.migration import registry
from slimfix.migration.function import Function, format_shape
from slimfix.migration.planner import Planner
from slimfix.migration.records import InputRecord, LayerRecord, ModelPlan


def plan_model(planner: Planner, inputs: Sequence[InputRecord]) -> ModelPlan:
    """Returns the plan of the whole model.

    Args:
      planner: holds the function.
      inputs: in the order in which the Keras model is to take them.
    Raises: UnsupportedOpError: names every node that no converter knows, with its neighbours.
    """
    records: list[LayerRecord] = []
    unsupported: list[Node] = []
    function = planner.function
    done = set(function.inputs)
    pending: list[tuple[str, LayerRecord | None]] = [
        (tensor, None) for tensor in reversed(function.outputs)
    ]
    while pending:
        tensor, ready = pending.pop()
        if ready is not None:
            records.append(ready)
        elif tensor not in done:
            done.add(tensor)
            node = function.nodes.get(names.split_tensor_name(tensor)[0])
            record = _convert(planner, tensor)
            if record and tensor in record.outputs:
                done.update(record.outputs)
                pending.append((tensor, record))
                pending.extend((source, None) for source in reversed(record.inputs))
            elif node:
                unsupported.append(node)
                pending.extend((source, None) for source in node.inputs)
    if unsupported:
        raise _unsupported(function, unsupported)
    return ModelPlan(tuple(inputs), tuple(records), function.outputs)


def _convert(planner: Planner, tensor: str) -> LayerRecord | None:
    """Returns the record that makes a tensor; None if nobody knows how."""
    step = planner.planned_step(tensor)
    if step is not None:
        return step
    node = planner.function.nodes.get(names.split_tensor_name(tensor)[0])
    record = registry.convert(planner, node) if node else None
    return None if record is None or planner.reads_values(record) else record


def _unsupported(function: Function, nodes: Sequence[Node]) -> UnsupportedOpError:
    consumers = function.consumers()
    return UnsupportedOpError(
        explain(
            f"No converter for {len(nodes)} of {len(function.nodes)} nodes between inputs and "
            "outputs",
            [_in_context(function, consumers, node) for node in nodes],
            cause="the op, or the way in which it is used here, is not known to slimfix "
            f"{slimfix.__version__}.",
            fix="choose --inputs and --outputs that leave these nodes out, or write a converter "
            "and name its module with --op_converters (docs/converters.md).",
        )
    )


def _in_context(function: Function, consumers: Mapping[str, tuple[Node, ...]], node: Node) -> str:
    settings = [f"{key}={node.attr(key)}" for key in ("data_format", "padding") if node.attr(key)]
    readers = consumers.get(names.join_tensor_name(node.name, 0), ())
    before = [_describe(function, tensor) for tensor in node.inputs]
    after = [f"{reader.op} '{reader.name}'" for reader in readers] or ["the outputs"]
    return (
        f"{node.op} '{node.name}'{' ' if settings else ''}{', '.join(settings)}: "
        f"reads {', '.join(before) or 'nothing'}; read by {', '.join(after)}"
    )


def _describe(function: Function, tensor: str) -> str:
    if tensor in function.variables:
        return f"variable '{function.variables[tensor]}'"
    if tensor in function.constants:
        return f"constant '{tensor}'"
    node = function.nodes.get(names.split_tensor_name(tensor)[0])
    return f"{node.op if node else 'input'} '{tensor}' {format_shape(function.shapes.get(tensor))}"
