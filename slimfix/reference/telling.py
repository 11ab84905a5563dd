"""Values on which nothing shows, whatever is computed from them."""

from __future__ import annotations

from typing import Mapping

import numpy as np

_Arrays = Mapping[str, np.ndarray]
# A channel that is nearly silent has the rounding of the louder ones in it.
_SILENT = 1e-3


def find_constant(inputs: _Arrays) -> list[str]:
    """Returns a line for each input that is one value throughout.

    On such a one a kernel and its mirror image, or a product and a sum, may give the same. A single
    number, as of one sample of one feature, is all that can be given; a mask may be all true.

    Args:
      inputs: value by tensor name.
    """
    return [
        f"input '{name}': each of its {value.size:,} values is {value.flat[0]}"
        for name, value in inputs.items()
        if value.size > 1 and value.dtype != np.bool_ and np.all(value == value.flat[0])
    ]


def find_repeated(inputs: _Arrays) -> list[str]:
    """Returns a line for each input whose samples are all the same one, if all inputs are such.

    Args:
      inputs: value by tensor name; the first axis counts samples.
    """
    if not all(_is_repeated(value) for value in inputs.values()):
        return []
    return [f"input '{name}': {len(v)} times one sample" for name, v in inputs.items()]


def _is_repeated(value: np.ndarray) -> bool:
    return value.ndim > 0 and len(value) > 1 and bool(np.all(value == value[:1]))


def find_unreached(outputs: _Arrays, limit: float) -> list[str]:
    """Returns a line for each output that is the same for all samples, if all outputs are such.

    Then inputs that differ left no trace, and what lies before was not seen.

    Args:
      outputs: float value by tensor name, of samples that differ.
      limit: what is no difference, as a share of the largest value of a channel.
    """
    lines = []
    for name, value in outputs.items():
        if value.ndim == 0 or len(value) < 2 or not np.all(np.isfinite(value)):
            return []
        over = tuple(range(max(value.ndim - 1, 1)))
        largest = np.max(np.abs(value), over, initial=0.0)
        largest = np.maximum(largest, _SILENT * np.max(largest, initial=0.0))
        if np.any(np.max(np.abs(value - value[:1]), over, initial=0.0) > limit * largest):
            return []
        lines.append(f"output '{name}': the same for each of {len(value)} samples, which differ")
    return lines


def find_untried(cotangents: _Arrays) -> list[str]:
    """Returns a line for each output of which no gradient was taken, or none that is a number.

    Args:
      cotangents: value by tensor name of the output, [..., channels].
    """
    lines = []
    for name, value in cotangents.items():
        channels = value.reshape(-1, value.shape[-1]) if value.ndim else value.reshape(1, 1)
        idle = int(np.sum(~np.any(channels, axis=0)))
        if not np.all(np.isfinite(value)):
            lines.append(f"cotangent of '{name}': some values are not finite")
        elif idle:
            lines.append(
                f"cotangent of '{name}': zero throughout in {idle} of {channels.shape[-1]} channels"
            )
    return lines
