"""The original network in training, against what TensorFlow 1.15.5 recorded and against NumPy."""

import dataclasses
import functools
import glob
import os

import numpy as np
import pytest

from slimfix.checkpoint import read_checkpoint
from slimfix.graphdef.functions import inline_functions
from slimfix.graphdef.meta import read_meta
from slimfix.network.network import open_network
from slimfix.network.reading import read_network
from slimfix.reference import training
from slimfix.reference.trained_network import TrainedNetwork
from slimfix.reference.training import TrainingGraph

MICRO = "tests/golden/micro"
VARIANTS = sorted(os.path.basename(path) for path in glob.glob(f"{MICRO}/*"))
STEPS = (1, 2, 3)
EXACT = {"rtol": 1e-13, "atol": 1e-13}
EPSILON = np.finfo(np.float32).eps


def assert_rounded(value, recorded, factor, name):
    """Off by no more than float32 rounding of the largest value."""
    allowed = factor * EPSILON * max(np.abs(recorded).max(), 1e-30)
    np.testing.assert_allclose(value, recorded, rtol=0, atol=allowed, err_msg=name)


def assert_same(value, recorded, name, float64):
    """Up to the order of summation, in which TensorFlow 1.15.5 itself differs from CPU to CPU."""
    assert value.dtype == (np.float64 if float64 else recorded.dtype)
    assert_rounded(value, recorded, 8, name)


class Golden:
    """A micro network and its three steps, as TensorFlow 1.15.5 took them."""

    def __init__(self, variant):
        self.built = {}
        prefix = f"{MICRO}/{variant}/model.ckpt"
        checkpoint = read_checkpoint(prefix)
        network = open_network(read_meta(prefix + ".meta"), checkpoint, prefix)
        reading = read_network(network)
        with np.load(f"{MICRO}/{variant}/training.npz") as file:
            self.arrays = {key: file[key] for key in file.files}
        self.network = TrainedNetwork(
            network.view,
            network.meta_graph,
            checkpoint.read,
            reading.signature.inputs,
            reading.signature.outputs,
            reading.resolved.training_switches,
        )

    def inputs(self, step):
        return {"x:0": self.arrays[f"step{step}/input"]}

    def recorded(self, step, kind):
        start = f"step{step}/{kind}/"
        return {k[len(start) :]: v for k, v in self.arrays.items() if k.startswith(start)}

    def build(self, float64):
        if float64 not in self.built:
            self.built[float64] = TrainingGraph(self.network, self.inputs(1), float64)
        return self.built[float64]

    def check_steps(self, float64):
        """Outputs, and every statistic after each of three steps."""
        with self.build(float64).open() as run:
            for step in STEPS:
                (output,) = run.forward(self.inputs(step)).values()
                assert_same(output, self.arrays[f"step{step}/output"], "output", float64)
                statistics = self.recorded(step, "variable")
                for name, value in run.read(sorted(statistics)).items():
                    assert_same(value, statistics[name], f"{name}, step {step}", float64)


find_golden = functools.lru_cache(maxsize=None)(Golden)


@pytest.mark.parametrize("float64", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_and_statistics_are_what_tensorflow_1_15_recorded(variant, float64):
    find_golden(variant).check_steps(float64)


@pytest.mark.parametrize("float64", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_are_what_tensorflow_1_15_recorded(variant, float64):
    golden = find_golden(variant)
    graph = golden.build(float64)
    for step in STEPS:
        with graph.open() as run:  # Anew: taking gradients moves statistics in `updates_none`.
            for before in range(1, step):
                run.forward(golden.inputs(before))
            found = run.gradients(golden.inputs(step), [golden.arrays["cotangent"]])
        recorded = golden.recorded(step, "gradient")
        assert set(found) == set(recorded)
        for name, value in found.items():
            assert_same(value, recorded[name], f"{name}, step {step}", float64)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_moves_and_what_is_trained(variant):
    golden = find_golden(variant)
    graph = golden.build(False)
    moved = set(golden.recorded(1, "variable"))
    assert set(graph.statistics) == (set() if variant == "rank4_const_inference" else moved)
    assert {*graph.trainable, "x:0"} == set(golden.recorded(1, "gradient"))


def test_every_open_begins_with_the_networks_own_values():
    golden = find_golden("rank4_scale")
    graph = golden.build(False)
    for _ in range(2):
        with graph.open() as run:
            before = run.read(graph.statistics)
            run.forward(golden.inputs(1))
            after = run.read(graph.statistics)
        for name in graph.statistics:
            np.testing.assert_array_equal(before[name], golden.network.read(name))
            assert not np.array_equal(before[name], after[name])


# NumPy, float64: Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 1 and section 3.


def layer_before(x, weights):
    """What slim.fully_connected, or slim.conv2d with padding VALID, gives before batch norm."""
    if weights.ndim == 2:
        return x @ weights
    rows, columns = weights.shape[:2]
    height, width = (x.shape[axis] - size + 1 for axis, size in ((1, rows), (2, columns)))
    return sum(
        np.einsum("nhwi,io->nhwo", x[:, i : i + height, j : j + width], weights[i, j])
        for i in range(rows)
        for j in range(columns)
    )


def batch_norm_gradients(z, gamma, epsilon, cotangent):
    """d sum(y * cotangent) by beta, gamma and z."""
    over = tuple(range(z.ndim - 1))
    spread = np.sqrt(z.var(over) + epsilon)
    normal = (z - z.mean(over)) / spread
    by_normal = cotangent * gamma
    centred = by_normal - by_normal.mean(over) - normal * (by_normal * normal).mean(over)
    return cotangent.sum(over), (cotangent * normal).sum(over), centred / spread


def layer_gradients(x, weights, by_z):
    """d sum(z * by_z) by x and by the weights, for what `layer_before` gives."""
    if weights.ndim == 2:
        return by_z @ weights.T, x.T @ by_z
    by_x, by_weights = np.zeros_like(x), np.zeros_like(weights)
    height, width = by_z.shape[1:3]
    for i, j in np.ndindex(*weights.shape[:2]):
        window = np.s_[:, i : i + height, j : j + width]
        by_x[window] += by_z @ weights[i, j].T
        by_weights[i, j] = np.einsum("nhwi,nhwo->io", x[window], by_z)
    return by_x, by_weights


@pytest.mark.parametrize(
    ("variant", "bessel", "subtracted"),
    [
        ("rank2_scale", True, False),
        ("rank2_unfused", False, False),
        ("rank4_scale", True, True),
        ("rank4_unfused_scale", False, False),
        ("rank4_updates_none", True, False),
        ("rank4_no_center", True, True),
    ],
)
def test_a_step_is_the_closed_form_in_float64(variant, bessel, subtracted):
    """The fused op stores variance * N/(N-1); the core layer subtracts its decay in float32."""
    golden, scope = find_golden(variant), f"net/{'conv' if variant[4] == '4' else 'fc'}"

    def read(name, otherwise=None):
        full = f"{scope}/{name}"
        known = full in golden.network.view
        return golden.network.read(full).astype(np.float64) if known else otherwise

    weights, gamma = read("weights"), read("BatchNorm/gamma", 1.0)
    (layer,) = training.find_layers(golden.network)
    epsilon, decay = np.float64(np.float32(layer.epsilon)), np.float32(layer.decay)
    rate = np.float64(np.float32(1) - decay if subtracted else np.float32(1 - layer.decay))
    x, cotangent = (
        array.astype(np.float64) for array in (golden.inputs(1)["x:0"], golden.arrays["cotangent"])
    )
    z = layer_before(x, weights)
    over, count = tuple(range(z.ndim - 1)), z.size // z.shape[-1]
    mean, variance = z.mean(over), z.var(over)

    graph = golden.build(True)
    with graph.open() as run:
        (output,) = run.forward(golden.inputs(1)).values()
        after = run.read(graph.statistics)
    normal = (z - mean) / np.sqrt(variance + epsilon)
    np.testing.assert_allclose(output, normal * gamma + read("BatchNorm/beta", 0.0), **EXACT)
    stored = variance * count / (count - 1) if bessel else variance
    for name, value in (("moving_mean", mean), ("moving_variance", stored)):
        before = read(f"BatchNorm/{name}")
        expected = before - (before - value) * rate
        np.testing.assert_allclose(after[f"{scope}/BatchNorm/{name}"], expected, **EXACT)

    with graph.open() as run:
        gradients = run.gradients(golden.inputs(1), [golden.arrays["cotangent"]])
    by_beta, by_gamma, by_z = batch_norm_gradients(z, gamma, epsilon, cotangent)
    by_x, by_weights = layer_gradients(x, weights, by_z)
    expected = {
        "x:0": by_x,
        f"{scope}/weights": by_weights,
        f"{scope}/BatchNorm/beta": by_beta,
        f"{scope}/BatchNorm/gamma": by_gamma,
    }
    for name, value in gradients.items():
        np.testing.assert_allclose(value, expected[name], **EXACT, err_msg=name)


def test_zero_debiasing_is_the_closed_form_in_float64():
    """Kingma and Ba 2015, arXiv 1412.6980, section 3, applied to a moving mean."""
    golden = find_golden("rank2_zero_debias")
    scope = "net/fc/BatchNorm"
    biased, local_step = (f"{scope}/{scope}/moving_mean/{n}" for n in ("biased", "local_step"))
    rate = np.float64(np.float32(1 - 0.97))
    mean, count = (golden.network.read(name).astype(np.float64) for name in (biased, local_step))
    weights = golden.network.read("net/fc/weights").astype(np.float64)
    graph = golden.build(True)
    with graph.open() as run:
        for step in STEPS:
            run.forward(golden.inputs(step))
            z = golden.inputs(step)["x:0"].astype(np.float64) @ weights
            mean, count = mean - (mean - z.mean(0)) * rate, count + 1
            after = run.read(graph.statistics)
            np.testing.assert_allclose(after[biased], mean, **EXACT)
            assert after[local_step] == count
            # 1 - rate is a number of the network, which float32 computes.
            kept = np.float64(np.float32(1) - np.float32(rate))
            np.testing.assert_allclose(
                after[f"{scope}/moving_mean"], mean / (1 - kept**count), rtol=1e-12
            )


# Networks that are built here: switches, dropout, penalties, what is not trained.


def built(graph, output, **switches):
    """The network of the default graph, with distinct values, and the values."""
    import tensorflow.compat.v1 as tf

    generator = np.random.default_rng(11)
    values = {
        variable.op.name: generator.uniform(0.25, 1.25, variable.shape.as_list()).astype("f4")
        for variable in tf.global_variables()
    }
    meta_graph = tf.train.export_meta_graph(graph=graph)
    view = inline_functions(meta_graph.graph_def)
    fed = {f"{name}:0": value for name, value in switches.items()}
    network = TrainedNetwork(view, meta_graph, values.__getitem__, ("x:0",), (output.name,), fed)
    return network, values


def slim_net(is_training, dropout=False):
    """Convolution, batch norm, dropout and a dense layer, as slim builds them."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 6, 5, 2], name="x")
    with slim.arg_scope([slim.batch_norm], is_training=is_training, decay=0.9, scale=True):
        net = slim.conv2d(x, 3, [3, 2], normalizer_fn=slim.batch_norm, scope="conv")
        if dropout:
            net = slim.dropout(net, 0.6, is_training=is_training, scope="drop")
        net = slim.flatten(net)
        return slim.fully_connected(net, 4, activation_fn=None, scope="logits")


def batch(seed=3):
    return {"x:0": np.random.default_rng(seed).normal(size=(4, 6, 5, 2)).astype(np.float32)}


def test_switches_that_decide_together(graph, variable_kind):
    """is_training and not frozen: statistics move only if both say so."""
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    frozen = tf.placeholder_with_default(False, [], name="frozen")
    output = slim_net(tf.logical_and(is_training, tf.logical_not(frozen), name="trains"))
    results = {}
    for both in ((True, False), (True, True), (False, False)):
        network, values = built(graph, output, is_training=both[0], frozen=both[1])
        trained = TrainingGraph(network, batch(), float64=False)
        with trained.open() as run:
            assert run.is_true("trains:0") == (both == (True, False))
            results[both] = run.forward(batch())[output.name]
            moved = run.read(trained.statistics)
        same = [np.array_equal(values[name], value) for name, value in moved.items()]
        assert len(same) == 2
        assert not any(same) if both == (True, False) else all(same)
    np.testing.assert_array_equal(results[True, True], results[False, False])
    assert not np.allclose(results[True, False], results[True, True], atol=1e-2)


@pytest.mark.parametrize("constant", [True, False])
def test_dropout_drops_nothing(graph, constant):
    import tensorflow.compat.v1 as tf

    results = {}
    for dropout in (False, True):
        with tf.Graph().as_default() as fresh:
            switch = True if constant else tf.placeholder(tf.bool, [], name="is_training")
            output = slim_net(switch, dropout)
            switches = {} if constant else {"is_training": True}
            network, _ = built(fresh, output, **switches)
            random = [n for n in network.view.nodes.values() if n.op.startswith("RandomUniform")]
            assert any(node.name.startswith("drop") for node in random) == dropout
            with TrainingGraph(network, batch(), float64=False).open() as run:
                results[dropout] = [run.forward(batch())[output.name] for _ in range(2)]
    for found in results[True]:
        np.testing.assert_array_equal(found, results[False][0])


def penalised(graph):
    """y = x w, of which a part is not trained, with an L2 penalty on both parts."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    parts = [tf.get_variable(name, [3, 2], trainable=name == "w") for name in ("w", "kept")]
    for part in parts:
        penalty = 0.25 * tf.nn.l2_loss(part)
        tf.add_to_collection(tf.GraphKeys.REGULARIZATION_LOSSES, penalty)
    other = tf.get_variable("other", [3])  # Another network's: its penalty is none of ours.
    tf.add_to_collection(tf.GraphKeys.REGULARIZATION_LOSSES, tf.nn.l2_loss(other))
    return built(graph, tf.matmul(x, parts[0] + parts[1], name="y"))


@pytest.mark.parametrize("float64", [False, True])
def test_the_loss_and_a_step_are_the_closed_form(graph, float64):
    network, values = penalised(graph)
    generator = np.random.default_rng(2)
    x, target = (generator.normal(size=s).astype(np.float32) for s in ((5, 3), (5, 2)))
    optimizer = training.Optimizer("sgd", 0.125)
    trained = TrainingGraph(network, {"x:0": x}, float64, optimizer)
    assert trained.trainable == ("w",)
    with trained.open() as run:
        losses = [run.train({"x:0": x}, [target]) for _ in range(2)]
        after = run.read(["w", "kept"])
    w, kept = (values[name].astype(np.float64) for name in ("w", "kept"))
    for loss in losses:
        error = x.astype(np.float64) @ (w + kept) - target
        penalty = 0.125 * (np.sum(w**2) + np.sum(kept**2))
        np.testing.assert_allclose(loss, np.mean(error**2) + penalty, rtol=1e-6)
        w = w - 0.125 * (2 / error.size * x.T.astype(np.float64) @ error + 0.25 * w)
    np.testing.assert_allclose(after["w"], w, rtol=1e-13 if float64 else 1e-5)
    np.testing.assert_array_equal(after["kept"], values["kept"])


# Sabotage: the comparisons above see what they are there for.


def test_a_wrong_decay_is_seen():
    golden = Golden("rank2_scale")
    import tensorflow.compat.v1 as tf

    serialized = golden.network.meta_graph.SerializeToString()
    meta_graph = tf.MetaGraphDef.FromString(serialized)
    wrong = 0
    for node in meta_graph.graph_def.node:
        if node.name.endswith("AssignMovingAvg/decay"):
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.float32(0.031)))
            wrong += 1
    assert wrong == 1
    view = inline_functions(meta_graph.graph_def)
    golden.network = dataclasses.replace(golden.network, view=view)
    with pytest.raises(AssertionError, match="moving_mean, step 1"):
        golden.check_steps(False)


def test_updates_that_do_not_run_are_seen(monkeypatch):
    monkeypatch.setattr(training, "find_updates", lambda network, layers: [])
    with pytest.raises(AssertionError, match="moving_mean, step 1"):
        Golden("rank4_scale").check_steps(False)


def test_a_penalty_that_is_left_out_is_seen(graph, monkeypatch):
    monkeypatch.setattr(training, "find_penalties", lambda network: [])
    with pytest.raises(AssertionError):
        test_the_loss_and_a_step_are_the_closed_form(graph, True)
