"""Guesses about what the original does to its input before the first layer."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import numpy as np

from slimfix.parity.diagnosis.hypothesis import Hypothesis, identity
from slimfix.parity.diagnosis.segment import Segment

# Means of ImageNet's red, green and blue, on a scale of 255.
# Source: tensorflow/models:research/slim/preprocessing/vgg_preprocessing.py.
_MEANS = np.array([123.68, 116.78, 103.94])
# Source: keras:keras/src/applications/imagenet_utils.py, `_preprocess_numpy_input`.
_KERAS_MEANS = np.array([123.68, 116.779, 103.939])
_TORCH_MEANS, _TORCH_DEVIATIONS = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

REVERSED = "input with its channels in reverse order (RGB and BGR)"
_ANY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "input / 255": lambda x: x / 255,
    "input * 255": lambda x: x * 255,
    "input / 127.5 - 1": lambda x: x / 127.5 - 1,
    "(input + 1) * 127.5": lambda x: (x + 1) * 127.5,
    "input * 2 - 1": lambda x: x * 2 - 1,
    "(input + 1) / 2": lambda x: (x + 1) / 2,
}
_COLOURS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "input - ImageNet means": lambda x: x - _MEANS,
    "input - ImageNet means of Keras": lambda x: x - _KERAS_MEANS,
    "input in BGR - ImageNet means": lambda x: x[..., ::-1] - _MEANS[::-1],
    "input in BGR - ImageNet means of Keras": lambda x: x[..., ::-1] - _KERAS_MEANS[::-1],
    "input with PyTorch's ImageNet means and deviations": lambda x: (
        (x / 255 - _TORCH_MEANS) / _TORCH_DEVIATIONS
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
        reverse = {REVERSED: lambda x: x[..., ::-1]} if value.shape[-1] > 1 else {}
        ways = {**reverse, **_ANY, **(_COLOURS if value.ndim == 4 and value.shape[-1] == 3 else {})}
        for text, prepare in ways.items():
            known: dict[int, Any] = {key: prepare(value)}
            yield Hypothesis(f"{has} in place of {text}", left_out, known)
