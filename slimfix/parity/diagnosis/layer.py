"""Tries every guess on the first layer that computes something else than the original."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from typing import Any, Callable, Iterable, Iterator, Mapping

import numpy as np

from slimfix.errors import SlimfixError
from slimfix.migration.conversion import Migration
from slimfix.parity.compare import SAME_FUNCTION
from slimfix.parity.dataflow import Dataflow
from slimfix.parity.diagnosis.activation import guess_activation
from slimfix.parity.diagnosis.batch_norm import guess_batch_norm
from slimfix.parity.diagnosis.dtype import guess_dtype
from slimfix.parity.diagnosis.hypothesis import Guesses, Hypothesis, try_out
from slimfix.parity.diagnosis.kernel import guess_bias, guess_kernel
from slimfix.parity.diagnosis.mode import guess_dropout
from slimfix.parity.diagnosis.narrowing import narrow, tensor_of
from slimfix.parity.diagnosis.order_of_axes import guess_order
from slimfix.parity.diagnosis.plan import guess_pattern, guess_settings
from slimfix.parity.diagnosis.pooling import guess_pooling
from slimfix.parity.diagnosis.preprocessing import guess_preprocessing
from slimfix.parity.diagnosis.resizing import guess_resizing
from slimfix.parity.diagnosis.scales import Samples, in_scales
from slimfix.parity.diagnosis.segment import Segment, find_segment
from slimfix.parity.diagnosis.structure import guess_argument_order, guess_extra, guess_reading
from slimfix.parity.diagnosis.value import guess_origin, guess_values
from slimfix.parity.diagnosis.window import guess_window
from slimfix.parity.rows import Diagnosis, LayerParity, Trial
from slimfix.parity.verdicts import Level

_OF_A_STEP: tuple[Guesses, ...] = (
    guess_batch_norm,
    guess_dropout,
    guess_origin,
    guess_window,
    guess_pooling,
    guess_kernel,
    guess_bias,
    guess_activation,
    guess_order,
    guess_resizing,
    guess_argument_order,
)
_OF_ALL: tuple[Callable[[Segment], Iterable[Hypothesis]], ...] = (
    guess_extra,
    guess_reading,
    guess_preprocessing,
)


def diagnose(
    flow: Dataflow,
    migration: Migration,
    feeds: Mapping[str, Any],
    keras_inputs: Mapping[str, np.ndarray],
    row: LayerParity,
) -> Diagnosis:
    """Returns what was tried; see `diagnose_layer`.

    What is more general than a fault of one kind, such as that the values of the checkpoint would
    fit, is tried only where no such fault explains the difference. What rounds coarsely looks like
    many faults, and is tried first. Where float64 finds no difference from exact inputs, nothing
    can be told by mending one.
    """
    samples, whole = _in_scales(flow, migration, Samples(feeds, keras_inputs), row)
    segment = narrow(whole, samples.feeds)
    trials: list[Trial] = []
    if not segment.error({}) <= SAME_FUNCTION:
        trials += _try_all(segment)
    layer, tensor = row.layer, row.tensor
    if segment.chain.steps != whole.chain.steps:
        layer = segment.chain.steps[-1].name
        tensor = tensor_of(segment, segment.planned.steps[-1]) or tensor
    return Diagnosis(Level.INFERENCE, layer, tensor, tuple(trials))


def _in_scales(
    flow: Dataflow, migration: Migration, plain: Samples, row: LayerParity
) -> tuple[Samples, Segment]:
    """Returns samples in several scales, and the segment of them; plain ones where the network does
    not take others, or is not finite on them."""
    several = in_scales(migration, plain.feeds, plain.keras_inputs)
    if several is not None:
        with contextlib.suppress(SlimfixError):
            segment = find_segment(flow, migration, several, row)
            if segment.is_finite:
                return several, segment
    return plain, find_segment(flow, migration, plain, row)


def _try_all(segment: Segment) -> list[Trial]:
    for guesses in (_of_each_step(segment, guess_dtype), _special(segment)):
        trials = [try_out(segment, hypothesis) for hypothesis in guesses]
        if any(trial.fits for trial in trials):
            return trials
    return [*trials, *_until_one_fits(segment)]


def _special(segment: Segment) -> Iterator[Hypothesis]:
    for guesses in _OF_A_STEP:
        yield from _of_each_step(segment, guesses)
    for of_all in _OF_ALL:
        yield from of_all(segment)


def _general(segment: Segment) -> Iterator[Iterable[Hypothesis]]:
    yield _of_each_step(segment, guess_values)
    yield _of_each_step(segment, guess_settings)
    yield guess_pattern(segment)


def _until_one_fits(segment: Segment) -> list[Trial]:
    trials: list[Trial] = []
    for hypothesis in itertools.chain.from_iterable(_general(segment)):
        trials.append(try_out(segment, hypothesis))
        if trials[-1].fits:
            break
    return trials


def _of_each_step(segment: Segment, guesses: Guesses) -> Iterator[Hypothesis]:
    """Yields the guesses about each step, which is named where there are several."""
    steps = segment.chain.steps
    for index in segment.suspects:
        for hypothesis in guesses(segment, index):
            if len(steps) > 1:
                text = f"'{steps[index].name}': {hypothesis.text}"
                hypothesis = dataclasses.replace(hypothesis, text=text)
            yield hypothesis
