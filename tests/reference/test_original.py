"""The float64 original against NumPy closed forms: the judge is judged."""

import numpy as np
import pytest

from slimfix.checkpoint import read_checkpoint
from slimfix.graphdef.functions import inline_functions
from slimfix.graphdef.meta import read_meta
from slimfix.reference.recording import read_recording
from tests.reference.run_once import run_reference

EXACT = {"rtol": 1e-13, "atol": 1e-13}


def run(folder, fetches, float64, **switches):
    checkpoint = read_checkpoint(f"{folder}/model.ckpt")
    recording = read_recording(f"{folder}/recording.npz")
    view = inline_functions(read_meta(f"{folder}/model.ckpt.meta").graph_def)
    feeds = {**recording.inputs, **switches}
    values = run_reference(view, checkpoint.read, feeds, fetches, float64)
    return checkpoint, recording, values


def closed_form(checkpoint, scope, x, epsilon):
    """Ioffe and Szegedy 2015, algorithm 2, in NumPy float64."""

    def read(name):
        full = f"{scope}/{name}"
        return checkpoint.read(full).astype(np.float64) if full in checkpoint.variables else None

    gamma, beta = read("gamma"), read("beta")
    y = (x - read("moving_mean")) / np.sqrt(read("moving_variance") + epsilon)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


@pytest.mark.parametrize(
    ("variant", "output", "epsilon"),
    [
        ("rank2_default", "net/fc/BatchNorm/Reshape_1:0", np.float32(1e-3)),
        ("rank2_scale", "net/fc/BatchNorm/Reshape_1:0", np.float32(1e-3)),
        ("rank2_no_center", "net/fc/BatchNorm/Reshape_1:0", np.float32(1e-3)),
        ("rank2_unfused", "net/fc/BatchNorm/batchnorm_1/add_1:0", np.float32(1e-3)),
        ("rank2_renorm", "net/fc/BatchNorm/batchnorm_1/add_1:0", np.float32(1e-3)),
        ("rank2_epsilon_1e5", "net/fc/BatchNorm/Reshape_1:0", np.float32(1.001e-5)),
        ("rank2_updates_none", "net/fc/BatchNorm/Reshape_1:0", np.float32(1e-3)),
    ],
)
def test_inference_is_the_closed_form_in_float64(variant, output, epsilon):
    folder = f"tests/golden/micro/{variant}"
    checkpoint, recording, values = run(folder, [output], True, **{"is_training:0": False})
    x = recording.inputs["x:0"].astype(np.float64) @ checkpoint.read("net/fc/weights")
    expected = closed_form(checkpoint, "net/fc/BatchNorm", x, np.float64(epsilon))
    assert values[output].dtype == np.float64
    np.testing.assert_allclose(values[output], expected, **EXACT)


def test_training_mode_is_the_closed_form_in_float64():
    folder = "tests/golden/micro/rank2_scale"
    output = "net/fc/BatchNorm/Reshape_1:0"
    checkpoint, recording, values = run(folder, [output], True, **{"is_training:0": True})
    x = recording.inputs["x:0"].astype(np.float64) @ checkpoint.read("net/fc/weights")
    normal = (x - x.mean(0)) / np.sqrt(x.var(0) + np.float64(np.float32(1e-3)))
    gamma = checkpoint.read("net/fc/BatchNorm/gamma").astype(np.float64)
    beta = checkpoint.read("net/fc/BatchNorm/beta").astype(np.float64)
    np.testing.assert_allclose(values[output], normal * gamma + beta, **EXACT)


def test_channels_first_is_written_out_too(graph):
    """FusedBatchNorm in NCHW has no CPU kernel: only the rewritten graph can be run here."""
    import tensorflow.compat.v1 as tf

    generator = np.random.default_rng(3)
    x = generator.normal(size=(2, 3, 4, 5)).astype(np.float32)
    scale, offset, mean, variance = generator.uniform(0.5, 2, (4, 3)).astype(np.float32)
    fed = tf.placeholder(tf.float32, x.shape, name="x")
    for is_training in (False, True):
        statistics = {} if is_training else {"mean": mean, "variance": variance}
        made = tf.nn.fused_batch_norm(
            fed,
            scale,
            offset,
            epsilon=2e-3,
            data_format="NCHW",
            is_training=is_training,
            **statistics,
        )[0]
        (value,) = run_reference(
            inline_functions(graph.as_graph_def()), lambda name: None, {"x:0": x}, [made.name], True
        ).values()
        wide = x.astype(np.float64)
        used = (wide.mean((0, 2, 3)), wide.var((0, 2, 3))) if is_training else (mean, variance)
        columns = [np.float64(v).reshape(1, 3, 1, 1) for v in (*used, scale, offset)]
        spread = np.sqrt(columns[1] + np.float64(np.float32(2e-3)))
        expected = (wide - columns[0]) / spread * columns[2] + columns[3]
        np.testing.assert_allclose(value, expected, **EXACT)


def test_float32_is_what_tensorflow_1_15_recorded():
    """Same kernels, another build: the last bits may differ, no more."""
    recording = read_recording("tests/golden/digits/good/recording.npz")
    fetches = sorted(recording.tensors)
    assert len(fetches) == 21
    _, _, values = run("tests/golden/digits/good", fetches, False, **{"is_training:0": False})
    for name in fetches:
        assert values[name].dtype == np.float32
        largest = np.abs(recording.tensors[name]).max()
        np.testing.assert_allclose(
            values[name], recording.tensors[name], rtol=0, atol=2e-6 * largest
        )


def test_resource_variables_behind_conditionals(graph, tmp_path):
    """In TensorFlow 2's graphs a conditional may hold the read of a variable's handle."""
    import tensorflow.compat.v1 as tf

    tf.enable_resource_variables()
    weight = tf.get_variable("w", [3], tf.float32, use_resource=True)
    switch = tf.placeholder(tf.bool, [], name="switch")
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    net = tf.cond(switch, lambda: weight.assign_add(x[0]) + x, lambda: weight.read_value() * x)
    value = np.array([0.1, 0.2, 0.7], np.float32)
    fed = np.array([[3.0, 5.0, 7.0]], np.float32)
    feeds = {"x:0": fed, "switch:0": False}
    result = run_reference(
        inline_functions(graph.as_graph_def()), lambda name: value, feeds, [net.name], True
    )
    np.testing.assert_allclose(result[net.name], value.astype(np.float64) * fed, **EXACT)


def test_the_graph_def_is_not_changed():
    graph_def = read_meta("tests/golden/micro/rank4_scale/model.ckpt.meta").graph_def
    before = graph_def.SerializeToString(deterministic=True)
    recording = read_recording("tests/golden/micro/rank4_scale/recording.npz")
    read = read_checkpoint("tests/golden/micro/rank4_scale/model.ckpt").read
    feeds = {**recording.inputs, "is_training:0": False}
    run_reference(
        inline_functions(graph_def), read, feeds, ["net/conv/BatchNorm/cond/Merge:0"], True
    )
    assert graph_def.SerializeToString(deterministic=True) == before


def test_no_optimizer_takes_away_what_is_asked_for(graph):
    """TensorFlow fuses x * sigmoid(x), after which nobody can fetch the sigmoid."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 8, 8, 3], name="x")
    gate = tf.sigmoid(x, name="gate")
    tf.multiply(x, gate, name="swish")
    fed = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype(np.float32)
    values = run_reference(
        inline_functions(graph.as_graph_def()),
        lambda name: None,
        {"x:0": fed},
        ["gate:0", "swish:0"],
        False,
    )
    np.testing.assert_allclose(values["swish:0"], fed * values["gate:0"], rtol=1e-6)


def test_a_tensor_in_the_middle_can_be_fed(graph):
    """An output beyond the first too: its node's own inputs are not needed then."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6], name="x")
    _, right = tf.split(x, 2, axis=1, name="parts")
    tf.multiply(right, 3.0, name="end")
    fed = np.array([[1.5, 2.5, 3.5]], np.float32)
    values = run_reference(
        inline_functions(graph.as_graph_def()),
        lambda name: None,
        {"parts:1": fed},
        ["end:0", "parts:1"],
        True,
    )
    np.testing.assert_allclose(values["end:0"], fed * 3.0, **EXACT)
    np.testing.assert_allclose(values["parts:1"], fed, **EXACT)


def test_what_only_orders_side_effects_is_left_out(graph):
    """A check of labels waits before the network; inference feeds none."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3], name="x")
    labels = tf.placeholder(tf.int32, [None])
    with tf.control_dependencies([tf.assert_equal(tf.shape(x)[0], tf.shape(labels)[0])]):
        tf.exp(x, name="net")
    view = inline_functions(graph.as_graph_def())
    fed = np.array([[0.5, -1.5, 7.0]], np.float32)
    found = run_reference(view, None, {"x:0": fed}, ["net:0"], float64=True)["net:0"]
    np.testing.assert_allclose(found, np.exp(fed.astype(np.float64)), **EXACT)
