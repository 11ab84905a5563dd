"""What lies around the first difference: from tensors that agree to the first that does not."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

import numpy as np

from slimfix.migration.build import Probe
from slimfix.migration.conversion import Migration
from slimfix.migration.records import LayerRecord
from slimfix.parity.dataflow import Dataflow, Tensor
from slimfix.parity.diagnosis.chain import Chain, Repair, Step, find_steps
from slimfix.parity.diagnosis.scales import Samples, worst_error
from slimfix.parity.keras_inputs import keras_inputs as inputs_by_name
from slimfix.parity.planned import build_plan
from slimfix.parity.rows import LayerParity
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
      called: planned name by Keras name, of steps that the model calls otherwise.
      suspects: positions of the steps that may be at fault.
      scales: number of scales that samples have in turns.
    """

    chain: Chain
    planned: Chain
    end: int | None
    expected: np.ndarray
    records: Mapping[str, LayerRecord]
    migration: Migration
    inputs: Mapping[int, np.ndarray]
    suspects: tuple[int, ...]
    called: Mapping[str, str] = dataclasses.field(default_factory=dict)
    scales: int = 1

    def planned_name(self, step: Step) -> str:
        """Returns the name that the plan has for a step, its own unless known to be another."""
        return self.called.get(step.name, step.name)

    def record(self, step: Step) -> LayerRecord | None:
        """Returns what was planned under the name of a step; None where nothing was."""
        return self.records.get(self.planned_name(step))

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
        here = {self.planned_name(step) for step in self.chain.steps}
        return tuple(step for step in self.planned.steps if step.name not in here)

    @property
    def extra(self) -> tuple[int, ...]:
        """The positions of the Keras model's steps that were not planned here."""
        planned = {step.name for step in self.planned.steps}
        steps = enumerate(self.chain.steps)
        return tuple(index for index, step in steps if self.planned_name(step) not in planned)

    @property
    def is_finite(self) -> bool:
        """Whether all that is known is finite."""
        known = [*self.chain.values_known(), *self.planned.values_known(), self.expected]
        return all(np.all(np.isfinite(value)) for value in known if value.dtype.kind == "f")

    def of_samples(self, number: int) -> Segment:
        """Returns the same on the first samples alone, in each scale, to choose among guesses."""
        number *= self.scales
        return dataclasses.replace(
            self,
            chain=self.chain.of_samples(number),
            planned=self.planned.of_samples(number),
            expected=self.expected[:number],
            inputs={key: value[:number] for key, value in self.inputs.items()},
        )

    def error(self, repairs: Mapping[int, Repair], known: Mapping[int, Any] | None = None) -> float:
        """Returns how far the model is off with some steps replaced; see `Chain.run`.

        It is the error of the scale in which it is largest.
        """
        return worst_error(self.chain.run(repairs, known), self.expected, self.scales)


def find_segment(
    flow: Dataflow, migration: Migration, samples: Samples, row: LayerParity
) -> Segment:
    """Returns the part of both networks that makes the tensor of a row; args as `diagnose_layer`.

    The walk back stops at the tensors that were compared before and agree: the fault lies behind
    them.
    """
    function = migration.function
    tensor = function.aliases.get(row.tensor, row.tensor)
    position = next(i for i, probe in enumerate(migration.probes) if probe.tensor == tensor)
    planned = migration.probes[position]
    # The row may be of an operation with another name than the planned one.
    found = dataclasses.replace(planned, operation=row.layer)
    in_model = flow.find_tensors(migration.probes[:position])
    # Where the model lacks a layer, the walk through the planned one goes on behind it as well.
    compared = [probe for probe in migration.probes[:position] if probe.tensor in in_model]
    as_planned_flow = build_plan(migration)
    walks = [
        _walk(each, _end(each, migration, row.tensor, own), compared)
        for each, own in ((flow, found), (as_planned_flow, planned))
    ]
    read = {name for walk in walks for name in walk.compared.values()}
    exact = run_original(migration, samples.feeds, [row.tensor, *sorted(read)])
    as_called = (
        samples.keras_inputs,
        inputs_by_name(as_planned_flow, migration, samples.feeds),
    )
    given = [
        {key: _widened(values[name]) for key, name in walk.inputs.items()}
        for walk, values in zip(walks, as_called)
    ]
    chain, as_planned = (
        Chain(
            walk.steps,
            walk.end,
            {**inputs, **{key: exact[name] for key, name in walk.compared.items()}},
        )
        for walk, inputs in zip(walks, given)
    )
    here = [step.name for step in chain.steps]
    return Segment(
        chain=chain,
        planned=as_planned,
        end=here.index(row.layer) if row.layer in here else None,
        expected=exact[row.tensor],
        records={record.name: record for record in migration.plan.layers},
        migration=migration,
        inputs=given[0],
        suspects=tuple(range(len(here))),
        scales=samples.scales,
    )


@dataclasses.dataclass(frozen=True)
class _Walk:
    """The way back through one model from the tensor that differs.

    Attributes:
      end: the tensor that differs.
      steps: what makes it.
      compared: name in the original by id of each tensor that agrees and that the steps read.
      inputs: Keras name by id of each input of the model that they read.
    """

    end: Tensor
    steps: tuple[Step, ...]
    compared: Mapping[int, str]
    inputs: Mapping[int, str]


def _walk(flow: Dataflow, end: Tensor, compared: Sequence[Probe]) -> _Walk:
    agree = {id(symbolic): name for name, symbolic in flow.find_tensors(compared).items()}
    inputs = {id(source): source.name for source in flow.inputs}
    steps, read = find_steps(end, {**agree, **inputs})
    return _Walk(
        end=end,
        steps=tuple(steps),
        compared={id(each): agree[id(each)] for each in read if id(each) in agree},
        inputs={id(each): inputs[id(each)] for each in read if id(each) not in agree},
    )


def _end(flow: Dataflow, migration: Migration, tensor: str, probe: Probe) -> Tensor:
    """Returns the tensor in the model; of an output of the network, what the model gives for it."""
    outputs = migration.signature.outputs
    if tensor in outputs:
        return flow.outputs[outputs.index(tensor)]
    return flow.find_tensors([probe])[probe.tensor]


def run_original(
    migration: Migration, feeds: Mapping[str, Any], tensors: list[str]
) -> dict[str, np.ndarray]:
    """Returns exact values by tensor name, axes in the model's order; args as `Original`'s."""
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
