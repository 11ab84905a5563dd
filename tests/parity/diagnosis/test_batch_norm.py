"""What is wrong with a batch norm."""

import numpy as np
import pytest

from slimfix.migration.eager import run_eagerly
from slimfix.parity import Verdict
from slimfix.parity.diagnosis.batch_norm import Parameters, solve_epsilon
from slimfix.parity.verdicts import Level

LAYER = "digits__sepconv2__BatchNorm"  # It has a gamma, a beta and epsilon 1.001e-5.
NO_GAMMA = "digits__conv1__BatchNorm"


@pytest.mark.parametrize(
    ("layer", "epsilon", "text"),
    [
        (LAYER, 1e-3, "epsilon 0.001 in place of 1.001e-05"),
        (LAYER, 1e-5, "epsilon 1e-05 in place of 1.001e-05"),
        (NO_GAMMA, 0.00100001, "epsilon 0.00100001 in place of 0.001"),
    ],
)
def test_epsilon(digits, changed, fitting, layer, epsilon, text):
    assert fitting(digits, changed(digits.migration.model, layer, epsilon=epsilon)) == [text]


def test_every_trial_is_reported(digits, changed, diagnose):
    diagnosis = diagnose(digits, changed(digits.migration.model, LAYER, epsilon=1e-3))
    assert diagnosis.level is Level.INFERENCE
    assert diagnosis.layer == LAYER
    assert diagnosis.tensor == "digits/sepconv2/BatchNorm/cond/FusedBatchNormV3_1:0"
    assert [trial.hypothesis for trial in diagnosis.trials] == [
        "epsilon 0.001 in place of 1.001e-05",
        "gamma extra",
        "beta extra",
        "beta and gamma swapped",
        "mean and variance swapped",
        "moving statistics in place of the batch's",
    ]


def test_gamma_missing(digits, changed, fitting):
    assert fitting(digits, changed(digits.migration.model, LAYER, scale=False)) == ["gamma missing"]


def test_beta_missing(digits, changed, fitting):
    assert fitting(digits, changed(digits.migration.model, LAYER, center=False)) == ["beta missing"]


def test_gamma_extra(digits, changed, fitting):
    model = changed(digits.migration.model, NO_GAMMA, scale=True)
    model.get_layer(NO_GAMMA).gamma.assign(np.linspace(0.5, 1.7, 12))
    assert fitting(digits, model) == ["gamma extra"]


def test_beta_extra(graph, net, changed, fitting):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 5], name="x")
    case = net(slim.batch_norm(x, center=False, scale=True, is_training=False, scope="bn"))
    model = changed(case.migration.model, "bn", center=True)
    run_eagerly(model.get_layer("bn").beta.assign, np.linspace(0.3, 0.9, 5))
    assert fitting(case, model) == ["beta extra"]


def test_beta_and_gamma_swapped(digits, held, refilled, fitting):
    had = held(digits.migration.model, LAYER)
    model = refilled(digits.migration.model, LAYER, beta=had["gamma"], gamma=had["beta"])
    assert fitting(digits, model) == ["beta and gamma swapped"]


def test_mean_and_variance_swapped(graph, net, held, refilled, fitting):
    """Of a net whose means are all positive, so that their roots are numbers."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 5], name="x")
    case = net(slim.batch_norm(x, is_training=False, scope="bn"))
    had = held(case.migration.model, "bn")
    swapped = {"moving_mean": had["moving_variance"], "moving_variance": had["moving_mean"]}
    model = refilled(case.migration.model, "bn", **swapped)
    assert fitting(case, model) == ["mean and variance swapped"]


def test_batch_statistics(digits, remade, fitting):
    calls = {LAYER: lambda layer, x: layer(x, training=True)}
    model = remade(digits.migration.model, calls=calls)
    assert fitting(digits, model) == ["batch statistics in place of the moving ones"]


def test_channels_first_in_the_graph(graph, net, changed, fitting):
    """The model has its channels last."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 3, 5, 4], name="x")
    normal = slim.batch_norm(x, is_training=False, data_format="NCHW", epsilon=1e-5, scope="bn")
    case = net(tf.nn.relu(normal))
    model = changed(case.migration.model, "bn", epsilon=1e-3)
    assert fitting(case, model) == ["epsilon 0.001 in place of 1e-05"]


def test_epsilon_and_gamma_at_once(digits, changed, diagnose):
    """No single fault: the special guesses fail, and what fits says that there are several."""
    diagnosis = diagnose(digits, changed(digits.migration.model, LAYER, epsilon=1e-3, scale=False))
    (trial,) = diagnosis.fitting
    assert trial is diagnosis.trials[-1]
    assert trial.hypothesis == "epsilon, scale and the values of its weights, all together"


def test_the_epsilon_is_solved_for_exactly():
    """Expected values by the formula, in NumPy; one channel is dead."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(40, 4)) * [1e-3, 1.0, 0.0, 30.0] + [0.0, 5.0, 2.0, -100.0]
    mean, variance = np.array([0.1, 5.0, 2.0, -90.0]), np.array([1e-6, 1.1, 0.0, 850.0])
    gamma, beta = np.array([1.5, -0.5, 1.0, 2.0]), np.array([0.1, 0.2, 0.3, 0.4])
    expected = (x - mean) / np.sqrt(variance + 1.001e-5) * gamma + beta
    own = Parameters(mean, variance, gamma, beta, epsilon=1e-3, axis=-1)
    assert solve_epsilon(x, expected, own) == pytest.approx(1.001e-5, rel=1e-9)
    assert solve_epsilon(x, np.zeros_like(x) + beta, own) is None


def test_the_row_was_different(digits, changed, tmp_path):
    """Control: without a fault there is nothing to diagnose."""
    from slimfix.parity import diff_parity

    path = str(tmp_path / "model.keras")
    changed(digits.migration.model, LAYER).save(path)
    result = diff_parity(path, digits.migration)
    assert result.first_difference is None
    assert result.verdict is not Verdict.DIFFERENT
