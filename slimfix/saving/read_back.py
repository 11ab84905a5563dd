"""Reads a checkpoint back and compares it with what the Saver was given, bit for bit."""

from __future__ import annotations

import dataclasses
from typing import Any, Sequence

import numpy as np

from slimfix.checkpoint import Checkpoint, read_checkpoint
from slimfix.errors import CheckpointMismatchError, SaverError, explain
from slimfix.graphdef.saved_names import read_slices
from slimfix.saving.values import describe_difference

_SAVE_OPS = ("Save", "SaveSlices", "SaveV2")


@dataclasses.dataclass(frozen=True)
class SavedTensor:
    """One value that a Saver writes.

    Attributes:
      name: the name in the checkpoint.
      region: the part of the whole variable that it is; () for all of it.
      tensor: tf.Tensor that the op writes.
    """

    name: str
    region: tuple[slice, ...]
    tensor: Any


def find_saved_tensors(graph: Any, save_tensor_name: str) -> list[SavedTensor]:
    """Returns all that running a Saver's save tensor writes, for V1 and V2, sharded or not.

    Args:
      graph: tf.Graph.
      save_tensor_name: of the SaverDef.
    Raises: SaverError: no known save op is found.
    """
    found: list[SavedTensor] = []
    pending = [graph.as_graph_element(save_tensor_name, allow_operation=False).op]
    seen = set()
    while pending:
        op = pending.pop()
        if op.name in seen:
            continue
        seen.add(op.name)
        if op.type in _SAVE_OPS:
            found += _read_save_op(op)
        else:
            pending += [tensor.op for tensor in op.inputs]
            pending += op.control_inputs
    if not found:
        raise SaverError(
            explain(
                "Cannot see what the Saver writes: no op above "
                f"'{save_tensor_name}' is one of {', '.join(_SAVE_OPS)}",
                cause="a builder of your own makes other ops.",
                fix="leave builder out.",
            )
        )
    return found


def _read_save_op(op: Any) -> list[SavedTensor]:
    inputs = list(op.inputs)
    keys = [key.decode() for key in _constant(inputs[1])]
    if op.type == "Save":  # The only one that knows no slices.
        return [SavedTensor(key, (), tensor) for key, tensor in zip(keys, inputs[2:])]
    regions = [read_slices(spec.decode()) for spec in _constant(inputs[2])]
    return [SavedTensor(*each) for each in zip(keys, regions, inputs[3:])]


def _constant(tensor: Any) -> Any:
    import tensorflow.compat.v1 as tf

    return tf.make_ndarray(tensor.op.get_attr("value")).reshape(-1)


def is_live(tensor: Any) -> bool:
    """Tells whether a tensor is the memory of a ref variable, which a step may change under it.

    Reading a resource variable gives a value that stays as it is.
    """
    while tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return tensor.dtype != tensor.dtype.base_dtype


def find_differences(
    checkpoint: Checkpoint, saved: Sequence[SavedTensor], values: Sequence[Any]
) -> dict[int, str]:
    """Returns what a checkpoint holds otherwise than it was given, in words.

    Args:
      checkpoint: that was just written.
      saved: what was to be written.
      values: of those tensors.
    Returns: from the position in `saved` to the difference.
    """
    held: dict[str, np.ndarray] = {}
    found = {}
    for position, (each, value) in enumerate(zip(saved, values)):
        if each.name not in checkpoint.variables:
            found[position] = "not in the checkpoint"
            continue
        if each.name not in held:
            held[each.name] = np.asarray(checkpoint.read(each.name))
        stored = held[each.name]
        difference = describe_difference(value, stored[each.region] if each.region else stored)
        if difference:
            found[position] = difference
    return found


def save_and_verify(session: Any, save_tensor_name: str, *args: Any, **kwargs: Any) -> Any:
    """Runs a Saver's save tensor and reads the checkpoint back.

    The values are fetched in the run that saves them, since another thread may train meanwhile, as
    it does with tf.train.Supervisor. That settles it for resource variables. A ref variable that
    moved between the start and the end has no one value that was saved; of such a one the name,
    the shape and the dtype are compared, and that its bytes have their checksum.

    Args:
      session: tf.Session.
      save_tensor_name: of the SaverDef.
      args, kwargs: of session.run, after the fetches.
    Returns: what the save tensor gives: the prefix.
    Raises:
      CheckpointMismatchError: a variable is missing or differs in any bit.
      CheckpointError: the checkpoint cannot be read.
      SaverError: it cannot be seen what the op saves.
    """
    saved = find_saved_tensors(session.graph, save_tensor_name)
    live = {number: each.tensor for number, each in enumerate(saved) if is_live(each.tensor)}
    before = _copy(session.run(live))
    path, values = session.run([save_tensor_name, [each.tensor for each in saved]], *args, **kwargs)
    checkpoint = read_checkpoint(path.decode())
    found = find_differences(checkpoint, saved, values)
    doubtful = {number: live[number] for number in found if number in live}
    after = session.run(doubtful) if doubtful else {}
    moved = [number for number in doubtful if describe_difference(before[number], after[number])]
    for number in moved:
        if saved[number].name in checkpoint.variables and _same_kind(saved[number], checkpoint):
            del found[number]
    if found:
        raise _not_what_was_saved(checkpoint, saved, found)
    return path


def _copy(values: dict[int, Any]) -> dict[int, np.ndarray]:
    return {number: np.array(value) for number, value in values.items()}


def _same_kind(saved: SavedTensor, checkpoint: Checkpoint) -> bool:
    spec = checkpoint.variables[saved.name]
    if spec.dtype != saved.tensor.dtype.base_dtype.name:
        return False
    return bool(saved.region) or saved.tensor.shape.is_compatible_with(spec.shape)


def _not_what_was_saved(
    checkpoint: Checkpoint, saved: Sequence[SavedTensor], found: dict[int, str]
) -> CheckpointMismatchError:
    return CheckpointMismatchError(
        explain(
            f"{len(found)} of {len(saved)} values in checkpoint prefix '{checkpoint.prefix}' are "
            "not what was saved",
            [f"'{saved[number].name}': {difference}" for number, difference in found.items()],
            cause="the file system lost or changed what was written, or another process writes to "
            "the same prefix.",
            fix="do not use this checkpoint; the 'checkpoint' file still names the one before. "
            "Save again, to another disk.",
        )
    )
