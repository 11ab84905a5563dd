"""Makes one function of the blocks that are built alike; what differs becomes its parameters."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from typing import Any, Mapping, Sequence

from slimfix.migration.records import ModelPlan
from slimfix.source.blocks import Block
from slimfix.source.identifiers import Identifiers, function_name, parameter_names
from slimfix.source.literals import Literals, quoted
from slimfix.source.signatures import is_required
from slimfix.source.steps import Body, Step, body_of, find_readers, operations_need_names, step_of

_LONGEST_SECTION = 16  # Steps; a longer block is headed by its inner blocks.
_LONGEST_WITHOUT = 6  # Steps; a shorter model has no headings.


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of a function.

    Attributes:
      name: identifier.
      default: source text; None where every call says it.
    """

    name: str
    default: str | None


@dataclasses.dataclass(frozen=True)
class Function:
    """A function of the module, which builds the layers of one block.

    Attributes:
      name: identifier.
      body: of the first block that it stands for; arguments that differ are names of parameters.
      parameters: those with a default last.
      calls: how many blocks it stands for.
    """

    name: str
    body: Body
    parameters: tuple[Parameter, ...]
    calls: int


@dataclasses.dataclass(frozen=True)
class Module:
    """A model as functions and the steps of its outermost block.

    Attributes:
      functions: by name; each is called by later ones only.
      body: of the whole model.
    """

    functions: Mapping[str, Function]
    body: Body


def find_functions(plan: ModelPlan, tree: Block, literals: Literals) -> Module:
    """Returns the functions that a model's source is made of.

    A block that is there once is written where it stands. Those that are there more than once,
    alike in everything but the values of settings, become a function.

    Args:
      plan: the model.
      tree: its blocks.
      literals: makes the text of settings.
    """
    readers = find_readers(plan)
    named = operations_need_names(plan)
    functions: dict[str, Function] = {}
    identifiers = Identifiers()
    steps_of: dict[int, tuple[Step, ...]] = {}  # By id of the block: what stands for it.
    for blocks in _by_height(tree):
        alike: dict[Any, list[tuple[Block, Body]]] = {}
        for block in blocks:
            steps = [
                step
                for item in block.items
                for step in (
                    steps_of[id(item)]
                    if isinstance(item, Block)
                    else (step_of(item, literals, named),)
                )
            ]
            body = body_of(block, steps, readers)
            alike.setdefault(_shape(body), []).append((block, body))
        for members in alike.values():
            bodies = [body for _, body in members]
            if len(bodies) == 1:
                block, body = members[0]
                section = "" if block is tree else block.scope
                steps_of[id(block)] = _in_section(section, body.steps)
                continue
            is_branch = any(_is_branch(block, body, readers) for block, body in members)
            function, arguments = _function(bodies, is_branch, functions, identifiers)
            functions[function.name] = function
            for (block, body), own in zip(members, arguments):
                steps_of[id(block)] = (_call(function, body, own),)
    return Module(functions, body_of(tree, steps_of[id(tree)], readers))


def _is_branch(block: Block, body: Body, readers: Mapping[str, set[int]]) -> bool:
    """Tells whether something else reads what a block reads."""
    inside = {call.position for call in block.calls()}
    return any(readers[tensor] - inside for tensor in body.inputs)


def _in_section(section: str, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Puts steps under a heading, unless they are so many that inner headings serve better."""
    if len(steps) > (_LONGEST_SECTION if section else _LONGEST_WITHOUT):
        return steps
    return tuple(dataclasses.replace(step, section=section) for step in steps)


def _by_height(tree: Block) -> list[list[Block]]:
    """Returns all blocks, those without inner blocks first."""
    levels: list[list[Block]] = []

    def visit(block: Block) -> int:
        inner = [visit(item) for item in block.items if isinstance(item, Block)]
        height = max(inner, default=-1) + 1
        while len(levels) <= height:
            levels.append([])
        levels[height].append(block)
        return height

    visit(tree)
    return levels


def _shape(body: Body) -> Any:
    """Returns what blocks must share to become one function; values of settings are no part."""
    tensors: dict[str, int] = {}
    steps = []
    for step in body.steps:
        wiring = tuple(tensors.setdefault(tensor, len(tensors)) for tensor in step.inputs)
        made = tuple(tensors.setdefault(tensor, len(tensors)) for tensor in step.outputs)
        if step.shared:
            return id(body)  # The same layer again: not one that another call of it would make.
        name = split_name(step.name, body.base)
        steps.append((step.callee, name is None or name, wiring, made, tuple(step.arguments)))
    return tuple(steps), tuple(tensors[tensor] for tensor in body.outputs)


def split_name(name: str, base: str) -> tuple[str, str] | None:
    """Returns what stands before and after `base` in a layer's name; None if it is not in there."""
    at = name.find(base) if base else -1
    while at >= 0:
        before, after = name[:at], name[at + len(base) :]
        if (not before or before.endswith("_")) and (not after or after.startswith("_")):
            return before, after
        at = name.find(base, at + 1)
    return None


def _function(
    bodies: Sequence[Body],
    is_branch: bool,
    functions: Mapping[str, Function],
    identifiers: Identifiers,
) -> tuple[Function, list[dict[str, str]]]:
    """Returns a function for bodies that are alike, and each one's arguments."""
    first = bodies[0]
    slots: dict[tuple[str, ...], list[tuple[int, str]]] = {}  # By the text in each body.
    for position, step in enumerate(first.steps):
        keys = list(step.arguments)
        if split_name(step.name, first.base) is None:
            keys.append("name")
        for key in keys:
            texts = tuple(_text(body.steps[position], key) for body in bodies)
            if len(set(texts)) > 1:
                slots.setdefault(texts, []).append((position, key))
    places = [(first.steps[uses[0][0]], uses[0][1]) for uses in slots.values()]
    settings = [(_inner_parts(step, first), key) for step, key in places]
    chosen = parameter_names(settings, {step.callee for step in first.steps})
    parameters = []
    steps = list(first.steps)
    arguments: list[dict[str, str]] = [{} for _ in bodies]
    for name, (texts, uses), (step, key) in zip(chosen, slots.items(), places):
        parameters.append(Parameter(name, _default(texts, step, key, functions)))
        for own, text in zip(arguments, texts):
            own[name] = text
        for position, key in uses:
            changed = {**steps[position].arguments, key: name}
            steps[position] = dataclasses.replace(steps[position], arguments=changed)
    wish = function_name([body.scope for body in bodies], first.steps, is_branch)
    function = Function(
        name=identifiers.new(wish),
        body=dataclasses.replace(first, steps=tuple(steps)),
        parameters=tuple(sorted(parameters, key=lambda parameter: parameter.default is not None)),
        calls=len(bodies),
    )
    return function, arguments


def _text(step: Step, key: str) -> str:
    return step.arguments[key] if key != "name" else quoted(step.name)


def _inner_parts(step: Step, body: Body) -> tuple[str, ...]:
    inside = step.scope[len(body.scope) :].strip("/")
    return tuple(inside.split("/")) if inside else ()


def _default(
    texts: Sequence[str], step: Step, key: str, functions: Mapping[str, Function]
) -> str | None:
    """Returns the value of most calls, unless it is one that Keras wants said."""
    if key == "name":
        required = True
    elif step.callee in functions:
        own = {parameter.name: parameter for parameter in functions[step.callee].parameters}
        required = own[key].default is None
    else:
        required = is_required(step.callee, key)
    text, count = Counter(texts).most_common(1)[0]
    is_made = re.search(r"\w\(", text)  # An object: a default of it would be shared by all calls.
    return text if not required and not is_made and 2 * count >= len(texts) else None


def _call(function: Function, body: Body, arguments: Mapping[str, str]) -> Step:
    return Step(
        callee=function.name,
        name=body.base,
        scope=body.scope,
        section="",
        inputs=body.inputs,
        outputs=body.outputs,
        arguments={parameter.name: arguments[parameter.name] for parameter in function.parameters},
    )
