"""Arithmetic on shapes may be longer than Python's stack, and share its parts without measure."""

import types

from slimfix.graphdef.view import Node
from slimfix.migration.target_shape import target_shape


def planner(nodes, constants):
    def producer(tensor, *ops):
        node = nodes.get(tensor.partition(":")[0])
        return node if node is not None and node.op in ops else None

    return types.SimpleNamespace(producer=producer, constant=constants.get)


def test_a_long_sum_is_computed():
    nodes = {"s0": Node("s0", "Cast", ("start:0",), ())}
    for index in range(1, 2000):
        nodes[f"s{index}"] = Node(f"s{index}", "Add", (f"s{index - 1}:0", "one:0"), ())
    found = target_shape(planner(nodes, {"start:0": _number(5), "one:0": _number(1)}), "s1999:0")
    assert found == [5 + 1999]


def test_what_is_shared_is_computed_once():
    nodes = {"s0": Node("s0", "Cast", ("start:0",), ())}
    for index in range(1, 60):
        source = f"s{index - 1}:0"
        nodes[f"s{index}"] = Node(f"s{index}", "Add", (source, source), ())
    assert target_shape(planner(nodes, {"start:0": _number(3)}), "s59:0") == [3 * 2**59]


def test_a_shape_without_measure_is_not_understood():
    nodes = {"s0": Node("s0", "Cast", ("start:0",), ())}
    for index in range(1, 60):
        source = f"s{index - 1}:0"
        nodes[f"s{index}"] = Node(f"s{index}", "Pack", (source, source), ())
    assert target_shape(planner(nodes, {"start:0": _number(3)}), "s59:0") is None


def _number(value):
    import numpy as np

    return np.int32(value)
