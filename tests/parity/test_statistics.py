"""Level L2: the moving statistics after a step, what is excused of them, and what is not."""

import numpy as np
import pytest

from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.parity import Level, Verdict, diff_parity
from slimfix.parity.setup import Setup
from slimfix.parity.training import compare_training

EPSILON = float(np.finfo(np.float32).eps)
UNBIASED = (
    "the original's fused op takes variance * {0}/{1} into moving_variance, Keras's layer the "
    "plain variance"
)
DEBIASED = (
    "the original's moving_mean is debiased (zero_debias_moving_mean), Keras's layer has no such "
    "thing"
)
FUSED = ["rank2_default", "rank2_scale", "rank2_no_center", "rank2_epsilon_1e5"]
FUSED += ["rank2_updates_none", "rank4_default", "rank4_scale", "rank4_no_center_scale"]
FUSED += ["rank4_updates_none"]
UNFUSED = ["rank2_unfused", "rank4_unfused", "rank4_unfused_scale", "rank4_updates_none_unfused"]
EXACT = [*FUSED, *UNFUSED, "rank2_zero_debias", "rank4_zero_debias"]


@pytest.fixture
def step(micro, set_up):
    """Takes the first recorded step of a micro network; gives the rows by the statistic's name."""

    def take(variant, exact=False, model=None):
        migration, golden = micro(variant, exact)
        setup = set_up(migration, model)
        inputs = {"x:0": golden["step1/input"]}
        found = run_eagerly(compare_training, setup, inputs, None, False)
        assert found.wrong == []
        rows = {row.variable.rpartition("/")[2]: row for row in found.statistics}
        return rows, found

    return take


def values(golden, migration, statistic):
    """What is stored, and what TensorFlow 1.15.5 made of it in a step, in float64."""
    (name,) = [
        key
        for key in golden
        if key.startswith("step1/variable/") and key.endswith(f"BatchNorm/{statistic}")
    ]
    before = migration.read(name.partition("variable/")[2])
    return before.astype(np.float64), golden[name].astype(np.float64)


def in_short(value):
    return value.min(), value.mean(), value.max()


def assert_spread(spread, value, rtol):
    found = (spread.low, spread.mean, spread.high)
    np.testing.assert_allclose(found, in_short(value), rtol=rtol, atol=rtol * np.abs(value).max())


@pytest.mark.parametrize("variant", [*FUSED, *UNFUSED])
def test_one_step_is_what_tensorflow_1_15_recorded_but_for_the_unbiased_variance(
    step, micro, variant
):
    migration, golden = micro(variant)
    (record,) = [r for r in migration.plan.layers if r.target.endswith("BatchNormalization")]
    decay, count = record.config["momentum"], 24 if variant.startswith("rank4") else 5
    assert decay == (0.97 if variant.endswith("_scale") and "no_center" not in variant else 0.9)
    rows, _ = step(variant)
    assert sorted(rows) == ["moving_mean", "moving_variance"]
    for statistic, row in rows.items():
        before, after = values(golden, migration, statistic)
        assert_spread(row.stored, before, 1e-15)
        assert_spread(row.loaded, before, 1e-15)
        assert_spread(row.original_after, after, 8 * EPSILON)
        unbiased = variant in FUSED and statistic == "moving_variance"
        batch = (after - decay * before) / (1 - decay)
        keras = decay * before + (1 - decay) * batch * ((count - 1) / count if unbiased else 1)
        assert_spread(row.keras_after, keras, 32 * EPSILON)
        assert row.elements == (count if statistic == "moving_variance" else None)
        assert row.unexplained_error < 1e-14
        if unbiased:
            assert row.verdict is Verdict.EXPLAINED
            assert row.reason.startswith(UNBIASED.format(count, count - 1))
            worst = np.max(np.abs(keras - after) / np.abs(after))
            assert row.function_error == pytest.approx(worst, rel=1e-4)
        else:
            assert row.function_error < 1e-6  # Of the decay, which some layers subtract in float32.
            assert "variance *" not in row.reason


def test_the_variance_of_a_dense_layer_in_numpy(step, micro):
    """z = x w; variance of z over five samples, times 5/4 in the original."""
    migration, golden = micro("rank2_scale")
    rows, _ = step("rank2_scale")
    z = golden["step1/input"].astype(np.float64) @ migration.read("net/fc/weights").astype("f8")
    rate = float(np.float32(1 - 0.97))
    before = migration.read("net/fc/BatchNorm/moving_variance").astype(np.float64)
    assert_spread(rows["moving_variance"].keras_after, before + rate * (z.var(0) - before), 1e-13)
    original = before + rate * (z.var(0) * 5 / 4 - before)
    assert_spread(rows["moving_variance"].original_after, original, 1e-13)
    before = migration.read("net/fc/BatchNorm/moving_mean").astype(np.float64)
    for after in (rows["moving_mean"].keras_after, rows["moving_mean"].original_after):
        assert_spread(after, before + rate * (z.mean(0) - before), 1e-13)


@pytest.mark.parametrize("variant", EXACT)
def test_exact_layers_move_as_the_original(step, micro, variant):
    rows, found = step(variant, exact=True)
    migration, golden = micro(variant, True)
    for statistic in ("moving_mean", "moving_variance"):
        row = rows[statistic]
        assert row.unexplained_error < 1e-13
        assert "variance *" not in row.reason and "is debiased" not in row.reason
        _, after = values(golden, migration, statistic)
        assert_spread(row.keras_after, after, 8 * EPSILON)
    assert found.diagnosis is None


@pytest.mark.parametrize("variant", FUSED)
def test_no_unbiased_variance_is_excused_where_the_exact_layer_was_planned(step, micro, variant):
    """Sabotage: Keras's own layer in its place."""
    plain, _ = micro(variant)
    rows, found = step(variant, exact=True, model=plain.model)
    row = rows["moving_variance"]
    assert (row.verdict, row.reason) == (Verdict.DIFFERENT, "")
    assert row.unexplained_error == pytest.approx(row.function_error, rel=1e-4)
    assert row.function_error > 1e-3
    assert found.diagnosis.tensor == row.variable
    assert found.diagnosis.fitting == ()


def test_debiasing_is_explained(step, micro):
    """Kingma and Ba 2015, arXiv 1412.6980, section 3, applied to a moving mean."""
    migration, golden = micro("rank2_zero_debias")
    rows, _ = step("rank2_zero_debias")
    mean = rows["moving_mean"]
    assert (mean.verdict, mean.reason) == (Verdict.EXPLAINED, DEBIASED)
    assert mean.unexplained_error < 1e-12 < 1e-2 < mean.function_error
    before, after = values(golden, migration, "moving_mean")
    assert_spread(mean.original_after, after, 16 * EPSILON)
    z = golden["step1/input"].astype(np.float64) @ migration.read("net/fc/weights").astype("f8")
    assert_spread(mean.keras_after, 0.97 * before + 0.03 * z.mean(0), 4 * EPSILON)
    exact, _ = step("rank2_zero_debias", exact=True)
    assert_spread(exact["moving_mean"].keras_after, after, 16 * EPSILON)


def test_no_debiasing_is_excused_where_the_exact_layer_was_planned(step, micro):
    plain, _ = micro("rank2_zero_debias")
    rows, _ = step("rank2_zero_debias", exact=True, model=plain.model)
    assert rows["moving_mean"].verdict is Verdict.DIFFERENT


@pytest.mark.parametrize("variant", ["rank2_renorm", "rank4_renorm", "rank4_batch_weights"])
def test_what_keras_cannot_do_is_different(step, variant):
    """Renorm and weights of examples: nothing explains them, and the notes say so."""
    _, found = step(variant)
    assert any(row.verdict is Verdict.DIFFERENT for row in found.rows)


# A layer that moves otherwise.


@pytest.mark.parametrize(
    "variant", ["rank2_scale", "rank2_unfused", "rank4_scale", "rank4_unfused"]
)
@pytest.mark.parametrize("momentum", [0.5, 0.99, 0.971])
def test_another_momentum_is_found_and_named(step, micro, rebuilt, variant, momentum):
    migration, _ = micro(variant)
    layer = next(r for r in migration.plan.layers if r.target.endswith("BatchNormalization"))
    planned = layer.config["momentum"]
    rows, found = step(variant, model=rebuilt(migration.model, layer.name, momentum=momentum))
    assert {row.verdict for row in rows.values()} == {Verdict.DIFFERENT}
    assert {row.reason for row in rows.values()} == {""}
    diagnosis = found.diagnosis
    assert (diagnosis.level, diagnosis.layer) == (Level.TRAINING, layer.name)
    assert diagnosis.tensor.endswith("BatchNorm/moving_mean")
    assert [trial.hypothesis for trial in diagnosis.fitting] == [
        f"momentum {momentum:g} in place of {planned:g}"
    ]


def test_a_swapped_momentum_is_named_as_that(step, micro, rebuilt):
    migration, _ = micro("rank2_default")
    model = rebuilt(migration.model, "net__fc__BatchNorm", momentum=0.1)
    _, found = step("rank2_default", model=model)
    fitting = [trial.hypothesis for trial in found.diagnosis.fitting]
    assert "momentum 0.1, which is 1 - decay, in place of 0.9" in fitting


def test_a_frozen_layer_is_named_as_that(step, micro, rebuilt):
    migration, _ = micro("rank4_scale")
    model = rebuilt(migration.model, "net__conv__BatchNorm", trainable=False)
    rows, found = step("rank4_scale", model=model)
    assert {row.verdict for row in rows.values()} == {Verdict.DIFFERENT}
    for row in rows.values():
        assert row.keras_after == row.loaded
    assert "it does not move: the layer is frozen, or in inference mode" in [
        trial.hypothesis for trial in found.diagnosis.fitting
    ]
    # It normalises with the moving statistics then, which the layers show.
    assert found.rows[-1].verdict is Verdict.DIFFERENT


def test_level_2_is_not_passed_with_a_wrong_momentum(micro, rebuilt):
    migration, _ = micro("rank4_unfused_scale")
    model = rebuilt(migration.model, "net__conv__BatchNorm", momentum=0.9)
    result = diff_parity(model, migration, levels=[Level.TRAINING])
    passed = {level.level: level.passed for level in result.levels}
    assert passed == {Level.WEIGHTS: False, Level.INFERENCE: True, Level.TRAINING: False}
    assert result.diagnosis.level is Level.TRAINING
    assert "momentum 0.9 in place of 0.97" in [t.hypothesis for t in result.diagnosis.fitting]


# Networks that are built here.


def layer_of(x, is_training, **more):
    from slimfix import slim

    arguments = {"decay": 0.9, "scale": True, "is_training": is_training, "scope": "bn", **more}
    return slim.batch_norm(x, **arguments)


@pytest.fixture
def x(graph):
    import tensorflow.compat.v1 as tf

    return tf.placeholder(tf.float32, [None, 4, 3, 2], name="x")


def test_a_layer_of_two_calls_is_moved_twice(x, saved, rebuilt):
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    output = layer_of(x, is_training) + layer_of(x * x, is_training, reuse=True)
    migration = convert(saved(), inputs="x:0", outputs=output.name)
    result = diff_parity(migration.model, migration, levels=[Level.TRAINING, Level.GRADIENTS])
    assert [row.variable for row in result.statistics] == ["bn/moving_mean", "bn/moving_variance"]
    for row in result.statistics:
        assert row.verdict is Verdict.EXPLAINED
        assert row.reason.startswith("not compared after the step: several calls update it, in an")
        assert row.unexplained_error is None
    assert result.passed
    # Sabotage: what is excused is the statistics alone, not what the layers give.
    wrong = rebuilt(migration.model, "bn", epsilon=0.0011)
    found = diff_parity(wrong, migration, levels=[Level.TRAINING])
    assert any(row.verdict is Verdict.DIFFERENT for row in found.training)


def test_one_call_of_two_that_evaluates_moves_nothing(x, saved):
    """Of a training and an evaluation tower, one call moves the statistics: once."""
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    train = tf.placeholder(tf.float32, [None, 4, 3, 2], name="train")
    layer_of(train, True, fused=False)
    output = layer_of(x, is_training, reuse=True, fused=False)
    migration = convert(saved(), inputs="x:0", outputs=output.name)
    result = diff_parity(migration.model, migration, levels=[Level.TRAINING])
    assert len(result.statistics) == 2
    assert all(row.function_error < 1e-14 for row in result.statistics)
    assert all(row.original_after != row.stored for row in result.statistics)


def test_a_layer_built_for_inference_stays_in_inference(micro, set_up, monkeypatch):
    migration, golden = micro("rank4_const_inference")
    setup = set_up(migration)
    inputs = {"x:0": golden["step1/input"]}
    graph = setup.training_graph(inputs, float64=True)
    assert setup.in_inference(graph) == {"net__conv__BatchNorm"}
    found = run_eagerly(compare_training, setup, inputs, None, False)
    for row in found.statistics:
        assert row.verdict is Verdict.EXPLAINED  # Keras would move them if it were let.
        assert row.reason.startswith("the original never updates it; Keras's layer was run with")
        assert row.original_after == row.keras_after == row.stored
    assert all(row.function_error < 1e-14 for row in found.rows)
    result = diff_parity(migration.model, migration, levels=list(Level), steps=3)
    assert result.passed
    # Sabotage: were it in training mode, L2 and L3 would show it.
    monkeypatch.setattr(Setup, "in_inference", lambda self, graph: frozenset())
    wrong = diff_parity(migration.model, migration, levels=[Level.TRAINING, Level.GRADIENTS])
    assert [level.passed for level in wrong.levels] == [True, True, False, False]


@pytest.mark.parametrize("frozen", [True, False])
def test_a_layer_with_a_switch_of_its_own(x, saved, set_up, frozen):
    """One of two layers is trained only if a constant says so too."""
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    trains = tf.constant(not frozen, name="trains")
    net = layer_of(x, is_training, fused=False)
    output = layer_of(net, tf.logical_and(is_training, trains), fused=False, scope="own")
    migration = convert(saved(), inputs="x:0", outputs=output.name)
    setup = set_up(migration)
    inputs = {"x:0": np.random.default_rng(3).normal(size=(5, 4, 3, 2)).astype(np.float32)}
    in_inference = setup.in_inference(setup.training_graph(inputs, float64=True))
    assert in_inference == ({"own"} if frozen else set())
    result = diff_parity(migration.model, migration, levels=list(Level), steps=3)
    assert result.passed, result.levels
    moved = {row.variable: row.original_after != row.stored for row in result.statistics}
    assert moved == {
        "bn/moving_mean": True,
        "bn/moving_variance": True,
        "own/moving_mean": not frozen,
        "own/moving_variance": not frozen,
    }
