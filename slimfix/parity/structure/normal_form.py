"""One form for what a model computes, whichever layers and operations it is written in.

An activation is a step of its own, wherever it was asked for; what only changes a shape is none,
but a shape that the next step sees; what changes nothing is left out. Two models of one normal form
are one function and train alike, as far as wiring and settings go.
"""

from __future__ import annotations

import sys
from typing import Any, Mapping, Sequence

from slimfix.parity.dataflow import Call, Dataflow
from slimfix.parity.keras_code import comes_from
from slimfix.parity.structure.rules import OF_LAYERS, OF_OPERATIONS, as_it_is
from slimfix.parity.structure.steps import NormalForm, Value, Writer

_KNOWN = ("keras", "slimfix")


def normal_form(flow: Dataflow, variables: Mapping[int, str]) -> NormalForm:
    """Returns the normal form of a model.

    Args:
      flow: of the model.
      variables: what each of its weights holds, by the weight's id: a name; weights that hold
        nothing known are left out.
    """
    writer = Writer(variables)
    for index, tensor in enumerate(flow.inputs):
        writer.values[id(tensor)] = Value(None, index, tensor.shape)
    for call in flow.calls:
        _write(writer, call)
    outputs = tuple(writer.values[id(tensor)] for tensor in flow.outputs)
    read = _behind(outputs)
    steps = tuple(step for step in writer.steps if id(step) in read)
    return NormalForm(steps, outputs, writer.values)


def _behind(outputs: Sequence[Value]) -> set[int]:
    """Returns the ids of the steps that outputs come from: of what was written as one, not all."""
    found: set[int] = set()
    pending = [value.step for value in outputs]
    while pending:
        step = pending.pop()
        if step is not None and id(step) not in found:
            found.add(id(step))
            pending += [value.step for value in step.reads]
    return found


def _write(writer: Writer, call: Call) -> None:
    """Adds what a call does, and the values of its outputs."""
    import keras

    reads = [writer.values[id(tensor)] for tensor in call.inputs]
    rules = OF_LAYERS if isinstance(call.operation, keras.Layer) else OF_OPERATIONS
    rule = rules.get(call.kind, as_it_is) if _is_known(call.operation) else _opaque
    writer.values.update(zip(map(id, call.outputs), rule(writer, call, reads)))


def _is_known(operation: Any) -> bool:
    """Tells whether the class is Keras's or ours, by itself and not by its name, and as it is."""
    kind = type(operation)
    module = sys.modules.get(kind.__module__)
    is_there = comes_from(kind, *_KNOWN) and getattr(module, kind.__name__, None) is kind
    # Keras itself puts its own `build` on each layer.
    replaced = [
        name
        for name, own in vars(operation).items()
        if callable(own) and callable(getattr(kind, name, None)) and not comes_from(own, *_KNOWN)
    ]
    return is_there and not replaced


def _opaque(writer: Writer, call: Call, reads: Sequence[Value]) -> list[Value]:
    kind = type(call.operation)
    name = f"{kind.__module__}.{kind.__qualname__}"
    return writer.step(call, name, id(call), reads, is_opaque=True)
