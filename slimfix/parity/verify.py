"""Proves, level by level, that a Keras model is the network of the original graph."""

from __future__ import annotations

import os
import platform
import random
from typing import Any, Collection, Mapping, Sequence

import numpy as np

import slimfix
from slimfix.errors import SlimfixError, UsageError, explain, naming
from slimfix.migration.conversion import Migration
from slimfix.migration.eager import run_eagerly
from slimfix.parity.beyond_inference import add_training
from slimfix.parity.copies import compare_copies
from slimfix.parity.data import Data, choose_data
from slimfix.parity.dataflow import Dataflow, read_dataflow
from slimfix.parity.diagnosis import diagnose_layer, diagnose_weights, with_causes
from slimfix.parity.domain.compare import compare_domain
from slimfix.parity.given import check_given
from slimfix.parity.keras_file import load_keras_file
from slimfix.parity.keras_inputs import check_signature, read_specs_of_both
from slimfix.parity.layers import compare_layers
from slimfix.parity.matching import match_weights
from slimfix.parity.readings import read_otherwise
from slimfix.parity.recorded import check_known, check_values, describe_reference
from slimfix.parity.replica import check_backend
from slimfix.parity.request import BASIC, Request
from slimfix.parity.result import ParityResult
from slimfix.parity.rows import LayerParity, SettingsParity, WeightsParity
from slimfix.parity.settings import compare_settings, find_equal_seeds, find_frozen
from slimfix.parity.setup import Setup
from slimfix.parity.statistics import describe_statistics
from slimfix.parity.structure.compare import compare_structure
from slimfix.parity.verdicts import Level, Verdict
from slimfix.parity.weights import compare_weights
from slimfix.reference.inputs import InputSpec
from slimfix.reference.recording import Recording, checksum


def diff_parity(
    model: Any,
    migration: Migration,
    recording: Recording | None = None,
    levels: Collection[Level] = BASIC,
    **more: Any,
) -> ParityResult:
    """Returns the proof, passed or not, that a Keras model is the network of a graph.

    Level L0 compares weights bit by bit, and the settings that decide training. Level L1
    compares the output of every layer: the model in float64 against the original graph in
    float64, which decides; and both float32 sides against that, which tells how much each
    rounds. L2 does the same in training mode and compares the moving statistics after a step, L3
    compares gradients, L4 the steps of an optimizer.

    Args:
      model: functional keras.Model, or path of a `.keras` file, which is loaded with plain Keras.
      migration: the graph and checkpoint that it is to be.
      recording, levels, more: as of `Request`.
    Returns: ParityResult; see its `passed` and `first_difference`.
    Raises:
      ParityError: the recording is not of this graph and checkpoint, or the model takes or gives
        another number of tensors.
      UsageError: the inputs cannot be those of the network; or it computes no finite number for
        them.
      UnsupportedEnvironmentError: Keras runs on another backend than TensorFlow.
    """
    request = Request(levels, recording, **more)
    if isinstance(model, (str, os.PathLike)):
        model = run_eagerly(load_keras_file, os.fspath(model))
    drawn = random.getstate()  # Keras draws seeds for copies of dropouts.
    try:
        with naming(migration.meta):
            result: ParityResult = run_eagerly(_diff, model, migration, request)
    finally:
        random.setstate(drawn)
    return result


def _diff(model: Any, migration: Migration, request: Request) -> ParityResult:
    check_backend()
    flow = read_dataflow(model)
    _check_allowed(flow, request.allowed)
    check_signature(flow, migration)
    specs = read_specs_of_both(flow, migration)
    data = choose_data(migration, request.data, request.recording, specs)
    check_known(migration, request.recording)
    result = _prove(model, flow, migration, request, specs, data)
    for other in () if result.passed else read_otherwise(model, flow, migration.plan, result):
        try:
            read_so = _prove(model, other, migration, request, specs, data)
        except SlimfixError:  # Not of such a model.
            continue
        if read_so.passed:
            return read_so
    return result


def _prove(
    model: Any,
    flow: Dataflow,
    migration: Migration,
    request: Request,
    specs: Sequence[InputSpec],
    data: Data,
) -> ParityResult:
    recording = request.recording
    setup = Setup(flow, migration, match_weights(flow, migration.plan, migration.read))
    _check_comparable(setup, request)
    if recording is not None:
        check_given(setup, data, recording, request.levels)
    # A recording may hold tensors, and so need switches, that the outputs do not depend on.
    switches = {**(recording.switches if recording else {}), **migration.function.switches}
    feeds = {**switches, **data.inference}
    rows, wrong = compare_layers(
        flow,
        migration,
        feeds,
        setup.for_keras(data.inference),
        recording.tensors if recording else {},
        progress=request.progress,
        called=setup.called,
    )
    check_values(recording, wrong)
    rows = with_causes(flow, rows)
    first = next((row for row in rows if row.verdict is Verdict.DIFFERENT), None)
    diagnosis = None
    if first is not None and not first.cause:  # Else float64 has nothing to explain.
        diagnosis = diagnose_layer(flow, migration, feeds, setup.for_keras(data.inference), first)
    domain = None
    if first is None:
        domain = compare_domain(setup, model, data.inference, rows, specs, request.progress)
    result = ParityResult(
        weights=_weights(setup),
        settings=_settings(model, setup, data.inference, request.allowed),
        structure=compare_structure(setup, data.inference, request.allowed),
        layers=tuple(rows),
        domain=domain,
        outputs=migration.signature.outputs,
        reference=describe_reference(recording, request.data, {*BASIC, *request.levels}),
        inputs_sha256=checksum(data.inference),
        samples=len(next(iter(data.inference.values()))),
        versions=_versions(),
        statistics=tuple(describe_statistics(setup)),
        unmatched=_unmatched(setup, rows),
        diagnosis=diagnosis,
    )
    if result.passed and request.data is not None:  # What differs on them is proved to be wrong.
        check_given(setup, data, recording, request.levels)
    return add_training(setup, data, request, result)


def _weights(setup: Setup) -> WeightsParity:
    found = compare_weights(setup.matches, setup.migration.read, {})
    if not found.different:
        return found
    origins = diagnose_weights(setup.flow, setup.migration)
    return compare_weights(setup.matches, setup.migration.read, origins)


def _settings(
    model: Any, setup: Setup, inputs: Mapping[str, np.ndarray], allowed: Collection[str]
) -> SettingsParity:
    planned = compare_settings(setup.flow, setup.migration.plan, setup.matches, allowed)
    more = (
        *find_frozen(model, setup.flow, setup.matches),
        *find_equal_seeds(setup.flow),
        *compare_copies(setup.flow, setup.for_keras(inputs)),
    )
    return SettingsParity(planned.compared, (*planned.different, *more))


def _unmatched(setup: Setup, rows: Sequence[LayerParity]) -> tuple[str, ...]:
    aliases = setup.migration.function.aliases
    compared = {aliases.get(row.tensor, row.tensor) for row in rows}
    return tuple(p.tensor for p in setup.migration.probes if p.tensor not in compared)


def _check_comparable(setup: Setup, request: Request) -> None:
    """Raises UsageError where whole numbers are all that could be compared, or trained on."""
    if setup.floating_outputs:
        return
    trained = [level for level in (Level.GRADIENTS, Level.TRAJECTORY) if level in request.levels]
    of_its_own = not setup.flow.find_tensors(setup.migration.probes)
    if trained or of_its_own:
        what = " and ".join(level.value for level in trained) or "a model with names of its own"
        raise UsageError(
            explain(
                f"{what} cannot be proved: no output of the network is a floating-point tensor",
                [f"'{tensor}'" for tensor in setup.migration.signature.outputs],
                cause="the network ends in classes or other whole numbers.",
                fix="name the tensor that they are computed from with outputs (--outputs).",
            )
        )


def _check_allowed(flow: Dataflow, allowed: Collection[str]) -> None:
    unknown = [name for name in allowed if name not in flow.operations]
    if unknown:
        raise UsageError(
            explain(
                f"allow_layers names '{unknown[0]}', which the model does not have",
                cause="it has " + ", ".join(f"'{name}'" for name in flow.operations),
                fix="name it as the report calls it.",
            )
        )


def _versions() -> dict[str, str]:
    import keras
    import tensorflow as tf

    return {
        "keras": keras.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "slimfix": slimfix.__version__,
        "tensorflow": tf.__version__,
    }
