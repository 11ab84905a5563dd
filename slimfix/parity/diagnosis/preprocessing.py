"""Guesses about what the original does to its input before the first layer."""

from __future__ import annotations

from typing import Callable, Iterator

import numpy as np

from slimfix.parity.diagnosis.hypothesis import Hypothesis, identity, try_out
from slimfix.parity.diagnosis.segment import Segment

Way = Callable[[np.ndarray], np.ndarray]


def _single(*numbers: float) -> np.ndarray:
    """Returns numbers as a float32 graph holds them, in float64."""
    return np.array(numbers, np.float32).astype(np.float64)


# Means of ImageNet's red, green and blue, on a scale of 255.
# Source: tensorflow/models:research/slim/preprocessing/vgg_preprocessing.py.
_MEANS = _single(123.68, 116.78, 103.94)
# Source: keras:keras/src/applications/imagenet_utils.py, `_preprocess_numpy_input`.
_KERAS_MEANS = _single(123.68, 116.779, 103.939)
_TORCH_MEANS, _TORCH_DEVIATIONS = _single(0.485, 0.456, 0.406), _single(0.229, 0.224, 0.225)

# By what it is called, the ways to compute it: a quotient, or a product with a rounded factor.
_ANY: dict[str, tuple[Way, ...]] = {
    "input / 255": (lambda x: x / 255, lambda x: x * _single(1 / 255)),
    "input * 255": (lambda x: x * 255,),
    "input / 127.5 - 1": (lambda x: x / 127.5 - 1, lambda x: x * _single(1 / 127.5) - 1),
    "(input + 1) * 127.5": (lambda x: (x + 1) * 127.5,),
    "input * 2 - 1": (lambda x: x * 2 - 1,),
    "(input + 1) / 2": (lambda x: (x + 1) / 2,),
}
_REVERSED: dict[str, tuple[Way, ...]] = {
    "input with its channels in reverse order (RGB and BGR)": (lambda x: x[..., ::-1],),
}
_COLOURS: dict[str, tuple[Way, ...]] = {
    "input - ImageNet means": (lambda x: x - _MEANS,),
    "input - ImageNet means of Keras": (lambda x: x - _KERAS_MEANS,),
    "input in BGR - ImageNet means": (lambda x: x[..., ::-1] - _MEANS[::-1],),
    "input in BGR - ImageNet means of Keras": (lambda x: x[..., ::-1] - _KERAS_MEANS[::-1],),
    "input with PyTorch's ImageNet means and deviations": (
        lambda x: (x / 255 - _TORCH_MEANS) / _TORCH_DEVIATIONS,
    ),
}


def guess_preprocessing(segment: Segment) -> Iterator[Hypothesis]:
    """Yields usual ways to prepare images, where the difference is at an input of the model.

    Layers of the model that the plan does not have are left out then: they prepare the input in
    another way.
    """
    extra = [i for i in segment.extra if segment.end is None or i < segment.end]
    steps = [segment.chain.steps[index] for index in extra]
    has = " and ".join(f"'{step.name}' ({step.kind})" for step in steps) or "input as it is"
    left_out = dict.fromkeys(extra, identity)
    for key, value in segment.inputs.items():
        if not np.issubdtype(value.dtype, np.floating):
            continue
        for text, ways in _ways_for(value).items():
            guesses = [
                Hypothesis(f"{has} in place of {text}", left_out, {key: prepare(value)})
                for prepare in ways
            ]
            yield min(guesses, key=lambda guess: try_out(segment, guess).error)


def _ways_for(value: np.ndarray) -> dict[str, tuple[Way, ...]]:
    """Returns what makes sense for an input of such a shape."""
    channels = value.shape[-1] if value.ndim > 1 else 1
    images = value.ndim == 4 and channels == 3
    return {**(_REVERSED if channels > 1 else {}), **_ANY, **(_COLOURS if images else {})}
