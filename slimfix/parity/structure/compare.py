"""Level L0 too: the operations of a model and how they are connected, against the plan."""

from __future__ import annotations

from typing import Any, Collection, Mapping

import numpy as np

from slimfix.migration.conversion import Migration
from slimfix.parity.dataflow import Dataflow
from slimfix.parity.keras_inputs import keras_inputs
from slimfix.parity.planned import build_plan, describe_plan
from slimfix.parity.rows import StructureParity
from slimfix.parity.setup import Setup
from slimfix.parity.structure.alignment import align
from slimfix.parity.structure.normal_form import normal_form
from slimfix.parity.structure.part import Prints
from slimfix.parity.structure.prints import take_prints
from slimfix.parity.structure.steps import NormalForm


def compare_structure(
    setup: Setup, inputs: Mapping[str, np.ndarray], allowed: Collection[str] = ()
) -> StructureParity:
    """Returns which operations of a model are not the plan's, and which are another form of them.

    Args:
      setup: both networks.
      inputs: value by tensor name, looked at only where a part is written in another way.
      allowed: names of operations of the model that may be others than planned.
    """
    migration, flow = setup.migration, setup.flow
    found = normal_form(flow, {id(h.weight): h.record.variable for h in setup.matches.held})
    described = describe_plan(migration)
    planned = _planned_form(migration, described)

    def prints() -> tuple[Prints, Prints]:
        whole = build_plan(migration)
        sides = [
            (whole, _planned_form(migration, whole), keras_inputs(whole, migration, inputs)),
            (flow, found, setup.for_keras(inputs)),
        ]
        of_plan, of_found = take_prints(sides)
        # Of the plan's own description, step by step.
        steps = zip(sides[0][1].steps, planned.steps)
        twins = {id(one): id(other) for one, other in steps}
        as_described = {
            (twins[step], index): each
            for (step, index), each in of_plan.items()
            if step in twins  # Not what nothing reads.
        }
        return as_described, of_found

    aligned = align(planned, found, prints)
    excused = [each for each in aligned.differences if each.calls and {*each.calls} <= {*allowed}]
    return StructureParity(
        aligned.steps,
        tuple(each.text for each in aligned.differences if each not in excused),
        aligned.by_numbers,
        tuple(each.text for each in excused),
    )


def _planned_form(migration: Migration, flow: Dataflow) -> NormalForm:
    variables: dict[int, Any] = {}
    for record in migration.plan.layers:
        layer = flow.operations.get(record.name)
        for weight in record.weights:
            variables[id(getattr(layer, weight.name))] = weight.variable
    return normal_form(flow, variables)
