"""Under which names, and as which slices, the Savers of a graph keep its variables."""

from __future__ import annotations

import dataclasses
import re
from typing import Collection, Iterable, Mapping, Sequence

from slimfix import names
from slimfix.graphdef.variables import PASSIVE_OPS, assigned_variable
from slimfix.graphdef.view import GraphView, Node

# '' for the whole, or sizes and then a part in each dimension: '5 3 3,2:-'.
_SPEC = re.compile(r"|[\d ]*(?:-|\d+,\d+)(?::(?:-|\d+,\d+))*")


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
        outputs = len(restore.attrs["dtypes"].list.type)
        tensors, specs = (
            _read_texts(view.producer(tensor), outputs) for tensor in restore.inputs[1:]
        )
        for index, (tensor, spec) in enumerate(zip(tensors, specs)):
            if not _SPEC.fullmatch(spec):
                continue
            saved = SavedAs(tensor, read_slices(spec))
            for variable in _assigned_from(view, restore, index):
                found.setdefault(variable, []).append(saved)
    return found


def _read_texts(node: Node, most: int) -> list[str]:
    """Returns the first strings of a constant; [] where it is none of strings in a row."""
    value = node.attr("value") if node.op == "Const" else None
    if value is None or value.ndim != 1 or not value.dtype.hasobject:
        return []
    return [each.decode("utf-8", "replace") for each in value[:most]]


def choose_saved(
    variables: Iterable[str], saved: Mapping[str, Sequence[SavedAs]], stored: Collection[str]
) -> dict[str, SavedAs]:
    """Returns what a checkpoint holds of each variable; those that are missing or unclear are not
    in it.

    Its own name first: a Saver that reads shadows into variables is not the one that saved. But
    not where the Savers keep another variable under that name, and it under none or another.

    Args:
      variables: names of the variable ops.
      saved: what the Savers of the graph restore each variable from.
      stored: the names in the checkpoint.
    """
    kept_under = {each.name for places in saved.values() for each in places}
    kept_under -= {name for name, places in saved.items() if name in {p.name for p in places}}
    chosen = {}
    for name in variables:
        there = [each for each in saved.get(name, ()) if each.name in stored]
        if name in stored and name not in kept_under:
            chosen[name] = SavedAs(name, ())
        elif len({each.name for each in there}) == 1:
            chosen[name] = there[0]
    return chosen


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
