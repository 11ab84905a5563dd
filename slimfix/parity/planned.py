"""The Keras model that was planned, whether or not it was built."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from slimfix.migration.build import build_model, load_weights
from slimfix.migration.conversion import Migration
from slimfix.parity.dataflow import Dataflow, read_dataflow


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
    # The variables without values wait in the thread for theirs, and go with it.
    with ThreadPoolExecutor(max_workers=1) as elsewhere:
        return elsewhere.submit(_describe, migration).result()


def _describe(migration: Migration) -> Dataflow:
    import keras

    with keras.StatelessScope(initialize_variables=False):  # They have a shape, and no value.
        return read_dataflow(build_model(migration.plan, "as_planned"))
