"""What explains a difference has to in several scales; and what is no explanation is none."""

import dataclasses

import keras
import numpy as np
import pytest

from slimfix.parity import diff_parity
from slimfix.parity.dataflow import read_dataflow
from slimfix.parity.diagnosis import diagnose_layer, layer
from slimfix.parity.diagnosis.momentum import solve_momentum
from slimfix.parity.diagnosis.scales import in_scales, worst_error


def bounded(tf):
    x = tf.placeholder(tf.float32, [None, 5], name="x")
    return tf.nn.relu6(x * tf.get_variable("scale", [5]), name="bounded")


@pytest.mark.parametrize("several", [True, False])
def test_inputs_that_are_small_hide_no_bound(graph, net, remade, fitting, monkeypatch, several):
    """All values are below 6: in one scale a ReLU without a maximum explains as much."""
    import tensorflow.compat.v1 as tf

    if not several:  # The control.
        monkeypatch.setattr(layer, "in_scales", lambda *arguments: None)
    case = net(bounded(tf))
    case.feeds["x:0"] = case.inputs["x"] = np.clip(case.inputs["x"], -1.5, 1.5)
    (last,) = case.migration.model.layers[-1:]
    tanh = keras.layers.Activation("tanh", name=last.name)
    model = remade(case.migration.model, {last.name: tanh})
    found = "relu6" if several else "relu"
    assert fitting(case, model) == [f"activation tanh in place of {found}"]


def test_where_samples_do_not_lie_along_the_first_axis(graph, net, remade, fitting):
    import tensorflow.compat.v1 as tf

    case = net(bounded(tf))
    function = dataclasses.replace(case.migration.function, batches={})
    case.migration = dataclasses.replace(case.migration, function=function)
    assert in_scales(case.migration, case.feeds, case.inputs) is None
    (last,) = case.migration.model.layers[-1:]
    tanh = keras.layers.Activation("tanh", name=last.name)
    model = remade(case.migration.model, {last.name: tanh})
    assert fitting(case, model)[0].startswith("activation tanh in place of relu")


@pytest.mark.parametrize("limit", ["infinite", "asserted"])
def test_a_network_that_takes_no_other_scale(graph, net, held, refilled, fitting, limit):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 5], name="x")
    if limit == "infinite":
        data = tf.exp(x * 4.0)
    else:
        with tf.control_dependencies([tf.Assert(tf.reduce_max(tf.abs(x)) < 9.0, ["large"])]):
            data = tf.identity(x)
    case = net(slim.fully_connected(data, 4, activation_fn=None, scope="fc"))
    kernel = held(case.migration.model, "fc")["kernel"]
    model = refilled(case.migration.model, "fc", kernel=kernel * np.float32(1.5))
    assert fitting(case, model) == ["kernel is the variable times 1.5"]


def test_each_sample_is_there_in_each_scale(graph, net):
    import tensorflow.compat.v1 as tf

    case = net(bounded(tf))
    samples = in_scales(case.migration, case.feeds, case.inputs)
    given, plain = samples.feeds["x:0"], case.feeds["x:0"]
    assert given.shape == (3 * len(plain), 5) and given.dtype == np.float32
    for part, scale in enumerate((1, 100, 0.01)):
        np.testing.assert_array_equal(given[part::3], plain * np.float32(scale))
    np.testing.assert_array_equal(samples.keras_inputs["x"], given)


def test_an_error_counts_in_its_own_scale():
    expected = np.array([[1.0], [100.0], [0.01]])
    off = np.array([[1.0], [100.0], [0.0101]])
    assert worst_error(off, expected, 1) == pytest.approx(1e-6)
    assert worst_error(off, expected, 3) == pytest.approx(1e-2)
    assert worst_error(expected, expected, 3) == 0.0
    assert worst_error(expected[:2], expected, 3) == np.inf


def test_where_exact_inputs_show_no_difference_nothing_is_a_cause(digits):
    """Any mending that does nothing would fit: 'all values 1 times those of the original'."""
    model = digits.migration.model
    row = diff_parity(model, digits.migration).layers[-1]
    flow = read_dataflow(model)
    found = diagnose_layer(flow, digits.migration, digits.feeds, digits.inputs, row)
    assert found.trials == ()


@keras.saving.register_keras_serializable("tests")
class NearlyRelu(keras.layers.Layer):
    """Off by what seven digits do not show."""

    def call(self, values):
        return keras.ops.relu(values) * (1 + 3e-8)


def test_a_factor_that_rounds_to_one_is_no_cause(digits, remade, diagnose):
    other = NearlyRelu(name="digits__conv1__Relu")
    diagnosis = diagnose(digits, remade(digits.migration.model, {other.name: other}))
    assert diagnosis.fitting == ()
    assert not any("all values 1 times" in trial.hypothesis for trial in diagnosis.trials)


def test_one_channel_tells_no_epsilon_and_no_momentum(graph, net, refilled, fitting):
    """Any factor has an epsilon that gives it, and any move a momentum."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6, 1], name="x")
    case = net(slim.batch_norm(x, is_training=False, fused=False, scope="bn"))
    variance = case.migration.read("bn/moving_variance") * np.float32(0.75)
    model = refilled(case.migration.model, "bn", moving_variance=variance)
    (found,) = fitting(case, model)
    assert found.startswith("moving_variance is") or found.startswith("moving_variance differs")
    one, two = np.array([1.0]), np.array([1.0, 2.0])
    assert solve_momentum(one, np.array([3.0]), np.array([1.4])) is None
    assert solve_momentum(two, np.array([3.0, 1.0]), np.array([1.4, 1.8])) == pytest.approx(0.8)
