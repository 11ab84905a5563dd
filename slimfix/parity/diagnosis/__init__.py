"""Finds the likely cause of a failed proof by trying hypotheses, and says what was tried."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from slimfix.migration.conversion import Migration
from slimfix.migration.eager import run_eagerly
from slimfix.parity.dataflow import Dataflow
from slimfix.parity.diagnosis.layer import diagnose
from slimfix.parity.diagnosis.momentum import solve_momentum
from slimfix.parity.diagnosis.origin import explain_weights
from slimfix.parity.diagnosis.rounding import rounding_cause, with_causes
from slimfix.parity.rows import Diagnosis, LayerParity

__all__ = ["diagnose_layer", "diagnose_weights", "rounding_cause", "solve_momentum", "with_causes"]


def diagnose_layer(
    flow: Dataflow,
    migration: Migration,
    feeds: Mapping[str, Any],
    keras_inputs: Mapping[str, np.ndarray],
    row: LayerParity,
) -> Diagnosis:
    """Returns what was tried on the first layer that computes another function, and what fits.

    All that the layer reads agrees with the original, so that the fault is in it, or in what the
    model has between it and what it should read. Each hypothesis is a small repair of the layer, a
    missing gamma put in or a kernel turned round; it fits if the repaired layer, in float64 and
    from the original's exact inputs, gives the original's exact output. The model stays as it is.

    Args:
      flow: of the model under test, which may lack layers of the plan and have others.
      migration: the graph and checkpoint it was made from.
      feeds: value by tensor name of the graph: inputs and switches.
      keras_inputs: the inputs by Keras name, axes as the model has them.
      row: the first row of level L1 whose verdict is different.
    Returns: Diagnosis of level L1; every trial that applies to this kind of layer, in order.
    """
    diagnosis: Diagnosis = run_eagerly(diagnose, flow, migration, feeds, keras_inputs, row)
    return diagnosis


def diagnose_weights(flow: Dataflow, migration: Migration) -> dict[str, str]:
    """Returns what each weight is that has not the bits of its variable.

    Args:
      flow: of the model under test; what it lacks of the plan is left out.
      migration: the graph and checkpoint it was made from.
    Returns: by 'layer/weight' a clause, e.g. 'holds the bits of "conv2/weights"'; {} where every
      weight is right.
    """
    found: dict[str, str] = run_eagerly(
        explain_weights, flow, migration.plan, migration.read, migration.checkpoint
    )
    return found
