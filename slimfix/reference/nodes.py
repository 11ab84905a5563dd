"""Makes graph nodes as records, for the places where the reference says an op in other words."""

from __future__ import annotations

import dataclasses
from typing import Any, Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.protos import AttrValue
from slimfix.graphdef.view import Node


class Steps:
    """The nodes that one node is written as; all but the last are named below it.

    Attributes:
      name: of the node.
      nodes: made so far.
    """

    def __init__(self, name: str):
        self.name = name
        self.nodes: list[Node] = []

    def add(self, op: str, *inputs: str, **attrs: Any) -> str:
        """Adds a node and returns its output 0; attributes are as of `attr_value`."""
        return self._add(f"{self.name}/step_{len(self.nodes)}", op, inputs, attrs)

    def end(self, op: str, *inputs: str, **attrs: Any) -> None:
        """Adds the last node, which gives what the node itself gave."""
        self._add(self.name, op, inputs, attrs)

    def constant(self, value: Any) -> str:
        """Adds a constant, of an array or scalar, and returns it."""
        import tensorflow.compat.v1 as tf

        array = np.asarray(value)
        return self.add("Const", dtype=tf.as_dtype(array.dtype), value=array)

    def integers(self, *values: int) -> str:
        """Adds an int32 constant [count] and returns it."""
        return self.constant(np.array(values, np.int32))

    def transpose(self, tensor: str, permutation: Sequence[int], dtype: Any) -> str:
        """Adds a transpose of a tensor of a tf.DType and returns it."""
        import tensorflow.compat.v1 as tf

        axes = self.integers(*permutation)
        return self.add("Transpose", tensor, axes, T=dtype, Tperm=tf.int32)

    def shape(self, tensor: str, dtype: Any) -> str:
        """Adds the int32 shape of a tensor of a tf.DType and returns it."""
        import tensorflow.compat.v1 as tf

        return self.add("Shape", tensor, T=dtype, out_type=tf.int32)

    def pick(self, sizes: str, *places: int) -> str:
        """Adds the int32 items at these places, [count], and returns them."""
        import tensorflow.compat.v1 as tf

        kinds = {"Tparams": tf.int32, "Tindices": tf.int32, "Taxis": tf.int32}
        return self.add(
            "GatherV2", sizes, self.integers(*places), self.constant(np.int32(0)), **kinds
        )

    def join(self, dtype: Any, *tensors: str) -> str:
        """Adds tensors of a tf.DType in a row, along axis 0, and returns them."""
        import tensorflow.compat.v1 as tf

        axis = self.constant(np.int32(0))
        return self.add("ConcatV2", *tensors, axis, T=dtype, Tidx=tf.int32, N=len(tensors))

    def reshape(self, tensor: str, target: str, dtype: Any) -> str:
        """Adds a tensor of a tf.DType in another shape and returns it."""
        import tensorflow.compat.v1 as tf

        return self.add("Reshape", tensor, target, T=dtype, Tshape=tf.int32)

    def _add(self, name: str, op: str, inputs: Sequence[str], attrs: dict[str, Any]) -> str:
        protos = {key: attr_value(value) for key, value in attrs.items()}
        self.nodes.append(Node(name, op, tuple(inputs), (), protos))
        return names.join_tensor_name(name, 0)


def with_attrs(node: Node, **attrs: Any) -> Node:
    """Returns a node with some attributes set anew; values are as of `attr_value`."""
    made = {key: attr_value(value) for key, value in attrs.items()}
    return dataclasses.replace(node, attrs={**node.attrs, **made})


def output(node: Node, index: int = 0) -> str:
    """Returns the tensor name of an output of a node."""
    return names.join_tensor_name(node.name, index)


def attr_value(value: Any) -> Any:
    """Returns the AttrValue of a tf.DType, TensorShape, bool, int, str, list of ints or array.

    It is one of `graphdef.protos`, as those that a file was read into.
    """
    import tensorflow.compat.v1 as tf

    if isinstance(value, tf.DType):
        return AttrValue(type=value.as_datatype_enum)
    if isinstance(value, bool):
        return AttrValue(b=value)
    if isinstance(value, int):
        return AttrValue(i=value)
    if isinstance(value, str):
        return AttrValue(s=value.encode("utf-8"))
    if isinstance(value, tf.TensorShape):
        made = tf.AttrValue(shape=value.as_proto())
    elif isinstance(value, np.ndarray):
        made = tf.AttrValue(tensor=tf.make_tensor_proto(value))
    else:
        made = tf.AttrValue(list=tf.AttrValue.ListValue(i=value))
    return AttrValue.FromString(made.SerializeToString())
