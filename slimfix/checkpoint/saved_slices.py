"""Checkpoints of version 1: tables that hold everything, one or several of them.

Source: tensorflow/tensorflow:tensorflow/core/util/tensor_slice_reader.cc, tensor_slice_writer.cc
and saved_tensor_slice.proto.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np

from slimfix.checkpoint.damage import Damage, within
from slimfix.checkpoint.dtypes import STRING, DType, dtype_of, numpy_dtype
from slimfix.checkpoint.keys import part_key
from slimfix.checkpoint.packed import unpack
from slimfix.checkpoint.shapes import (
    Part,
    Shape,
    check_parts,
    check_whole,
    count_values,
    join_parts,
    read_part,
    read_shape,
    shape_of_part,
)
from slimfix.checkpoint.table import Table
from slimfix.checkpoint.versions import check_version
from slimfix.checkpoint.wire import Message


class Variable(NamedTuple):
    """What the tables say of a variable.

    Attributes:
      tables: the number of the table that holds it, by part.
    """

    dtype: DType
    shape: Shape
    tables: dict[Part, int]


class SavedSlices:
    """An open checkpoint of version 1: the list of its variables was read."""

    def __init__(self, paths: Sequence[str]):
        self._tables = [Table(path) for path in paths]
        self.variables: dict[str, Variable] = {}
        for number, table in enumerate(self._tables):
            with within(f"'{table.path}'"):
                self._add_variables(number)
        for name, variable in self.variables.items():
            with within(f"'{paths[0]}': '{name}'"):
                check_parts(variable.tables, variable.shape)

    def read(self, name: str) -> np.ndarray:
        """Returns the value of a variable."""
        dtype, shape, tables = self.variables[name]
        check_whole(tables, shape)
        dtype_in_numpy = np.dtype(object) if dtype == STRING else numpy_dtype(dtype)
        # All parts are read first: only their values prove that there is as much as they declare.
        values = {part: self._read_part(name, part) for part in tables}
        if len(values) == 1:
            return values.popitem()[1]
        return join_parts(shape, dtype_in_numpy, list(values), values.__getitem__)

    def _add_variables(self, number: int) -> None:
        """Adds what the table of that number lists under its first key."""
        listed = self._tables[number].get(b"")
        if listed is None:
            raise Damage("it lists no variables, so it is no checkpoint")
        with within("its list of variables"):
            meta = Message(listed).message(1)
            check_version(meta.message(2))
            for tensor in meta.messages(1):
                name = tensor.text(1)
                with within(f"'{name}'"):
                    shape, dtype = read_shape(tensor.message(2)), dtype_of(tensor.integer(3))
                    known = self.variables.setdefault(name, Variable(dtype, shape, {}))
                    if (dtype, shape) != known[:2]:
                        raise Damage("it is listed with two dtypes or shapes")
                    for part in (read_part(message, shape) for message in tensor.messages(4)):
                        if part in known.tables:
                            raise Damage(f"its part {list(part)} is listed twice")
                        known.tables[part] = number

    def _read_part(self, name: str, part: Part) -> np.ndarray:
        dtype, whole, tables = self.variables[name]
        table, shape = self._tables[tables[part]], shape_of_part(part, whole)
        key = part_key(name, part)
        record = table.get(key)
        with within(f"'{table.path}': record {key[:80]!r}"):
            if record is None:
                raise Damage("it is missing")
            tensor = Message(record).message(2).message(3)
            values = unpack(tensor, dtype, count_values(shape))
            try:
                return values.reshape(shape)
            except ValueError as error:
                raise Damage(f"NumPy cannot hold the shape {list(shape)}: {error}") from None
