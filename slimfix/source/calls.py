"""Writes one call of a Keras layer or operation."""

from __future__ import annotations

from typing import Sequence

from slimfix.source import layout
from slimfix.source.signatures import defaults
from slimfix.source.steps import Step


def called(step: Step, name: str, before: str, sources: Sequence[str], depth: int) -> list[str]:
    """Returns the lines of a call.

    Args:
      step: calls a layer or an operation.
      name: source of the layer's name.
      before: 'x = ' or 'return '.
      sources: the variables that it is called on.
      depth: of indentation.
    """
    if step.callee.startswith("ops.") and step.name:
        operation = f"{step.callee}({', '.join(_operation_arguments(step, sources))})"
        return layout.call(before + "named", [name, operation], depth=depth)
    if step.callee.startswith("ops."):
        return layout.call(before + step.callee, _operation_arguments(step, sources), depth=depth)
    arguments = layer_arguments(step, name)
    return layout.call(before + step.callee, arguments, given(step, sources), depth)


def given(step: Step, sources: Sequence[str]) -> str:
    """Returns what a layer is called on: one tensor, or a list of several."""
    joined = ", ".join(sources)
    return f"([{joined}])" if step.takes_list else f"({joined})"


def layer_arguments(step: Step, name: str) -> list[str]:
    """Returns the arguments of a layer's constructor: what Keras wants said first, no defaults."""
    known = defaults(step.callee)
    required = [key for key, default in known.items() if default is None]
    arguments = [step.arguments[key] for key in required if key in step.arguments]
    for key, text in step.arguments.items():
        if key not in required and key != "name" and text != known.get(key, "None"):
            arguments.append(f"{key}={text}")
    return [*arguments, f"name={name}"]


def _operation_arguments(step: Step, sources: Sequence[str]) -> list[str]:
    """Returns an operation's arguments: its tensors are its first parameters that are not set."""
    arguments: list[str] = []
    tensors = [f"[{', '.join(sources)}]"] if step.takes_list else list(sources)
    positional = True
    for key, default in defaults(step.callee).items():
        text = step.arguments.get(key)
        if text is None and tensors:
            text = tensors.pop(0)
        elif text is None or text == default:
            positional = False
            continue
        positional = positional and default is None
        arguments.append(text if positional else f"{key}={text}")
    return arguments
