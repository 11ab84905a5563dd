"""What lies around the first difference: from tensors that agree to the first that does not."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

import numpy as np

from slimfix.migration.build import Probe, build_model, load_weights
from slimfix.migration.conversion import Migration
from slimfix.migration.records import LayerRecord
from slimfix.parity.compare import relative_error
from slimfix.parity.diagnosis.chain import Chain, Repair, Step, find_steps
from slimfix.parity.keras_side import find_tensors
from slimfix.parity.result import LayerParity
from slimfix.reference.original import Original


@dataclasses.dataclass(frozen=True)
class Segment:
    """The part of both networks in which the fault is.

    Attributes:
      chain: what the Keras model computes there, from the original's exact values.
      planned: what the model as migrated computes there.
      end: position in `chain` of the step that the row is of; None where there is none.
      expected: float64, the original's tensor, its axes as the model has them.
      records: the planned layer or operation by name, of the whole network.
      migration: the graph and checkpoint.
      inputs: by id of each input of the model that the chain reads, its value.
      reads: names of the original's tensors that the chain starts from.
    """

    chain: Chain
    planned: Chain
    end: int | None
    expected: np.ndarray
    records: Mapping[str, LayerRecord]
    migration: Migration
    inputs: Mapping[int, np.ndarray]
    reads: tuple[str, ...]

    def record(self, step: Step) -> LayerRecord | None:
        """Returns what was planned under the name of a step; None where nothing was."""
        return self.records.get(step.name)

    def variables(self, step: Step) -> dict[str, np.ndarray]:
        """Returns the checkpoint's values of a step's planned weights, by name, as float64."""
        record = self.record(step)
        return {
            weight.name: weight.arrange(self.migration.read(weight.variable)).astype(np.float64)
            for weight in (record.weights if record else ())
        }

    @property
    def missing(self) -> tuple[Step, ...]:
        """The planned steps that the Keras model does not have here."""
        here = {step.name for step in self.chain.steps}
        return tuple(step for step in self.planned.steps if step.name not in here)

    @property
    def extra(self) -> tuple[int, ...]:
        """The positions of the Keras model's steps that were not planned here."""
        planned = {step.name for step in self.planned.steps}
        steps = enumerate(self.chain.steps)
        return tuple(index for index, step in steps if step.name not in planned)

    def error(self, repairs: Mapping[int, Repair], known: Mapping[int, Any] | None = None) -> float:
        """Returns how far the model is off with some steps replaced; see `Chain.run`."""
        return relative_error(self.chain.run(repairs, known), self.expected)


def find_segment(
    model: Any,
    migration: Migration,
    feeds: Mapping[str, Any],
    keras_inputs: Mapping[str, np.ndarray],
    row: LayerParity,
) -> Segment:
    """Returns the part of both networks that makes the tensor of a row; args as `diagnose_layer`.

    The walk back stops at the tensors that were compared before and agree: the fault lies behind
    them.
    """
    function = migration.function
    tensor = function.aliases.get(row.tensor, row.tensor)
    position = next(i for i, probe in enumerate(migration.probes) if probe.tensor == tensor)
    # The row may be of an operation with another name than the planned one.
    probe = dataclasses.replace(migration.probes[position], operation=row.layer)
    before = migration.probes[:position]
    ends: list[Any] = []
    starts: list[dict[int, str | Any]] = []
    for each, own in ((model, probe), (_as_planned(migration), migration.probes[position])):
        ends.append(_end(each, migration, row.tensor, own))
        found = find_tensors(each, before)
        starts.append({id(symbolic): name for name, symbolic in found.items()})
        starts[-1].update({id(source): source for source in each.inputs})
    walked = [find_steps(end, start) for end, start in zip(ends, starts)]
    read = {
        start[id(source)]
        for (_, sources), start in zip(walked, starts)
        for source in sources
        if isinstance(start[id(source)], str)
    }
    exact = _run_original(migration, feeds, [row.tensor, *sorted(read)])
    chains = []
    for (steps, sources), start, end in zip(walked, starts, ends):
        known = {
            id(source): exact[start[id(source)]]
            if isinstance(start[id(source)], str)
            else _widened(keras_inputs[source.name])
            for source in sources
        }
        chains.append(Chain(steps, end, known))
    here = [step.name for step in walked[0][0]]
    return Segment(
        chain=chains[0],
        planned=chains[1],
        end=here.index(row.layer) if row.layer in here else None,
        expected=exact[row.tensor],
        records={record.name: record for record in migration.plan.layers},
        migration=migration,
        inputs={
            id(source): _widened(keras_inputs[source.name])
            for source in walked[0][1]
            if not isinstance(starts[0][id(source)], str)
        },
        reads=tuple(
            start if isinstance(start, str) else start.name
            for start in (starts[0][id(source)] for source in walked[0][1])
        ),
    )


def _as_planned(migration: Migration) -> Any:
    """Returns the Keras model that was planned, with the checkpoint's values."""
    if migration.model is not None:
        return migration.model
    model, _ = build_model(migration.plan, "as_planned")
    load_weights(model, migration.plan, migration.read)
    return model


def _end(model: Any, migration: Migration, tensor: str, probe: Probe) -> Any:
    """Returns the symbolic tensor; of an output of the network, what the model gives for it."""
    outputs = migration.signature.outputs
    if tensor in outputs:
        return model.outputs[outputs.index(tensor)]
    return find_tensors(model, [probe])[probe.tensor]


def _run_original(
    migration: Migration, feeds: Mapping[str, Any], tensors: list[str]
) -> dict[str, np.ndarray]:
    original = Original(migration.view, migration.read, feeds, tensors, float64=True)
    (values,) = original.run([tensors])
    permutations = migration.function.permutations
    return {
        tensor: np.transpose(value, permutations[tensor]) if tensor in permutations else value
        for tensor, value in values.items()
    }


def _widened(value: np.ndarray) -> np.ndarray:
    value = np.asarray(value)
    return value.astype(np.float64) if value.dtype == np.float32 else value
