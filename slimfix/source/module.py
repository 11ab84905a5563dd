"""Writes a whole module: its docstring, functions, `build_model` and constants."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import Sequence

from slimfix.migration.records import ModelPlan
from slimfix.source import layout
from slimfix.source.blocks import group_by_scope
from slimfix.source.body import write_function, write_model
from slimfix.source.functions import Module, find_functions
from slimfix.source.identifiers import Identifiers, identifier
from slimfix.source.literals import Literals, escaped, quoted
from slimfix.source.steps import operations_need_names

_MAIN = """
if __name__ == "__main__":
    model = build_model()
    model.load_weights({weights})
    model.summary()
"""
_NAMED = '''\
def named(name, result):
    """Names the operation that gave `result`, for Keras would number it, and hit a layer's name."""
    tensor = result[0] if isinstance(result, (list, tuple)) else result
    tensor._keras_history.operation.name = name
    return result
'''


@dataclasses.dataclass(frozen=True)
class About:
    """What the docstring of a module says, and what its model is called.

    Attributes:
      checkpoint: prefix that the weights came from.
      model_name: of the Keras model.
      weights_file: name of the file that holds its weights.
    """

    checkpoint: str
    model_name: str
    weights_file: str


def format_source(plan: ModelPlan, about: About) -> str:
    """Returns the source of a module whose `build_model()` makes the planned model.

    It imports keras, and NumPy where constants need it; slimfix only for a layer of slimfix. The
    same plan gives the same text. Layers of one slim scope stand together; blocks that are alike
    become a function, and calls that differ by a number in a scope become a loop.

    Args:
      plan: the model.
      about: for people.
    """
    literals = Literals()
    module = find_functions(plan, group_by_scope(plan), literals)
    parts: list[list[str]] = []
    if operations_need_names(plan):
        parts.append(_NAMED.splitlines())
    for function in module.functions.values():
        parts.append(write_function(function, module.functions))
    parts.append(_build_model(plan, module, about, literals))
    if literals.constants:
        parts.append(_constants(literals))
    imports = ["import keras"]
    if literals.uses_numpy:
        imports.append("import numpy as np")
    rooms = {record.target.partition(".")[0] for record in plan.layers}
    own = ["", "import slimfix"] if "slimfix" in rooms else []
    used = sorted(rooms - {"slimfix"})
    if used:
        imports.append(f"from keras import {', '.join(used)}")
    text = "\n".join("\n".join(part) + "\n\n" for part in parts)
    head = [*_docstring(plan, about), "", *imports, *own, "", ""]
    return "\n".join(head) + "\n" + text.rstrip("\n") + "\n\n" + _main(about)


def _main(about: About) -> str:
    return _MAIN.format(weights=quoted(about.weights_file))


def _docstring(plan: ModelPlan, about: About) -> list[str]:
    lines = [
        f'"""The Keras model of a TensorFlow 1 checkpoint: {escaped(about.checkpoint)}',
        "",
        "  model = build_model()",
        f"  model.load_weights({quoted(about.weights_file)})",
        "",
        *textwrap.wrap(
            "Layers are called as their slim scopes, with '__' for '/'. slimfix wrote this file "
            "and checked that it builds the model that was verified.",
            layout.WIDTH,
        ),
        "",
        "Inputs, as they are called in the graph:",
    ]
    for record in plan.inputs:
        shape = ", ".join("?" if size is None else str(size) for size in record.shape)
        lines.append(f"  {escaped(record.tensor)}: {record.dtype} [{shape}]")
    lines.append("Outputs:")
    lines += [f"  {escaped(tensor)}" for tensor in plan.outputs]
    return [*lines, '"""']


def _build_model(plan: ModelPlan, module: Module, about: About, literals: Literals) -> list[str]:
    identifiers = Identifiers(module.functions)
    inputs = {
        record.tensor: "inputs"
        if len(plan.inputs) == 1
        else identifiers.new(identifier(record.name))
        for record in plan.inputs
    }
    lines = ["def build_model():", layout.plain('"""Returns the model, with initial weights."""')]
    for record in plan.inputs:
        arguments = [
            literals.text(tuple(record.shape[1:])),
            f"dtype={quoted(record.dtype)}",
            f"name={quoted(record.name)}",
        ]
        lines += layout.call(f"{inputs[record.tensor]} = keras.Input", arguments)
    body, variables = write_model(module.body, inputs, module.functions)
    lines += body
    returned = [
        _one_or_list(list(inputs.values())),
        _one_or_list([variables[t] for t in plan.outputs]),
    ]
    lines += layout.call("return keras.Model", [*returned, f"name={quoted(about.model_name)}"])
    return lines


def _one_or_list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def _constants(literals: Literals) -> list[str]:
    lines = ["# fmt: off"]
    for name, text in literals.constants.items():
        lines += f"{name} = {text}".split("\n")
    return [*lines, "# fmt: on"]
