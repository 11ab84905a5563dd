"""Which value of the checkpoint each variable of the graph gets: raw or shadow, whole or a part."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.checkpoint import Checkpoint
from slimfix.checkpoint.reader import VariableSpec
from slimfix.errors import UsageError, count, explain
from slimfix.graphdef.partitioned import find_slices
from slimfix.graphdef.saved_names import SavedAs, choose_saved, find_saved_names
from slimfix.graphdef.variables import VARIABLE_OPS
from slimfix.graphdef.view import GraphView

RAW, SHADOW = "raw", "shadow"


@dataclasses.dataclass(frozen=True)
class Weights:
    """The values that a checkpoint has for a graph.

    Attributes:
      checkpoint: what was saved.
      places: what it holds, by variable name; of a partitioned variable also by those of its parts.
    """

    checkpoint: Checkpoint
    places: Mapping[str, SavedAs]

    def __contains__(self, variable: str) -> bool:
        return variable in self.places

    def stored_name(self, variable: str) -> str:
        """Returns the name in the checkpoint of a variable that is in it."""
        return self.places[variable].name

    def spec(self, variable: str) -> VariableSpec:
        """Returns shape and dtype, as stored, of a variable, or of a part of one."""
        saved = self.places[variable]
        spec = self.checkpoint.variables[saved.name]
        if not saved.slices:
            return spec
        extents = zip(saved.slices, spec.shape)
        shape = tuple(len(range(*cut.indices(size))) for cut, size in extents)
        return dataclasses.replace(spec, shape=shape)

    def read(self, variable: str) -> np.ndarray:
        """Returns the value of a variable, or of a part of one. Raises as `Checkpoint.read`."""
        saved = self.places[variable]
        value = self.checkpoint.read(saved.name)
        return value[saved.slices] if saved.slices else value


def find_weights(view: GraphView, joined: Mapping[str, str], checkpoint: Checkpoint) -> Weights:
    """Returns the raw values of a graph's variables, as far as the checkpoint has them.

    Args:
      view: the whole graph; its Savers tell under which names and in which slices it saves.
      joined: the partitioned variable by the name of the node that joins its parts.
      checkpoint: what was saved.
    """
    variables = [node.name for node in view.nodes.values() if node.op in VARIABLE_OPS]
    places = choose_saved(variables, find_saved_names(view), checkpoint.variables)
    for node, whole in joined.items():
        if whole in checkpoint.variables:
            places[whole] = SavedAs(whole, ())
            for part, slices in find_slices(view, view.nodes[node]).items():
                places.setdefault(part, SavedAs(whole, slices))
    return Weights(checkpoint, places)


def choose_values(
    weights: Weights, variables: Sequence[str], values: str | None
) -> tuple[Weights, list[str]]:
    """Returns the weights with shadows in place of raw values if they are to be, and notes.

    Args:
      weights: the raw values.
      variables: names of the variables that the network reads.
      values: 'raw', 'shadow', or None where the checkpoint leaves no choice.
    Raises: UsageError: there are raw values and shadows and `values` is None; there are no shadows
      and `values` is 'shadow'; or `values` is something else.
    """
    if values not in (None, RAW, SHADOW):
        raise UsageError(f"values is '{values}'; want '{RAW}' or '{SHADOW}'")
    shadows = _find_shadows(weights, variables)
    if values == RAW or (values is None and not shadows):
        return weights, []
    if not shadows:
        raise UsageError(
            explain(
                f"values='{SHADOW}', but checkpoint prefix '{weights.checkpoint.prefix}' holds no "
                f"shadow of the {count(len(variables), 'variable')} that the network reads",
                cause="it was trained without tf.train.ExponentialMovingAverage, or the Saver left "
                "the averages out.",
                fix=f"leave values (--values) out, or say '{RAW}'.",
            )
        )
    both = [name for name in shadows if name in weights]
    if values is None and both:
        raise _undecided(weights, both, shadows)
    places = {**weights.places, **{name: SavedAs(shadow, ()) for name, shadow in shadows.items()}}
    rest = len(variables) - len(shadows)
    raw = f", raw values of the other {rest}, which have none" if rest else ""
    note = f"exponential moving averages of {count(len(shadows), 'variable')} were migrated{raw}"
    return Weights(weights.checkpoint, places), [f"{weights.checkpoint.prefix}: {note}"]


def _find_shadows(weights: Weights, variables: Sequence[str]) -> dict[str, str]:
    """Returns the name in the checkpoint of the shadow of each variable that has one."""
    stored = weights.checkpoint.variables
    raw_names = {v: weights.stored_name(v) if v in weights else v for v in variables}
    known = {*stored, *raw_names.values()}
    shadows: dict[str, str] = {}
    for name in sorted(stored, key=len):  # The one without a scope in front comes first.
        raw = names.shadowed_variable(name, known)
        if raw is not None:
            shadows.setdefault(raw, name)
    return {v: shadows[raw] for v, raw in raw_names.items() if raw in shadows}


def _undecided(weights: Weights, both: Sequence[str], shadows: Mapping[str, str]) -> UsageError:
    return UsageError(
        explain(
            f"Checkpoint prefix '{weights.checkpoint.prefix}' holds two values of "
            f"{count(len(both), 'variable')} that the network reads: the raw one and its "
            "exponential moving average",
            [f"raw '{weights.stored_name(name)}'; shadow '{shadows[name]}'" for name in both],
            cause="the network was trained with tf.train.ExponentialMovingAverage; most such are "
            "evaluated with the averages.",
            fix=f"say which is the model: values='{SHADOW}' (--values={SHADOW}) or "
            f"values='{RAW}' (--values={RAW}).",
        )
    )
