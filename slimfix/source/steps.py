"""The lines of a block before they have names: calls of layers, operations and functions."""

from __future__ import annotations

import dataclasses
import re
from typing import Mapping, Sequence

from slimfix.migration.planner import layer_name
from slimfix.migration.records import ModelPlan
from slimfix.source.blocks import Block, Call
from slimfix.source.literals import Literals

# What Keras counts operations by, where that is not the name of the function.
_COUNTED_AS = {
    "abs": "absolute",
    "batch_normalization": "batch_norm",
    "conj": "conjugate",
    "hard_swish": "hard_silu",
    "layer_normalization": "layer_norm",
    "rms_normalization": "rms_norm",
    "swish": "silu",
}


@dataclasses.dataclass(frozen=True)
class Step:
    """One call.

    Attributes:
      callee: 'layers.Conv2D', 'ops.add', or the name of a function of the module.
      name: of the layer, or '' for an operation that needs none; of a function, what the names of
        its layers begin with or hold.
      scope: of the op, or of the block that the function stands for.
      section: scope of the block that the step is written under.
      inputs: tensor names.
      outputs: tensor names.
      arguments: source text by parameter; those that are the callee's default are there too.
      takes_list: whether the inputs are one argument, a list.
      shared: whether the same layer is called elsewhere.
    """

    callee: str
    name: str
    scope: str
    section: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arguments: Mapping[str, str]
    takes_list: bool = False
    shared: bool = False


@dataclasses.dataclass(frozen=True)
class Body:
    """The steps of a block, and what goes in and out.

    Attributes:
      scope: of the block.
      base: name that the names of its layers are said by.
      steps: in order.
      inputs: tensors from outside, in the order of first use.
      outputs: tensors that something outside needs.
    """

    scope: str
    base: str
    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def step_of(call: Call, literals: Literals, named: bool) -> Step:
    """Returns the step that calls one layer or operation.

    Args:
      call: of the plan.
      literals: makes the text of settings.
      named: whether operations need names; see `operations_need_names`.
    """
    record = call.record
    config = {
        key: value
        for key, value in record.config.items()
        if value is not None or key.endswith("_regularizer")
    }
    is_operation = record.target.startswith("ops.")
    if not is_operation:
        if record.weights:
            config.setdefault("trainable", True)  # So that frozen layers compare with others.
        if record.dtype != "float32":  # Which is left to Keras.
            config["dtype"] = record.dtype
    return Step(
        callee=record.target,
        name=record.name if named or not is_operation else "",
        scope=call.scope or record.scope,
        section="",
        inputs=record.inputs,
        outputs=record.outputs,
        arguments={key: literals.text(value) for key, value in config.items()},
        takes_list=record.takes_list,
        shared=call.shared,
    )


def operations_need_names(plan: ModelPlan) -> bool:
    """Tells whether Keras's own name of an operation, such as 'add_3', may be that of a layer."""
    operations = {record.target for record in plan.layers if record.target.startswith("ops.")}
    called = {target.rpartition(".")[2] for target in operations}
    kinds = {_letters(_COUNTED_AS.get(name, name)) for name in called}
    taken = [record.name for record in plan.inputs]
    taken += [record.name for record in plan.layers if record.target not in operations]
    return any(_letters(name) in kinds for name in taken)


def _letters(name: str) -> str:
    return re.sub(r"_\d+$", "", name).replace("_", "")


def base_name(block: Block) -> str:
    """Returns the scope of a block's variables as a layer name; the ops' scope if it has none.

    'Net/Net/conv1' holds ops of layers that are called 'Net__conv1', as their variables are.
    """
    found = set()
    for call in block.calls():
        if call.record.weights and not call.shared:
            inside = call.scope[len(block.scope) :]
            if not call.record.scope.endswith(inside):
                return layer_name(block.scope)
            found.add(call.record.scope[: len(call.record.scope) - len(inside)])
    return layer_name(found.pop() if len(found) == 1 else block.scope)


def body_of(block: Block, steps: Sequence[Step], readers: Mapping[str, set[int]]) -> Body:
    """Returns the body of a block, with its inputs and outputs.

    Args:
      block: says what lies inside.
      steps: in order; they are all that is called in the block.
      readers: see `find_readers`.
    """
    inside = {call.position for call in block.calls()}
    made = dict.fromkeys(tensor for step in steps for tensor in step.outputs)
    read = dict.fromkeys(tensor for step in steps for tensor in step.inputs)
    return Body(
        scope=block.scope,
        base=base_name(block),
        steps=tuple(steps),
        inputs=tuple(tensor for tensor in read if tensor not in made),
        outputs=tuple(tensor for tensor in made if readers.get(tensor, set()) - inside),
    )


def find_readers(plan: ModelPlan) -> dict[str, set[int]]:
    """Returns the positions in the plan of the layers that read each tensor; -1 is the caller."""
    readers: dict[str, set[int]] = {tensor: {-1} for tensor in plan.outputs}
    for position, record in enumerate(plan.layers):
        for tensor in record.inputs:
            readers.setdefault(tensor, set()).add(position)
    return readers
