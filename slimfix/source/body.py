"""Writes the lines of a function, and those that build the whole model."""

from __future__ import annotations

import dataclasses
from typing import Mapping

from slimfix import names
from slimfix.errors import count
from slimfix.source import layout
from slimfix.source.calls import called, given, layer_arguments
from slimfix.source.functions import Function, split_name
from slimfix.source.identifiers import Identifiers, identifier
from slimfix.source.literals import escaped, quoted
from slimfix.source.loops import Loop, Statement, find_loops
from slimfix.source.steps import Body, Step
from slimfix.source.variables import first_step, name_tensors

_NUMBER = "\0"  # Stands for the number of a loop in a layer's name.
_INPUTS = "xyz"
_MOST_BY_POSITION = 2  # As filters and kernel_size.


def write_function(function: Function, functions: Mapping[str, Function]) -> list[str]:
    """Returns the lines of a function, from `def` to `return`.

    Args:
      function: of the module.
      functions: all of them, by name.
    """
    body = function.body
    identifiers = Identifiers([*(p.name for p in function.parameters), *functions])
    wishes = [*_INPUTS, *[_INPUTS[-1]] * len(body.inputs)]
    inputs = {
        tensor: identifiers.new(wish) if position else wish
        for position, (tensor, wish) in enumerate(zip(body.inputs, wishes))
    }
    signature = [*inputs.values(), "name"]
    signature += [
        parameter.name if parameter.default is None else f"{parameter.name}={parameter.default}"
        for parameter in function.parameters
    ]
    scope = escaped(body.scope)
    statements = find_loops(body.steps, body.outputs)
    variables = name_tensors(body, statements, inputs, identifiers, body.scope)
    writer = _Writer(functions, variables, identifiers, body.base)
    lines = [
        *layout.call(f"def {function.name}", signature, ":", depth=0),
        layout.plain(f'"""{scope}, and {count(function.calls - 1, "scope")} like it."""'),
    ]
    last = statements[-1]
    returns = isinstance(last, Step) and last.outputs == body.outputs
    for statement in statements:
        lines += writer.statement(statement, returns=returns and statement is last)
    if not returns:
        lines.append(layout.plain("return " + ", ".join(variables[t] for t in body.outputs)))
    return lines


def write_model(
    body: Body, inputs: Mapping[str, str], functions: Mapping[str, Function]
) -> tuple[list[str], dict[str, str]]:
    """Returns the lines that build the whole model, and the variable of each tensor.

    Args:
      body: the outermost one.
      inputs: variable by tensor.
      functions: by name.
    """
    identifiers = Identifiers([*inputs.values(), *functions])
    statements = find_loops(body.steps, body.outputs)
    variables = name_tensors(body, statements, inputs, identifiers, "")
    writer = _Writer(functions, variables, identifiers, "")
    lines: list[str] = []
    section = ""
    for statement in statements:
        if first_step(statement).section != section:
            section = first_step(statement).section
            lines += ["", layout.plain(f"# {escaped(section)}")] if section else [""]
        lines += writer.statement(statement, returns=False)
    return lines, variables


@dataclasses.dataclass
class _Writer:
    """Writes statements.

    Attributes:
      functions: by name.
      variables: by tensor.
      identifiers: knows the names that are taken.
      base: what the variable `name` holds; '' where there is none.
      layers: variable by name, of the layers that are called more than once.
    """

    functions: Mapping[str, Function]
    variables: Mapping[str, str]
    identifiers: Identifiers
    base: str
    layers: dict[str, str] = dataclasses.field(default_factory=dict)

    def statement(self, statement: Statement, returns: bool) -> list[str]:
        if isinstance(statement, Loop):
            return self._loop(statement)
        made = ", ".join(self.variables[tensor] for tensor in statement.outputs)
        before = "return " if returns else f"{made} = "
        return self._step(statement, before, [self.variables[t] for t in statement.inputs])

    def _loop(self, loop: Loop) -> list[str]:
        source, made = (
            self.variables[t] for t in (loop.steps[0].inputs[0], loop.steps[-1].outputs[0])
        )
        lines = [layout.plain(f"{made} = {source}")] if source != made else []
        stop = loop.start + len(loop.steps)
        lines.append(layout.plain(f"for i in range({loop.start}, {stop}):"))
        step = dataclasses.replace(loop.steps[0], name=loop.before + _NUMBER + loop.after)
        return lines + self._step(step, f"{made} = ", [made], depth=2)

    def _step(self, step: Step, before: str, sources: list[str], depth: int = 1) -> list[str]:
        name = step.arguments.get("name") or self._name(step.name)
        if step.shared:
            return self._shared(step, name, before, sources)
        if step.callee in self.functions:
            function = self.functions[step.callee]
            arguments = [*sources, name, *_function_arguments(function, step)]
            return layout.call(before + step.callee, arguments, depth=depth)
        return called(step, name, before, sources, depth)

    def _shared(self, step: Step, name: str, before: str, sources: list[str]) -> list[str]:
        """Makes a layer at its first call, and calls the same one again."""
        lines: list[str] = []
        if step.name not in self.layers:
            wish = identifier(f"{names.last_part(step.scope)}_layer")
            own = self.identifiers.free(wish, {*self.variables.values(), *self.layers.values()})
            self.layers[step.name] = own
            lines = layout.call(f"{own} = {step.callee}", layer_arguments(step, name))
        return [*lines, layout.plain(before + self.layers[step.name] + given(step, sources))]

    def _name(self, name: str) -> str:
        """Returns the source of a layer's name."""
        pieces = split_name(name, self.base)
        texts = [name] if pieces is None else list(pieces)
        if pieces is None and _NUMBER not in name:
            return quoted(name)
        if pieces == ("", ""):
            return "name"
        numbered = ["{i}".join(map(_braced, text.split(_NUMBER))) for text in texts]
        return 'f"' + "{name}".join(numbered) + '"'


def _braced(text: str) -> str:
    """Returns what stands for `text` in an f-string."""
    return escaped(text).replace("{", "{{").replace("}", "}}")


def _function_arguments(function: Function, step: Step) -> list[str]:
    """Returns what a call says: few arguments without a default by position, others by name."""
    required = [each.name for each in function.parameters if each.default is None]
    by_position = required if len(required) <= _MOST_BY_POSITION else []
    return [step.arguments[name] for name in by_position] + [
        f"{each.name}={step.arguments[each.name]}"
        for each in function.parameters
        if each.name not in by_position and step.arguments[each.name] != each.default
    ]
