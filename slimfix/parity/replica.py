"""A whole Keras model in one precision, to be trained: its gradients and optimizer steps."""

from __future__ import annotations

from typing import Any, Collection, Mapping, Sequence

import numpy as np

from slimfix.errors import UnsupportedEnvironmentError, explain
from slimfix.parity.dataflow import Dataflow
from slimfix.parity.keras_side import Playback, Training
from slimfix.parity.matching import Held
from slimfix.reference.optimizers import Optimizer, as_float32


def check_backend() -> None:
    """Raises UnsupportedEnvironmentError where Keras does not run on TensorFlow.

    Elsewhere its layers do not all compute in float64; gradients are taken by TensorFlow's tape.
    """
    import keras

    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise UnsupportedEnvironmentError(
            explain(
                f"The proof needs Keras's TensorFlow backend; it is {backend}",
                fix="set KERAS_BACKEND=tensorflow. What is proved there holds on every backend but "
                "for rounding.",
            )
        )


class Replica:
    """A copy of a model in training mode, dropout off; the model stays as it is."""

    def __init__(self, flow: Dataflow, float64: bool, in_inference: Collection[str]):
        """Copies a model. Args: as of `keras_side.Training`."""
        self._flow = flow
        self._performer = Training(float64, in_inference)
        for call in flow.calls:
            self._performer(call.operation, call)
        self._copies = self._performer.copies()
        self._dtype = "float64" if float64 else "float32"

    def weight(self, held: Held) -> Any:
        """Returns the copy of a weight."""
        return self._copies[held.layer].weights[held.index]

    def read(self, held: Held) -> np.ndarray:
        """Returns the value that the copy of a weight has now."""
        return np.asarray(self.weight(held).numpy())

    def gradients(
        self,
        inputs: Mapping[str, np.ndarray],
        cotangents: Sequence[np.ndarray],
        weights: Sequence[Held],
    ) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        """Returns the gradients of sum(output * cotangent): of weights, and of inputs by name.

        Args:
          inputs: by Keras input name.
          cotangents: one for each floating-point output.
          weights: those whose gradients are wanted, in this order.
        """
        import tensorflow as tf

        fed = {name: tf.constant(self._cast(value)) for name, value in inputs.items()}
        floating = {name: value for name, value in fed.items() if value.dtype.is_floating}
        variables = [self.weight(held).value for held in weights]
        with tf.GradientTape() as tape:
            tape.watch(list(floating.values()))
            ends = self._outputs(fed)
            pairs = zip(ends, map(self._cast, cotangents))
            total = tf.add_n([tf.reduce_sum(end * tf.cast(c, end.dtype)) for end, c in pairs])
        sources = [*variables, *floating.values()]
        zero = tf.UnconnectedGradients.ZERO
        found = tape.gradient(total, sources, unconnected_gradients=zero)
        values = [tf.convert_to_tensor(each).numpy() for each in found]
        return values[: len(variables)], dict(zip(floating, values[len(variables) :]))

    def trainer(self, optimizer: Optimizer) -> Trainer:
        """Returns what takes optimizer steps on this copy."""
        return Trainer(self, optimizer)

    def trainable(self) -> list[Any]:
        """Returns what Keras would train, each weight once."""
        return [
            weight
            for copy in self._copies.values()
            for weight in getattr(copy, "trainable_weights", ())
        ]

    def loss(self, inputs: Mapping[str, Any], targets: Sequence[Any]) -> Any:
        """Returns the sum of the mean squared differences to the targets, and of the penalties.

        Those of frozen weights too, which Keras leaves out: they move nothing, but are part of the
        loss of TensorFlow 1.
        """
        import tensorflow as tf

        pairs = zip(self._outputs(inputs), targets)
        errors = [tf.reduce_mean(tf.square(end - tf.cast(t, end.dtype))) for end, t in pairs]
        copies = self._copies.values()
        penalties = [loss for copy in copies for loss in getattr(copy, "losses", ())]
        frozen = [w for copy in copies for w in getattr(copy, "non_trainable_weights", ())]
        penalties += [w.regularizer(w.value) for w in frozen if w.regularizer is not None]
        return tf.add_n([*errors, *penalties])

    def _outputs(self, inputs: Mapping[str, Any]) -> list[Any]:
        run = Playback(self._flow, inputs, self._flow.outputs, self._performer)
        outputs = [run.compute(tensor) for tensor in self._flow.outputs]
        return [output for output in outputs if output.dtype.is_floating]

    def _cast(self, value: np.ndarray) -> np.ndarray:
        value = np.asarray(value)
        return value.astype(self._dtype) if value.dtype.kind == "f" else value


class Trainer:
    """Takes steps of a Keras optimizer that starts in TensorFlow 1's initial state."""

    def __init__(self, replica: Replica, optimizer: Optimizer):
        import tensorflow as tf

        self._replica = replica
        self._variables = replica.trainable()
        self._optimizer = _keras_optimizer(optimizer)
        self._optimizer.build(self._variables)
        if optimizer.kind == "rmsprop":
            _fill_with_ones(self._optimizer, "velocity")
        self._step = tf.function(self._take_step, autograph=False)

    def train(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> float:
        """Takes one step and returns the loss before it.

        Args:
          inputs: by Keras input name.
          targets: one for each floating-point output.
        """
        import tensorflow as tf

        cast = self._replica._cast
        fed = {name: tf.constant(cast(value)) for name, value in inputs.items()}
        return float(self._step(fed, [tf.constant(cast(target)) for target in targets]))

    def _take_step(self, inputs: Mapping[str, Any], targets: Sequence[Any]) -> Any:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = self._replica.loss(inputs, targets)
        sources = [variable.value for variable in self._variables]
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(loss, sources, unconnected_gradients=zero)
        self._optimizer.apply(gradients, self._variables)
        return loss


def _keras_optimizer(optimizer: Optimizer) -> Any:
    """Returns Keras's optimizer of the same formula; each number as float32 has it."""
    from keras import optimizers

    number = as_float32
    rate, momentum = number(optimizer.learning_rate), number(optimizer.momentum)
    if optimizer.kind == "sgd":
        return optimizers.SGD(rate)
    if optimizer.kind == "momentum":
        return optimizers.SGD(rate, momentum=momentum)
    epsilon = number(optimizer.epsilon)
    if optimizer.kind == "adam":
        beta1, beta2 = number(optimizer.beta1), number(optimizer.beta2)
        return optimizers.Adam(rate, beta_1=beta1, beta_2=beta2, epsilon=epsilon)
    decay = number(optimizer.decay)
    return optimizers.RMSprop(rate, rho=decay, momentum=momentum, epsilon=epsilon)


def _fill_with_ones(optimizer: Any, slot: str) -> None:
    """Starts a slot as TensorFlow 1 does; Keras starts it at zeros."""
    import keras

    for variable in optimizer.variables:
        if variable.name.endswith(slot):
            variable.assign(keras.ops.ones_like(variable))
