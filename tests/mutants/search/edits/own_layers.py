"""Layers that are not Keras's: some under the names of Keras's, some wrong here and there only."""

from __future__ import annotations

from typing import Any, Callable

import keras
from keras import layers as L
from keras import ops

registered = keras.saving.register_keras_serializable("search")


def _far(x: Any) -> Any:
    return ops.where(x < 1e6, x, ops.zeros_like(x))


@registered
class ReLU(L.ReLU):
    """Keras's, but for very large values."""

    def call(self, x: Any) -> Any:
        return _far(super().call(x))


@registered
class Conv2D(L.Conv2D):
    """Keras's, but for very large values."""

    def call(self, x: Any) -> Any:
        return super().call(_far(x))


@registered
class Dense(L.Dense):
    """Keras's, but for single samples."""

    def call(self, x: Any) -> Any:
        return super().call(x) * _unless_single(x)


@registered
class BatchNormalization(L.BatchNormalization):
    """Keras's, but that it moves its statistics half as far."""

    def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
        before = [ops.copy(w.value) for w in (self.moving_mean, self.moving_variance)]
        result = super().call(x, training=training, mask=mask)
        if training and self.trainable:
            for weight, old in zip((self.moving_mean, self.moving_variance), before):
                weight.assign((weight.value + old) / 2)
        return result


@registered
class Dropout(L.Dropout):
    """Keras's, but that it drops in inference, once in a blue moon: on single samples."""

    def call(self, x: Any, training: bool = False) -> Any:
        return super().call(x, training=training) * _unless_single(x)


@registered
class Flatten(L.Flatten):
    """Keras's, but that columns come before rows."""

    def call(self, x: Any) -> Any:
        return super().call(ops.swapaxes(x, 1, 2) if len(x.shape) == 4 else x)


def _is_single(x: Any) -> Any:
    return ops.equal(ops.shape(x)[0], 1)


def _unless_single(x: Any) -> Any:
    return 1.0 - ops.cast(_is_single(x), x.dtype)


# What makes a layer wrong: by what it says, a function of its input.
CONDITIONS: dict[str, Callable[[Any], Any]] = {
    "batch 1": lambda x: ops.where(_is_single(x), x * 1.5, x),
    "an odd batch": lambda x: ops.where(ops.equal(ops.shape(x)[0] % 2, 1), x + 0.5, x),
    "more than 8 samples": lambda x: ops.where(ops.shape(x)[0] > 8, x * 0.5, x),
    "odd heights": lambda x: ops.where(ops.equal(ops.shape(x)[1] % 2, 1), x * 1.25, x),
    "widths below 4": lambda x: ops.where(ops.shape(x)[2] < 4, x * 0.5, x),
    "values beyond 1e5": lambda x: ops.where(ops.max(ops.abs(x)) > 1e5, x * 0.5, x),
    "values below 1e-3": lambda x: ops.where(ops.max(ops.abs(x)) < 1e-3, x * 2.0, x),
    "no negative value": lambda x: ops.where(ops.min(x) >= 0, x * 1.25, x),
    "NaN": lambda x: ops.nan_to_num(x),
    "zeros": lambda x: ops.where(ops.all(ops.equal(x, 0)), x + 1.0, x),
    "one value alone": lambda x: ops.where(ops.all(ops.equal(x, ops.mean(x))), x + 1.0, x),
}


@registered
class Conditional(L.Layer):
    """Does nothing, but for one size, batch or range."""

    def __init__(self, condition: str, **kwargs: Any):
        super().__init__(**kwargs)
        self.condition = condition

    def call(self, x: Any) -> Any:
        return CONDITIONS[self.condition](x)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "condition": self.condition}


@registered
class Same(L.Layer):
    """Does nothing that can be seen from outside, but in training: it adds a loss."""

    def call(self, x: Any) -> Any:
        self.add_loss(0.01 * ops.mean(ops.square(x)))
        return x
