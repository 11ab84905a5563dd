"""Under which names, and as which slices, the Savers of a graph keep its variables."""

from __future__ import annotations

import dataclasses
from typing import Collection, Sequence

from slimfix import names
from slimfix.graphdef.variables import PASSIVE_OPS, assigned_variable
from slimfix.graphdef.view import GraphView, Node


@dataclasses.dataclass(frozen=True)
class SavedAs:
    """What a Saver restores a variable from.

    Attributes:
      name: of the tensor in the checkpoint.
      slices: the part of it, in each dimension; () for all of it.
    """

    name: str
    slices: tuple[slice, ...]


def find_saved_names(view: GraphView) -> dict[str, list[SavedAs]]:
    """Returns by variable name what each Saver of the graph restores that variable from.

    A partitioned variable is several in the graph and one in the checkpoint; a Saver with a dict
    for var_list gives other names. Savers in format V1 are not read.
    """
    found: dict[str, list[SavedAs]] = {}
    for restore in view.nodes.values():
        if restore.op != "RestoreV2":
            continue
        tensors, specs = (view.producer(tensor) for tensor in restore.inputs[1:])
        if tensors.op != "Const" or specs.op != "Const":
            continue
        for index, (tensor, spec) in enumerate(zip(tensors.attr("value"), specs.attr("value"))):
            saved = SavedAs(tensor.decode(), read_slices(spec.decode()))
            for variable in _assigned_from(view, restore, index):
                found.setdefault(variable, []).append(saved)
    return found


def choose_saved(
    variable: str, saved: Sequence[SavedAs], variables: Collection[str]
) -> SavedAs | None:
    """Returns what a checkpoint holds of a variable, None where that is nothing or unclear.

    Its own name first: a Saver that reads shadows into variables is not the one that saved.

    Args:
      variable: name of the variable op.
      saved: what the Savers of the graph restore it from.
      variables: the names in the checkpoint.
    """
    if variable in variables:
        return SavedAs(variable, ())
    there = [each for each in saved if each.name in variables]
    return there[0] if len({each.name for each in there}) == 1 else None


def read_slices(spec: str) -> tuple[slice, ...]:
    """Reads what SaveV2 takes: '5 3 3,2:-' is rows 3 and 4 of a [5, 3], '' the whole."""
    return tuple(_read_extent(each) for each in spec.rpartition(" ")[2].split(":") if each)


def _read_extent(extent: str) -> slice:
    if extent == "-":
        return slice(None)
    start, length = extent.split(",")
    return slice(int(start), int(start) + int(length))


def _assigned_from(view: GraphView, restore: Node, index: int) -> list[str]:
    found = []
    pending = [names.join_tensor_name(restore.name, index)]
    while pending:
        tensor = pending.pop()
        for reader in view.consumers(names.split_tensor_name(tensor)[0], control=False):
            if tensor not in reader.inputs:
                continue
            if reader.op in PASSIVE_OPS:
                pending.append(names.join_tensor_name(reader.name, 0))
            elif reader.inputs[1:2] == (tensor,):
                variable = assigned_variable(view, reader)
                found += [variable] if variable else []
    return found
