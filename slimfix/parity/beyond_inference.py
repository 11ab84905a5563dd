"""Levels L2 to L4 of a proof: training forward, gradients, optimizer steps."""

from __future__ import annotations

import dataclasses
from typing import Mapping

import numpy as np

from slimfix.parity.data import Data, choose_course, draw_cotangents
from slimfix.parity.diagnosis import with_causes
from slimfix.parity.gradients import compare_gradients
from slimfix.parity.recorded import check_outputs, check_values, recorded_course
from slimfix.parity.recorded_gradients import hold_recorded
from slimfix.parity.request import Request
from slimfix.parity.result import ParityResult
from slimfix.parity.setup import Setup
from slimfix.parity.training import compare_training
from slimfix.parity.trajectory import compare_trajectories
from slimfix.parity.verdicts import Level


def add_training(setup: Setup, data: Data, request: Request, result: ParityResult) -> ParityResult:
    """Returns a result with those of levels L2 to L4 that were asked for."""
    recording, batch = request.recording, data.batches[0]
    check_outputs(setup, recording, request.levels)
    if any(tuple(held.weight.shape) != held.record.shape for held in setup.matches.held):
        return result  # Level L0 has failed: there is no common ground to train on.
    if Level.TRAINING in request.levels:
        training = compare_training(setup, batch, recording, request.progress)
        check_values(recording, training.wrong)
        result = dataclasses.replace(
            result,
            training=tuple(with_causes(setup.flow, training.rows)),
            statistics=tuple(training.statistics),
            diagnosis=result.diagnosis or training.diagnosis,
        )
    if Level.GRADIENTS in request.levels:
        recorded: Mapping[str, np.ndarray] = recording.gradients if recording else {}
        if not recording or not recorded:
            cotangents = draw_cotangents(setup.output_shapes(batch))
        else:
            cotangents = [recording.cotangents[tensor] for tensor in setup.floating_outputs]
            found = hold_recorded(setup, batch, cotangents, recording)
            check_values(recording, found.wrong)
            result = dataclasses.replace(result, reference=found.said_of(result.reference))
        gradients = compare_gradients(setup, batch, cotangents, recorded)
        result = dataclasses.replace(result, gradients=tuple(gradients))
    if Level.TRAJECTORY in request.levels:
        recorded_steps = recording.trajectory if recording else None
        if recorded_steps is None:
            shapes = [setup.output_shapes(batch) for batch in data.batches]
            course = choose_course(data, shapes, request.optimizer, request.steps)
        else:
            course = recorded_course(recorded_steps, setup.floating_outputs)
        trajectory, wrong = compare_trajectories(setup, course, request.progress)
        check_values(recording, wrong)
        result = dataclasses.replace(result, trajectory=trajectory)
    return result
