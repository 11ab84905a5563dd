"""TensorFlow 1 optimizers: as its own kernels in float32, and as their formulas in float64."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Sequence

import numpy as np

from slimfix.errors import UsageError

KINDS = ("sgd", "momentum", "adam", "rmsprop")


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """An optimizer of TensorFlow 1 in its initial state, with its own defaults but the rate.

    Attributes:
      kind: one of KINDS.
      learning_rate: constant; no unit. As all numbers here, taken as the float32 next to it.
      momentum: of 'momentum' and 'rmsprop'.
      beta1, beta2: of 'adam'.
      decay: of 'rmsprop'.
    """

    kind: str
    learning_rate: float
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999
    decay: float = 0.9

    @property
    def epsilon(self) -> float:
        """TensorFlow 1's default: of 'adam', added to the root; of 'rmsprop', added below it."""
        return 1e-8 if self.kind == "adam" else 1e-10

    def __str__(self) -> str:
        has_momentum = self.kind in ("momentum", "rmsprop")
        more = f", momentum={self.momentum:g}" if has_momentum else ""
        return f"{self.kind}(learning_rate={self.learning_rate:g}{more})"


def check_optimizer(kind: str, learning_rate: float) -> Optimizer:
    """Returns the optimizer of a name and a rate. Raises UsageError for another name or rate."""
    if kind not in KINDS:
        raise UsageError(f"optimizer is '{kind}'; want one of {', '.join(KINDS)}")
    is_number = isinstance(learning_rate, (int, float)) and np.isfinite(learning_rate)
    if not is_number or not as_float32(learning_rate) > 0:
        raise UsageError(f"learning_rate is {learning_rate!r}; want a positive number")
    return Optimizer(kind, learning_rate)


def as_float32(number: float) -> float:
    """Returns the float32 next to a number: what a float32 network computes with."""
    return float(np.float32(number))


def build_step(optimizer: Optimizer, gradients: Sequence[Any], variables: Sequence[Any]) -> Any:
    """Returns the op that takes one step in the default graph.

    In float32 TensorFlow's own kernels take it, in float64 the formulas that these stand for.

    Args:
      optimizer: whose step.
      gradients: tensors.
      variables: tf.Variable of the same shapes; slots are made beside them.
    """
    import tensorflow.compat.v1 as tf

    if variables[0].dtype.base_dtype == tf.float32:
        return _kernel(optimizer).apply_gradients(list(zip(gradients, variables)))
    count = _slot(variables[0], 0.0, [])
    with tf.control_dependencies([count.assign_add(1.0, read_value=False)]):
        number = count.read_value()
    formula = _FORMULAS[optimizer.kind]
    return tf.group(*(formula(optimizer, *pair, number) for pair in zip(gradients, variables)))


def _kernel(optimizer: Optimizer) -> Any:
    import tensorflow.compat.v1 as tf

    rate = optimizer.learning_rate
    if optimizer.kind == "sgd":
        return tf.train.GradientDescentOptimizer(rate)
    if optimizer.kind == "momentum":
        return tf.train.MomentumOptimizer(rate, optimizer.momentum)
    if optimizer.kind == "adam":
        return tf.train.AdamOptimizer(rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon)
    return tf.train.RMSPropOptimizer(rate, optimizer.decay, optimizer.momentum, optimizer.epsilon)


def _slot(variable: Any, start: float, shape: Sequence[int] | None = None) -> Any:
    import tensorflow.compat.v1 as tf

    initial = tf.fill(variable.shape if shape is None else shape, tf.cast(start, variable.dtype))
    return tf.Variable(initial, trainable=False, use_resource=True)


def _descend(optimizer: Optimizer, gradient: Any, variable: Any, number: Any) -> Any:
    """var -= rate * g.

    Source: tensorflow:tensorflow/core/kernels/training_ops.cc, ApplyGradientDescent.
    """
    return variable.assign_sub(as_float32(optimizer.learning_rate) * gradient, read_value=False)


def _momentum(optimizer: Optimizer, gradient: Any, variable: Any, number: Any) -> Any:
    """accum = m * accum + g; var -= rate * accum.

    Source: tensorflow:tensorflow/core/kernels/training_ops.cc, ApplyMomentum.
    """
    accum = _slot(variable, 0.0)
    moved = _moved(accum, as_float32(optimizer.momentum) * accum + gradient)
    return variable.assign_sub(as_float32(optimizer.learning_rate) * moved, read_value=False)


def _adam(optimizer: Optimizer, gradient: Any, variable: Any, number: Any) -> Any:
    """rate_t = rate * sqrt(1 - beta2^t) / (1 - beta1^t); m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g^2; var -= rate_t * m / (sqrt(v) + epsilon).

    Source: tensorflow:tensorflow/core/kernels/training_ops.cc, ApplyAdam; Kingma and Ba 2015,
      arXiv 1412.6980, section 2.
    """
    import tensorflow.compat.v1 as tf

    beta1, beta2 = as_float32(optimizer.beta1), as_float32(optimizer.beta2)
    first, second = _slot(variable, 0.0), _slot(variable, 0.0)
    m = _moved(first, beta1 * first + (1 - beta1) * gradient)
    v = _moved(second, beta2 * second + (1 - beta2) * tf.square(gradient))
    power1, power2 = (tf.constant(beta, number.dtype) ** number for beta in (beta1, beta2))
    unbias = tf.sqrt(1 - power2) / (1 - power1)
    rate = as_float32(optimizer.learning_rate) * unbias
    return variable.assign_sub(
        rate * m / (tf.sqrt(v) + as_float32(optimizer.epsilon)), read_value=False
    )


def _rmsprop(optimizer: Optimizer, gradient: Any, variable: Any, number: Any) -> Any:
    """ms = decay * ms + (1 - decay) * g^2, from ones; mom = momentum * mom + rate * g /
    sqrt(ms + epsilon); var -= mom.

    Source: tensorflow:tensorflow/core/kernels/training_ops.cc, ApplyRMSProp;
      tensorflow:tensorflow/python/training/rmsprop.py, `_create_slots`.
    """
    import tensorflow.compat.v1 as tf

    decay, rate = as_float32(optimizer.decay), as_float32(optimizer.learning_rate)
    squares, momentum = _slot(variable, 1.0), _slot(variable, 0.0)
    ms = _moved(squares, decay * squares + (1 - decay) * tf.square(gradient))
    step = rate * gradient / tf.sqrt(ms + as_float32(optimizer.epsilon))
    moved = _moved(momentum, as_float32(optimizer.momentum) * momentum + step)
    return variable.assign_sub(moved, read_value=False)


def _moved(slot: Any, value: Any) -> Any:
    """Returns the value that a slot gets, once it has it."""
    import tensorflow.compat.v1 as tf

    with tf.control_dependencies([slot.assign(value, read_value=False)]):
        return tf.identity(value)


_FORMULAS: dict[str, Callable[..., Any]] = {
    "sgd": _descend,
    "momentum": _momentum,
    "adam": _adam,
    "rmsprop": _rmsprop,
}
