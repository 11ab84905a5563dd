"""Guesses about an activation, be it a step of its own or what a layer ends in."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Mapping

import numpy as np

from slimfix.parity.diagnosis import batch_norm
from slimfix.parity.diagnosis.chain import Repair, Step, repaired
from slimfix.parity.diagnosis.hypothesis import Hypothesis, identity
from slimfix.parity.diagnosis.segment import Segment

NONE = "none"

# By the class of a layer or operation: the name that Keras gives what it computes.
_BY_CLASS = {
    "ReLU": "relu",
    "Relu": "relu",
    "Relu6": "relu6",
    "LeakyReLU": "leaky_relu",
    "LeakyRelu": "leaky_relu",
    "ELU": "elu",
    "Elu": "elu",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "hard_sigmoid",
    "Tanh": "tanh",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Silu": "silu",
    "Gelu": "gelu",
}
_PLAIN = (
    "relu",
    "relu6",
    "elu",
    "selu",
    "sigmoid",
    "hard_sigmoid",
    "tanh",
    "softmax",
    "log_softmax",
    "softplus",
    "softsign",
    "silu",
    "gelu",
)
_SLOPES = (0.2, 0.3, 0.01, 0.1)  # tf.nn.leaky_relu, keras.layers.LeakyReLU, PyTorch, Darknet.


def name_of(step: Step) -> str | None:
    """Returns the activation that a step is or ends in, 'none' for a layer that could have one;
    None for a step that could have none."""
    config = step.config
    if "activation" in config:
        named = config["activation"]
        name = named if isinstance(named, str) else step.operation.activation.__name__
        return NONE if name in (None, "linear") else str(name)
    name = _BY_CLASS.get(step.kind)
    if name == "relu" and config.get("max_value") is not None:
        name = "relu6" if config["max_value"] == 6 else f"relu up to {config['max_value']:g}"
    slope = config.get("negative_slope")
    return f"{name} of slope {slope:g}" if name and slope else name


def is_only(step: Step) -> bool:
    """Tells whether a step is an activation and nothing else."""
    return step.kind == "Activation" or step.kind in _BY_CLASS


def guess_activation(segment: Segment, index: int) -> Iterator[Hypothesis]:
    """Yields one guess for each activation that the original may have in place of the step's."""
    step = segment.chain.steps[index]
    has = name_of(step)
    if has is None:
        return
    alone = is_only(step)
    if alone and index in segment.extra and not segment.missing:
        return  # That it is one too many, another guess tells.
    before = identity if alone else repaired(step.operation, {"activation": None})
    made = before(*segment.chain.inputs(index))
    tried: list[np.ndarray] = []
    for name, function in _candidates().items():
        if name == has or (name == NONE and alone and segment.extra):
            continue  # Of two in a row the extra one is at fault, which another guess tells.
        values = np.asarray(function(made))
        # Relu and relu6 are one on numbers below 6.
        if any(np.array_equal(values, each) for each in tried):
            continue
        tried.append(values)
        text = _order(segment, step, has) if name == NONE else None
        text = text or f"activation {has} in place of {name}"
        yield Hypothesis(text, {index: _always(values)})


def _candidates() -> Mapping[str, Callable[[Any], Any]]:
    import keras

    found: dict[str, Callable[[Any], Any]] = {NONE: identity}
    found.update({name: getattr(keras.ops, name) for name in _PLAIN})
    found.update({f"leaky_relu of slope {slope:g}": _leaky(slope) for slope in _SLOPES})
    return found


def _leaky(slope: float) -> Callable[[Any], Any]:
    factor = float(np.float32(slope))  # What a float32 graph computes with.
    return lambda values: np.where(np.asarray(values) < 0, factor, 1.0) * np.asarray(values)


def _always(values: np.ndarray) -> Repair:
    return lambda *_: values


def _order(segment: Segment, step: Step, has: str) -> str | None:
    """Tells whether the original has the activation behind the batch norm that follows the layer.

    Of a layer whose own activation is one too many.
    """
    record = segment.record(step)
    after = _reader(segment, record.outputs[0]) if record else None
    if after is None or after.target.rpartition(".")[2] not in batch_norm.KINDS:
        return None
    last = _reader(segment, after.outputs[0])
    if last is None or _BY_CLASS.get(last.target.rpartition(".")[2]) != has:
        return None
    return f"activation {has} before batch norm in place of after it"


def _reader(segment: Segment, tensor: str) -> Any:
    """Returns the planned layer that reads a tensor, None if not exactly one does."""
    readers = [record for record in segment.records.values() if tensor in record.inputs]
    return readers[0] if len(readers) == 1 else None
