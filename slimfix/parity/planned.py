"""The Keras model that was planned, whether or not it was built."""

from __future__ import annotations

from slimfix.migration.build import build_model, load_weights
from slimfix.migration.conversion import Migration
from slimfix.parity.dataflow import Dataflow, read_dataflow
from slimfix.parity.without_values import without_values


def build_plan(migration: Migration) -> Dataflow:
    """Returns the dataflow of the Keras model that was planned, with the checkpoint's values."""
    if migration.model is not None:
        return read_dataflow(migration.model)
    model = build_model(migration.plan, "as_planned")
    load_weights(model, migration.plan, migration.read)
    return read_dataflow(model)


def describe_plan(migration: Migration) -> Dataflow:
    """Returns the same, but that its weights need have no values."""
    if migration.model is not None:
        return read_dataflow(migration.model)
    flow: Dataflow = without_values(_built, migration)
    return flow


def _built(migration: Migration) -> Dataflow:
    return read_dataflow(build_model(migration.plan, "as_planned"))
