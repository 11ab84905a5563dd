"""What the graph says of a tensor that is fed: its shape and dtype."""

from __future__ import annotations

from slimfix import names
from slimfix.errors import UsageError, explain
from slimfix.graphdef.tensors import MOST_AXES
from slimfix.graphdef.view import GraphView


def read_input_type(view: GraphView, tensor: str) -> tuple[tuple[int | None, ...], int]:
    """Returns the shape of an input, None for an unknown size, and its DataType number.

    Raises: UsageError: the graph does not say one of them.
    """
    node = view.producer(tensor)
    index = names.split_tensor_name(tensor)[1]
    shape = node.attr("shape") if node.op.startswith("Placeholder") else None
    known = node.attr("output_shapes") or []
    shape = shape or node.output_shape(index) or (known[index] if index < len(known) else None)
    if not shape:
        raise UsageError(
            explain(
                f"The graph does not say the shape of input '{tensor}'",
                cause="it was made with an unknown rank, or it is a single number.",
                fix="choose an input with a known rank with --inputs.",
            )
        )
    if len(shape) > MOST_AXES:
        raise UsageError(
            explain(
                f"Input '{tensor}' has {len(shape)} axes; no array has more than {MOST_AXES}",
                fix="choose another input with --inputs.",
            )
        )
    for key in ("output_types", "component_types", "Tout"):
        types = node.attr(key) or []
        if index < len(types):
            return shape, int(types[index])
    for key in ("dtype", "DstT", "T"):
        if node.attr(key) is not None:
            return shape, int(node.attr(key))
    raise UsageError(
        explain(
            f"The graph does not say the dtype of input '{tensor}', of {node.op}",
            fix="choose an input behind it, or before it, with --inputs.",
        )
    )
