"""Recorded gradients, where a ReLU stood otherwise than in float64; expected values by NumPy."""

import dataclasses

import numpy as np
import pytest

from slimfix.errors import ParityError
from slimfix.migration import convert
from slimfix.parity import Level, diff_parity
from slimfix.reference.recording import Recording


@pytest.fixture
def at_zero(graph, saved):
    """A network whose first ReLU is given rounding alone by the first sample; gives what a run
    records in which that ReLU is on or off, and its migration."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 2], name="x")
    before = tf.matmul(x, tf.get_variable("one", [2, 3]), name="before")
    made = tf.matmul(tf.nn.relu(before, name="relu"), tf.get_variable("two", [3, 2]), name="out")
    migration = convert(saved(), inputs="x:0", outputs=made.name)
    one, two = (migration.read(name).astype(np.float64) for name in ("one", "two"))
    values = np.random.default_rng(3).normal(size=(5, 2)).astype(np.float32)
    values[0] = 1.0, np.float32(-one[0, 0] / one[1, 0])
    wide = values.astype(np.float64)
    assert 0 < abs((wide @ one)[0, 0]) < 1e-6
    cotangent = np.random.default_rng(4).normal(size=(5, 2)).astype(np.float32)

    def record(on, **more):
        given = wide @ one
        given[0, 0] = abs(given[0, 0]) * (1 if on else -1)
        passed = given > 0
        back = (cotangent @ two.T) * passed
        arrays = {
            "inputs": {"x:0": values},
            "tensors": {"out:0": np.maximum(wide @ one, 0) @ two},
            "training": {"before:0": given, "relu:0": given * passed},
            "cotangents": {"out:0": cotangent},
            "gradients": {
                "one": wide.T @ back,
                "two": (given * passed).T @ cotangent,
                "x:0": back @ one.T,
            },
        }
        single = {
            room: {name: value.astype(np.float32) for name, value in each.items()}
            for room, each in arrays.items()
        }
        return Recording("r.npz", {"tensorflow": "1.15.5"}, {}, **{**single, **more})

    return record, migration


def prove(migration, recording):
    return diff_parity(migration.model, migration, recording, [Level.GRADIENTS])


def test_a_relu_that_rounding_switched_is_counted(at_zero):
    record, migration = at_zero
    results = [prove(migration, record(on)) for on in (True, False)]
    assert all(result.passed for result in results)
    said = [result.reference.description for result in results]
    told = "recorded by TensorFlow 1.15.5, where rounding switched 1 ReLU"
    assert sorted(said) == ["recorded by TensorFlow 1.15.5", told]
    switched = results[said.index(told)]
    assert max(row.original_error for row in switched.gradients) > 1e-2


def both_ways(record):
    """The same run with the ReLU on and off; of one of them float64 says the same."""
    return [(record(on), record(not on)) for on in (True, False)]


def test_gradients_of_another_decision_than_was_recorded_are_refused(at_zero):
    record, migration = at_zero
    for one, other in both_ways(record):
        mixed = dataclasses.replace(one, gradients=other.gradients)
        with pytest.raises(ParityError, match="gradient of 'one': off by"):
            prove(migration, mixed)


def test_without_its_decisions_a_recording_is_held_to_those_of_float64(at_zero):
    record, migration = at_zero
    outcomes = []
    for on in (True, False):
        try:
            outcomes.append(prove(migration, record(on, training={})).passed)
        except ParityError as error:
            outcomes.append("which ReLUs were on is not recorded: record L2 too" in str(error))
            assert "Fix: record it again" in str(error)
    assert outcomes == [True, True]


def test_a_relu_that_no_rounding_switches_is_refused(at_zero):
    """Gradients and what was computed are of one run, which is not one of this network."""
    record, migration = at_zero
    recording = record(True)
    given = dict(recording.training)
    given["before:0"] = given["before:0"].copy()
    given["before:0"][1] *= -1
    given["relu:0"] = np.maximum(given["before:0"], 0)
    with pytest.raises(ParityError, match="'relu:0' in training: off by"):
        prove(migration, dataclasses.replace(recording, training=given))


@pytest.mark.parametrize("share", [1e-3, 1e-4])
def test_every_gradient_is_held_to_rounding(at_zero, share):
    record, migration = at_zero
    recording = record(True)
    for name, value in recording.gradients.items():
        off = value.copy()
        off[0, 0] += np.float32(share) * np.abs(off).max()
        changed = {**recording.gradients, name: off}
        with pytest.raises(ParityError, match="1 of the values in recording") as caught:
            prove(migration, dataclasses.replace(recording, gradients=changed))
        assert f"gradient of '{name}': off by" in str(caught.value)


def test_recorded_gradients_are_all_of_the_graphs_and_no_other(at_zero):
    record, migration = at_zero
    recording = record(True)
    some = {name: recording.gradients[name] for name in ("one", "x:0")}
    with pytest.raises(ParityError, match="gradient of 'two': not recorded"):
        prove(migration, dataclasses.replace(recording, gradients=some))
    more = {**recording.gradients, "three": np.ones(3, np.float32)}
    with pytest.raises(ParityError, match="gradient of 'three': recorded alone"):
        prove(migration, dataclasses.replace(recording, gradients=more))
