"""Shapes, and parts of a shape, as the messages of both formats hold them.

Source: tensorflow/tensorflow:tensorflow/core/framework/tensor_shape.proto, tensor_slice.proto.
"""

from __future__ import annotations

from typing import Callable, Iterable, Sequence, Tuple

import numpy as np

from slimfix.checkpoint.damage import Damage, SavedInPart, within
from slimfix.checkpoint.wire import Message

_MAX_RANK = 254
_MAX_COUNT = (1 << 63) - 1

Shape = Tuple[int, ...]
# For each axis where the part starts and how long it is; (0, -1) is the whole axis.
Part = Tuple[Tuple[int, int], ...]


def read_shape(message: Message) -> Shape:
    """Returns the shape of a TensorShapeProto."""
    if message.integer(3):
        raise Damage("its rank is unknown")
    sizes = message.messages(2)
    if len(sizes) > _MAX_RANK:
        raise Damage(f"rank {len(sizes)} is more than {_MAX_RANK}")
    shape = tuple(size.integer(1) for size in sizes)
    if any(size < 0 for size in shape):
        raise Damage(f"the shape {list(shape)} has a negative size")
    count = 1
    for size in shape:
        count *= max(size, 1)
    if count > _MAX_COUNT:
        raise Damage(f"the shape {list(shape)} holds 2**63 values or more")
    return shape


def count_values(shape: Sequence[int]) -> int:
    """Returns how many values a shape holds, exactly."""
    count = 1
    for size in shape:
        count *= size
    return count


def read_part(message: Message, shape: Shape) -> Part:
    """Returns a TensorSliceProto of a variable of a shape."""
    part = tuple(
        (extent.integer(1), extent.integer(2, missing=-1)) for extent in message.messages(1)
    )
    if len(part) != len(shape):
        raise Damage(f"a part of rank {len(part)} of a variable of rank {len(shape)}")
    for (start, length), size in zip(part, shape):
        whole = (start, length) == (0, -1)
        if not whole and not (0 <= start <= size and 0 <= length <= size - start):
            raise Damage(f"a part takes {length} from {start} on along an axis of {size}")
    return part


def shape_of_part(part: Part, shape: Shape) -> Shape:
    """Returns the shape of a part."""
    return tuple(size if length == -1 else length for (_, length), size in zip(part, shape))


def check_parts(parts: Iterable[Part], shape: Shape) -> None:
    """Raises Damage if parts hold more values than the whole; a Saver may be given fewer."""
    found = _count_parts(parts, shape)
    if found > count_values(shape):
        raise Damage(f"its parts hold {found} values, the whole {count_values(shape)}")


def check_whole(parts: Iterable[Part], shape: Shape) -> None:
    """Raises SavedInPart if parts hold fewer values than the whole."""
    found = _count_parts(parts, shape)
    if found < count_values(shape):
        raise SavedInPart(f"its parts hold {found} values, the whole {count_values(shape)}")


def _count_parts(parts: Iterable[Part], shape: Shape) -> int:
    return sum(count_values(shape_of_part(part, shape)) for part in parts)


def join_parts(
    shape: Shape, dtype: np.dtype, parts: Sequence[Part], read: Callable[[Part], np.ndarray]
) -> np.ndarray:
    """Returns the whole of parts that `check_parts` and `check_whole` have passed."""
    whole = new_array(shape, dtype)
    places = [
        [(start, size if length == -1 else start + length) for (start, length), size in axes]
        for axes in (list(zip(part, shape)) for part in parts)
    ]
    _check_apart(places)
    for part, place in zip(parts, places):
        whole[tuple(slice(*ends) for ends in place)] = read(part)
    return whole


def _check_apart(places: Sequence[Sequence[tuple[int, int]]]) -> None:
    """Raises Damage if two places, each a start and end by axis, lie over each other.

    Between two neighbouring ends all values are in the same places: one flag stands for them.
    """
    cuts = [np.unique(ends) for ends in zip(*places)]
    taken = np.zeros([len(each) - 1 for each in cuts], bool)
    for place in places:
        cells = tuple(slice(*np.searchsorted(cut, ends)) for cut, ends in zip(cuts, place))
        if taken[cells].any():
            raise Damage("two of its parts lie over each other")
        taken[cells] = True


def new_array(shape: Shape, dtype: np.dtype) -> np.ndarray:
    """Returns an array of any values. Damage is raised where NumPy knows no such shape."""
    with within(f"the shape {list(shape)}"):
        try:
            return np.empty(shape, dtype)
        except ValueError as error:
            raise Damage(f"NumPy cannot hold it: {error}") from None
