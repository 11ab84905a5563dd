"""What a hook knows of one batch-norm layer: where its values are, and what it was last."""

from __future__ import annotations

import dataclasses
from typing import Any, Collection, Sequence

import numpy as np

from slimfix import names
from slimfix.graphdef.batch_norm import BatchNormLayer
from slimfix.graphdef.control_flow import Branch, enclosing_branch, enclosing_branches
from slimfix.graphdef.view import GraphView
from slimfix.scopes import pick_by_scope
from slimfix.watching.drift import build_summaries, measure_drift
from slimfix.watching.statistic_faults import Fault, Problem, find_faults


@dataclasses.dataclass(eq=False)
class LayerWatch:
    """One layer between two checks.

    Attributes:
      layer: the layer.
      frozen: its statistics must not move.
      tag: what the tags of its summaries begin with; no two layers have the same.
      batch_tensors: tensor names of the batch's statistics, by name of the variable that takes
        them in; without those that the graph does not show.
      switches: what tells if a run computes the layer in training mode, all of it; empty if all
        runs do, None if a session cannot tell.
      before: the statistics by variable name at the last check; those of a frozen layer as they
        were when the session was created.
      since: the global step at that time.
      batch: the statistics of a batch since then, by variable name; None until a run has computed
        the layer in training mode.
      runs: how many runs have computed the layer since then.
      summary_in: how many more are to pass before its next summary.
    """

    layer: BatchNormLayer
    frozen: bool
    tag: str
    batch_tensors: dict[str, str]
    switches: tuple[Branch, ...] | None
    before: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    since: int = 0
    batch: dict[str, np.ndarray] | None = None
    runs: int = 0
    summary_in: int = 0

    @property
    def variables(self) -> list[str]:
        """The names of the variables that are watched."""
        return list(self.layer.statistics)

    @property
    def can_be_summarised(self) -> bool:
        """Tells whether the graph shows both statistics of a batch."""
        moving = (self.layer.moving_mean, self.layer.moving_variance)
        return all(name in self.batch_tensors for name in moving)

    @property
    def fetches(self) -> dict[str, Any]:
        """What `note_batch` needs of a run."""
        return {
            "batch": self.batch_tensors,
            "switches": [switch.predicate for switch in self.switches or ()],
        }

    @property
    def is_started(self) -> bool:
        """Tells whether there is something to check."""
        return self.frozen or self.batch is not None

    def begin(self, values: dict[str, np.ndarray], step: int) -> None:
        """Starts anew in a session that was just created."""
        self.before = {name: values[name] for name in self.variables}
        self.since, self.batch, self.runs, self.summary_in = step, None, 0, 0

    def pass_check(self, values: dict[str, np.ndarray], step: int) -> None:
        """Counts from here on."""
        if not self.frozen:
            self.before = {name: values[name] for name in self.variables}
        self.since, self.batch, self.runs = step, None, 0

    def note_batch(self, fetched: dict[str, Any]) -> bool:
        """Takes what a run gave for `fetches`; tells if it computed the layer in training mode."""
        wanted = [switch.taken_when for switch in self.switches or ()]
        if [bool(value) for value in fetched["switches"]] != wanted:
            return False
        self.batch = fetched["batch"]
        return True

    def count_run(self) -> None:
        """Notes that one more run has computed the layer."""
        self.runs += 1
        self.summary_in -= 1

    def summarise(self, values: dict[Any, np.ndarray], batch: dict[Any, np.ndarray]) -> list[Any]:
        """Returns the tf.Summary.Value protos of the layer.

        Args:
          values: the statistics by variable name, right after a step.
          batch: those of the batch of that step, by the same names.
        """
        mean, variance = self.layer.moving_mean, self.layer.moving_variance
        drift = measure_drift(
            values[mean], values[variance], batch[mean], batch[variance], self.layer.epsilon
        )
        return build_summaries(self.tag, drift, values[mean], values[variance])

    def find_faults(self, values: dict[str, np.ndarray], step: int) -> list[Fault]:
        """Returns what went wrong since the last check; `values` are those at `step`."""
        batch = self.batch or {}
        found = [
            fault
            for name in self.variables
            for fault in find_faults(
                self.layer,
                name,
                self.before[name],
                values[name],
                batch.get(name),
                step - self.since,
                self.frozen,
            )
        ]
        may_stay = self.switches is None
        return [fault for fault in found if not (may_stay and fault.problem is Problem.STILL)]


def plan_watches(
    view: GraphView, layers: Collection[BatchNormLayer], frozen_scopes: str | Sequence[str]
) -> list[LayerWatch]:
    """Returns a watch for each layer in training mode, and for each frozen one in any mode.

    Raises: UsageError: a frozen scope holds no batch norm.
    """
    scopes = {layer.scope for layer in layers}
    kept = pick_by_scope(scopes, frozen_scopes, "frozen_scopes", "batch norm")
    tags: dict[str, int] = {}
    watches = []
    for layer in layers:
        frozen = layer.scope in kept
        if not frozen and layer.mode == "inference":
            continue
        number = tags.setdefault(layer.scope, 0)
        tags[layer.scope] += 1
        tag = f"{layer.scope}_{number}" if number else layer.scope
        switches = _find_switches(view, layer)
        watches.append(LayerWatch(layer, frozen, tag, _find_batch_tensors(layer), switches))
    return watches


def _find_batch_tensors(layer: BatchNormLayer) -> dict[str, str]:
    pairs = (
        (layer.moving_mean, layer.batch_mean),
        (layer.moving_variance, layer.batch_variance),
    )
    return {variable: tensor for variable, tensor in pairs if variable and tensor}


def _find_switches(view: GraphView, layer: BatchNormLayer) -> tuple[Branch, ...] | None:
    """Its own switch and those of the branches that it lies in; None if one cannot be fetched."""
    own = [Branch(layer.switch, layer.trains_when)] if layer.mode == "switched" else []
    around = enclosing_branches(view, names.join_tensor_name(layer.normalise_ops[0], 0))
    switches = []
    for branch in dict.fromkeys([*own, *around]):
        if branch.predicate is None:  # A loop.
            continue
        if not view.is_live(branch.predicate) or enclosing_branch(view, branch.predicate):
            return None  # A session cannot fetch what lies in a branch, loop or function.
        switches.append(dataclasses.replace(branch, predicate=view.live_name(branch.predicate)))
    return tuple(switches)
