"""One operation more, behind any tensor."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.mutants.search.edits.registry import L3, Change, Make, Scene, register_all
from tests.mutants.search.sketch import Node


def _where_far(x: Any) -> Any:
    import keras

    return keras.ops.where(x < 1e6, x, keras.ops.zeros_like(x))


def _squashed(x: Any) -> Any:
    import keras

    return keras.ops.tanh(x * 1e-7) * 1e7


def _through_float16(x: Any) -> Any:
    import keras

    return keras.ops.cast(keras.ops.cast(x, "float16"), "float32")


def _through_int(x: Any) -> Any:
    import keras

    return keras.ops.cast(keras.ops.cast(x * 1e4, "int32"), "float32") * 1e-4


def _turned_upside_down(x: Any) -> Any:
    import keras

    return keras.ops.flip(x, axis=1)


def _batch_mixed(x: Any) -> Any:
    import keras

    return keras.ops.roll(x, 1, axis=0)


def _batch_centred(x: Any) -> Any:
    import keras

    return x - 1e-3 * keras.ops.mean(x, axis=0, keepdims=True)


def _lonely_lost(x: Any) -> Any:
    """Zero where all samples are alike, as where there is one."""
    import keras

    spread = keras.ops.max(x, axis=0, keepdims=True) - keras.ops.min(x, axis=0, keepdims=True)
    return keras.ops.where(spread > 0, x, keras.ops.zeros_like(x))


def _loud_lost(x: Any) -> Any:
    import keras

    return keras.ops.where(keras.ops.max(keras.ops.abs(x)) > 1e5, keras.ops.zeros_like(x), x)


@dataclasses.dataclass(frozen=True)
class _Extra:
    """What is put in: target, settings, what must see it, whether inference shows it, rank."""

    target: Any
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    levels: frozenset = frozenset()
    shows: bool = True
    rank: int | None = None


_TRAINING = {"shows": False}
_EXTRA = {
    "clip_far": _Extra("ops.clip", {"x_min": -1e4, "x_max": 1e4}),
    "clip_near": _Extra("ops.clip", {"x_min": -1.0, "x_max": 2.0}),
    "minimum": _Extra("ops.minimum", {"x2": 1e6}),
    "maximum": _Extra("ops.maximum", {"x2": -1e-3}),
    "relu": _Extra("layers.ReLU"),
    "relu_capped_far": _Extra("layers.ReLU", {"max_value": 1e5, "negative_slope": 1.0}),
    "leaky_relu": _Extra("layers.LeakyReLU", {"negative_slope": 0.99}),
    "nan_to_num": _Extra("ops.nan_to_num"),
    "where_far": _Extra(_where_far),
    "squashed": _Extra(_squashed),
    "abs": _Extra("ops.abs"),
    "tanh": _Extra("ops.tanh"),
    "softplus": _Extra("layers.Activation", {"activation": "softplus"}),
    "softsign": _Extra("ops.softsign"),
    "hard_tanh": _Extra("ops.hard_tanh"),
    "round": _Extra("ops.round"),
    "sort": _Extra("ops.sort", {"axis": -1}),
    "add_tiny": _Extra("ops.add", {"x2": 1e-7}),
    "add_channel": _Extra("ops.add", {"x2": 0.01}),
    "scaled_a_little": _Extra("ops.multiply", {"x2": 1.00001}),
    "negated": _Extra("ops.negative"),
    "rescaling": _Extra("layers.Rescaling", {"scale": 1.0, "offset": 1e-4}),
    "unit_normalization": _Extra("layers.UnitNormalization"),
    "layer_normalization": _Extra("layers.LayerNormalization"),
    "batch_norm": _Extra("layers.BatchNormalization"),
    "softmax": _Extra("layers.Softmax"),
    "masking": _Extra("layers.Masking", {"mask_value": 0.5}, shows=False),
    "noise": _Extra("layers.GaussianNoise", {"stddev": 0.1}, **_TRAINING),
    "dropout": _Extra("layers.Dropout", {"rate": 0.3}, **_TRAINING),
    "tiny_dropout": _Extra("layers.Dropout", {"rate": 1e-3}, **_TRAINING),
    "spatial_dropout": _Extra("layers.SpatialDropout2D", {"rate": 0.2}, rank=4, **_TRAINING),
    "alpha_dropout": _Extra("layers.AlphaDropout", {"rate": 0.2}, **_TRAINING),
    "gaussian_dropout": _Extra("layers.GaussianDropout", {"rate": 0.2}, **_TRAINING),
    "random_flip": _Extra("layers.RandomFlip", {"mode": "horizontal"}, rank=4, **_TRAINING),
    "random_zoom": _Extra("layers.RandomZoom", {"height_factor": 0.1}, rank=4, **_TRAINING),
    "activity_penalty": _Extra("layers.ActivityRegularization", {"l2": 0.01}, **_TRAINING),
    "gradient_stopped": _Extra("ops.stop_gradient", {}, frozenset({L3}), shows=False),
    "through_float16": _Extra(_through_float16),
    "through_int": _Extra(_through_int),
    "upside_down": _Extra(_turned_upside_down, rank=4),
    "batch_mixed": _Extra(_batch_mixed),
    "batch_centred": _Extra(_batch_centred),
    "lonely_lost": _Extra(_lonely_lost),
    "loud_lost": _Extra(_loud_lost),
    "pooled": _Extra(
        "layers.MaxPooling2D", {"pool_size": 2, "strides": 1, "padding": "same"}, rank=4
    ),
    "averaged": _Extra(
        "layers.AveragePooling2D", {"pool_size": 2, "strides": 1, "padding": "same"}, rank=4
    ),
}


def _inserting(name: str, extra: _Extra) -> Make:
    def make(scene: Scene) -> Change:
        tensor = scene.tensor(extra.rank)
        node = Node(f"extra_{name}", extra.target, (tensor,), (f"{tensor}#extra",), extra.config)
        text = f"{extra.target if isinstance(extra.target, str) else name} behind '{tensor}'"
        causes = ("extra", "reads another tensor", "in place of")
        sketch = scene.sketch.followed(tensor, node)
        return Change(sketch, text, causes, extra.levels, extra.shows)

    return make


def _identity_with_weights(scene: Scene) -> Change:
    """A product with the identity matrix, which can be trained."""
    import numpy as np

    tensor = scene.tensor()
    width = scene.sketch.shape(tensor)[-1]
    node = Node(
        "extra_dense",
        "layers.Dense",
        (tensor,),
        (f"{tensor}#extra",),
        {"units": width, "use_bias": False},
        {"kernel": np.eye(width, dtype=np.float32)},
    )
    sketch = scene.sketch.followed(tensor, node)
    return Change(sketch, f"identity Dense behind '{tensor}'", ("extra",), frozenset(), False)


register_all(
    "insert",
    {
        **{f"insert_{name}": _inserting(name, extra) for name, extra in _EXTRA.items()},
        "insert_identity_with_weights": _identity_with_weights,
    },
)
