"""The variables of a graph under the names that a checkpoint knows them by."""

from __future__ import annotations

import dataclasses
from typing import Any, Iterable, Sequence

import numpy as np

from slimfix.dtypes import dtype_name
from slimfix.errors import CheckpointError
from slimfix.graphdef.meta import read_variables
from slimfix.graphdef.variables import VARIABLE_OPS
from slimfix.graphdef.view import GraphView

_COLLECTIONS = ("variables", "model_variables")  # GLOBAL_VARIABLES and MODEL_VARIABLES


@dataclasses.dataclass(frozen=True)
class Part:
    """The place of one variable op within a stored variable.

    Attributes:
      node: name of the variable op.
      offset: where the part begins in each dimension; None where it is the whole variable.
      shape: of the part; None for an unknown rank or size.
    """

    node: str
    offset: tuple[int, ...] | None
    shape: tuple[int | None, ...] | None

    def cut(self, whole: np.ndarray) -> np.ndarray:
        """Returns this part of the value of the whole variable."""
        if self.offset is None or self.shape is None:
            return whole
        ends = [start + (size or 0) for start, size in zip(self.offset, self.shape)]
        return whole[tuple(map(slice, self.offset, ends))]


@dataclasses.dataclass(frozen=True)
class StoredVariable:
    """A variable as a Saver stores it: all parts of a partitioned one together.

    Attributes:
      name: the name in a checkpoint, e.g. 'fc/weights', whatever its parts are called.
      shape: of the whole; None for an unknown rank or size.
      dtype: e.g. 'float32'.
      parts: one, or those of a partitioned variable.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        if self.shape is None:
            return f"[of unknown rank] {self.dtype}"
        sizes = ["?" if size is None else str(size) for size in self.shape]
        return f"[{','.join(sizes)}] {self.dtype}"

    def can_hold(self, shape: Sequence[int], dtype: str) -> bool:
        """Tells whether a value of this shape and dtype can be the variable's."""
        if dtype != self.dtype:
            return False
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            mine in (None, size) for mine, size in zip(self.shape, shape)
        )


def list_meta_graph_variables(meta_graph: Any, view: GraphView) -> list[StoredVariable]:
    """Returns the global and model variables of a MetaGraphDef.

    Args:
      meta_graph: the proto, with its collections.
      view: of its graph.
    """
    protos = [proto for key in _COLLECTIONS for proto in read_variables(meta_graph, key)]
    return describe_variables(protos, view)


def describe_variables(protos: Iterable[Any], view: GraphView) -> list[StoredVariable]:
    """Returns the stored variables of VariableDef protos, without doubles, in their order."""
    slices = {proto.variable_name.rpartition(":")[0]: proto.save_slice_info_def for proto in protos}
    found: dict[str, StoredVariable] = {}
    for node, piece in slices.items():
        variable = describe_node(view, node)
        if piece.full_name:
            part = Part(node, tuple(piece.var_offset), tuple(piece.var_shape))
            before = found[piece.full_name].parts if piece.full_name in found else ()
            variable = StoredVariable(
                piece.full_name, tuple(piece.full_shape), variable.dtype, (*before, part)
            )
        found[variable.name] = variable
    return list(found.values())


def describe_node(view: GraphView, node: str) -> StoredVariable:
    """Returns the stored variable of one variable op, taken as a whole.

    Raises: CheckpointError: the node is no variable that slimfix knows.
    """
    variable = view.nodes[node]
    if variable.op not in VARIABLE_OPS:
        raise CheckpointError(f"'{node}' is a {variable.op}, not a variable")
    shape = variable.attr("shape")
    return StoredVariable(
        node, shape, dtype_name(variable.attr("dtype")), (Part(node, None, shape),)
    )
