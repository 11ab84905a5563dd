"""Batch norm that trains exactly as slim.batch_norm does, as a Keras 3 layer."""

# A layer must be a subclass of Keras's: this module loads Keras, and itself loads on first use.
from __future__ import annotations

from typing import Any

import keras
from keras import ops

from slimfix.errors import UsageError, explain

# Arguments of newer Keras layers that change how it trains; slim has none of them, or other ones.
_NOT_SLIM = ("renorm", "synchronized")
_LEFT_OUT = (*_NOT_SLIM, "renorm_clipping", "renorm_momentum")


@keras.saving.register_keras_serializable(package="slimfix")
class SlimBatchNormalization(keras.layers.BatchNormalization):
    """Keras's BatchNormalization, but its moving statistics move as slim.batch_norm moves them.

    Inference is Keras's. So are the output and the gradients in training, and what
    `trainable=False` means: inference mode, in training too. What differs is what a training step
    stores:

    - `fused=True`, slim's default: moving_variance takes in variance * N / max(N - 1, 1), with N
      the elements of a channel in the batch. Keras takes in the plain variance, as slim does with
      `fused=False`.
    - `zero_debias_moving_mean=True`: the average of the mean starts at 0 in the weight `biased`
      [channels], `local_step` [] counts the steps, and moving_mean is
      biased / (1 - momentum ** local_step). moving_variance is not debiased; nor is it in slim.

    slim's `batch_weights` and `renorm` have no counterpart here. A mask is not looked at.

    A model with this layer loads where slimfix is imported: `slimfix.SlimBatchNormalization` first,
    then keras.models.load_model.

    Args:
      axis: the channels' axis.
      momentum: slim's `decay`, in [0, 1), no unit.
      epsilon: added to the variance. It is used as given; TensorFlow 1.15's fused op raises one
        below 1.001e-5 to that.
      center, scale: whether there is a beta, a gamma.
      fused: whether slim's fused op is meant.
      zero_debias_moving_mean: as in slim.
      **kwargs: the other arguments of keras.layers.BatchNormalization and of every Keras layer.
    Raises: UsageError: `renorm` or `synchronized` is asked for.
    Source: tensorflow:tensorflow/core/kernels/fused_batch_norm_op.cc (N / (N - 1));
      tensorflow:tensorflow/python/training/moving_averages.py, `assign_moving_average` and
      `_zero_debias`, of version 1.15.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.999,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = False,
        fused: bool = True,
        zero_debias_moving_mean: bool = False,
        **kwargs: Any,
    ):
        refused = [key for key in _NOT_SLIM if kwargs.get(key)]
        if refused:
            raise UsageError(
                explain(
                    f"SlimBatchNormalization has no {' and no '.join(refused)}",
                    cause="slim's renorm keeps other statistics; slim synchronizes none.",
                    fix="use keras.layers.BatchNormalization for it.",
                )
            )
        kwargs = {key: value for key, value in kwargs.items() if key not in _LEFT_OUT}
        super().__init__(axis, momentum, epsilon, center, scale, **kwargs)
        self.fused = fused
        self.zero_debias_moving_mean = zero_debias_moving_mean
        self.biased: Any = None
        self.local_step: Any = None

    def build(self, input_shape: Any) -> None:
        """Adds the weights of Keras's layer, then those of zero debiasing."""
        super().build(input_shape)
        if self.zero_debias_moving_mean:
            extra = {"initializer": "zeros", "trainable": False, "autocast": False}
            self.biased = self.add_weight(shape=self.moving_mean.shape, name="biased", **extra)
            self.local_step = self.add_weight(shape=(), name="local_step", **extra)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the normalized inputs; moves the statistics where it trains."""
        if not (training and self.trainable):
            return super().call(inputs, training=False)
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        inputs = ops.cast(inputs, dtype)
        axis = self.axis % len(inputs.shape)
        others = [each for each in range(len(inputs.shape)) if each != axis]
        mean, variance = ops.moments(inputs, axes=others)
        self._move_mean(mean)
        self._move_variance(variance, [ops.shape(inputs)[each] for each in others])
        outputs = ops.batch_normalization(
            inputs,
            mean,
            variance,
            axis=axis,
            offset=ops.cast(self.beta, dtype) if self.center else None,
            scale=ops.cast(self.gamma, dtype) if self.scale else None,
            epsilon=self.epsilon,
        )
        return ops.cast(outputs, self.compute_dtype)

    def _move_mean(self, mean: Any) -> None:
        if not self.zero_debias_moving_mean:
            self._move(self.moving_mean, mean)
            return
        self._move(self.biased, mean)
        self.local_step.assign(self.local_step + 1.0)
        bias = 1.0 - ops.power(self.momentum, ops.convert_to_tensor(self.local_step))
        self.moving_mean.assign(ops.convert_to_tensor(self.biased) / bias)

    def _move_variance(self, variance: Any, sizes: list[Any]) -> None:
        if self.fused:
            count = 1.0
            for size in sizes:
                count = count * ops.cast(size, variance.dtype)
            variance = variance * (count / ops.maximum(count - 1.0, 1.0))
        self._move(self.moving_variance, variance)

    def _move(self, moving: Any, value: Any) -> None:
        """moving -= (moving - value) * (1 - momentum): slim's form, and so its rounding."""
        rate = 1.0 - self.momentum
        moving.assign(moving - (moving - ops.cast(value, moving.dtype)) * rate)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the layer again, in any Keras from 3.12 on."""
        config = {k: v for k, v in super().get_config().items() if k not in _LEFT_OUT}
        own = {"fused": self.fused, "zero_debias_moving_mean": self.zero_debias_moving_mean}
        return {**config, **own}
