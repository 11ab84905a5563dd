"""What values look like, whatever the order of their axes: enough to find the same ones again."""

from __future__ import annotations

from typing import Hashable, Mapping, Sequence

import numpy as np

from slimfix.parity.dataflow import Dataflow
from slimfix.parity.keras_side import Inference, Playback
from slimfix.parity.structure.numbering import Place
from slimfix.parity.structure.steps import NormalForm

# Two programs of one function are nearer in float64, and other functions farther.
_SAME = 1e-7


def take_prints(
    sides: Sequence[tuple[Dataflow, NormalForm, Mapping[str, np.ndarray]]],
) -> list[dict[Place, Hashable]]:
    """Returns for each side, by place, a number that values which look alike share.

    Args:
      sides: of each model its dataflow, its normal form, and inputs by Keras name.
    """
    found = [_features(flow, form, inputs) for flow, form, inputs in sides]
    groups: dict[int, list[np.ndarray]] = {}
    return [{place: _group(features, groups) for place, features in each.items()} for each in found]


def _features(
    flow: Dataflow, form: NormalForm, inputs: Mapping[str, np.ndarray]
) -> dict[Place, np.ndarray]:
    tensors = [tensor for call in flow.calls for tensor in call.outputs]
    run = Playback(flow, inputs, tensors, Inference(True))
    found: dict[Place, np.ndarray] = {}
    for tensor in tensors:
        value = form.places[id(tensor)]
        features = _describe(run.take(tensor))
        if value.step is not None and features is not None:
            found[id(value.step), value.index] = features
    return found


def _describe(value: np.ndarray) -> np.ndarray | None:
    """Returns float64 [7] that no order of the elements changes; None where there is no number."""
    if not value.size or value.dtype.kind not in "fiub":
        return None
    flat = value.astype(np.float64).ravel()
    with np.errstate(over="ignore", invalid="ignore"):
        size = float(np.sqrt(np.mean(flat * flat)))
        scaled = flat / size if size else flat
        moments = [np.mean(scaled), np.mean(np.abs(scaled)), np.mean(scaled**3)]
        return np.array([value.size, size, scaled.min(), scaled.max(), *moments])


def _group(features: np.ndarray, groups: dict[int, list[np.ndarray]]) -> Hashable:
    size = int(features[0])
    known = groups.setdefault(size, [])
    for number, other in enumerate(known):
        if np.allclose(features, other, rtol=_SAME, atol=_SAME, equal_nan=True):
            return (size, number)
    known.append(features)
    return (size, len(known) - 1)
