"""Functions of one tensor, element by element, that are no activation of Keras's."""

from __future__ import annotations

from slimfix.graphdef.view import Node
from slimfix.migration.dtypes import FLOAT32, NAMES
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord
from slimfix.migration.registry import converts

_OPERATIONS = {
    "Abs": "abs",
    "Acos": "arccos",
    "Acosh": "arccosh",
    "Asin": "arcsin",
    "Asinh": "arcsinh",
    "Atan": "arctan",
    "Atanh": "arctanh",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Erf": "erf",
    "Exp": "exp",
    "Expm1": "expm1",
    "Floor": "floor",
    "Inv": "reciprocal",
    "IsFinite": "isfinite",
    "IsInf": "isinf",
    "IsNan": "isnan",
    "Log": "log",
    "Log1p": "log1p",
    "LogicalNot": "logical_not",
    "Neg": "negative",
    "OnesLike": "ones_like",
    "Reciprocal": "reciprocal",
    "Rint": "round",
    "Round": "round",  # Halves to the even number, on both sides.
    "Rsqrt": "rsqrt",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Sqrt": "sqrt",
    "Square": "square",
    "Tan": "tan",
    "ZerosLike": "zeros_like",
}


@converts(*_OPERATIONS)
def function(planner: Planner, node: Node) -> LayerRecord | None:
    target = f"ops.{_OPERATIONS[node.op]}"
    return planner.layer(target, node.name, node.inputs, node, {})


@converts("Cast")
def cast(planner: Planner, node: Node) -> LayerRecord | None:
    """Towards zero where a float becomes an integer, on both sides; no half floats."""
    source, wanted = node.attr("SrcT", FLOAT32), NAMES.get(node.attr("DstT"))
    if source not in NAMES or wanted is None:
        return None
    return planner.layer("ops.cast", node.name, node.inputs, node, {"dtype": wanted})


@converts("OneHot")
def one_hot(planner: Planner, node: Node) -> LayerRecord | None:
    """Of ones and zeros; an index out of range gives zeros alone, on both sides."""
    depth, on, off = (planner.constant(tensor) for tensor in node.inputs[1:])
    wanted = NAMES.get(node.attr("T"))
    if depth is None or on is None or off is None or (on, off) != (1, 0) or wanted is None:
        return None
    config = {"num_classes": int(depth), "axis": node.attr("axis", -1), "dtype": wanted}
    return planner.layer("ops.one_hot", node.name, [node.inputs[0]], node, config)
