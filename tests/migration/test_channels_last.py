"""Networks with channels first become channels-last models of the same function."""

import numpy as np
import pytest

from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly
from slimfix.migration.layout import to_last
from slimfix.network.sources import Source


def build(x, data_format, is_training=False, fused=True):
    """A net with every kind of op that the order of axes matters to; x is in `data_format`."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    first = data_format == "NCHW"
    space = [2, 3] if first else [1, 2]
    pads = [[0, 0], [1, 1], [1, 0]]
    pads.insert(1 if first else 3, [0, 0])
    layers = [slim.conv2d, slim.max_pool2d, slim.avg_pool2d, slim.batch_norm]
    with slim.arg_scope(layers, data_format=data_format), slim.arg_scope(
        [slim.batch_norm], is_training=is_training, fused=fused, scale=True
    ):
        net = slim.conv2d(x, 5, [3, 2], stride=2, normalizer_fn=slim.batch_norm, scope="c1")
        left = slim.conv2d(net, 4, 1, scope="c2")
        right = slim.max_pool2d(net, [3, 2], stride=1, padding="SAME", scope="p")
        net = tf.concat([left, right], 1 if first else 3)
        net = slim.dropout(net, 0.8, is_training=is_training)
        gate = tf.reduce_mean(net, space, keepdims=True)
        net *= slim.conv2d(gate, 9, 1, activation_fn=tf.sigmoid, scope="gate")
        net = slim.conv2d(tf.pad(net, pads), 3, 3, padding="VALID", scope="last")
        means = tf.reduce_mean(net, space)
        flat = slim.flatten(tf.transpose(net, [0, 2, 3, 1]) if first else net)
        dense = slim.fully_connected(flat, 4, activation_fn=None, scope="fc")
    return [net, means, dense]


@pytest.fixture
def batch():
    return np.random.default_rng(3).normal(size=(4, 9, 8, 3)).astype(np.float32)


def run_channels_last(prefix, batch, **arguments):
    """Returns what the same network with channels last, in inference mode, computes."""
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 9, 8, 3])
        outputs = build(x, "NHWC", **arguments)
        tf.train.Saver().restore(session, prefix)
        return session.run(outputs, {x: batch})


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("edge", ["NCHW", "NHWC"])
def test_no_transpose_is_left(graph, saved, batch, edge, is_training, fused):
    """Whether the input is fed with channels first, or last and then turned."""
    import tensorflow.compat.v1 as tf

    shape = [None, 3, 9, 8] if edge == "NCHW" else [None, 9, 8, 3]
    x = tf.placeholder(tf.float32, shape, name="x")
    turned = x if edge == "NCHW" else tf.transpose(x, [0, 3, 1, 2])
    outputs = build(turned, "NCHW", is_training, fused)
    prefix = saved()
    source = Source(prefix, batch_norm="moving")
    migration = convert(source, inputs="x:0", outputs=[each.name for each in outputs])
    assert migration.plan.inputs[0].shape == (None, 9, 8, 3)
    assert not [r for r in migration.plan.layers if "ermute" in r.target or "transpose" in r.target]
    moved = {"x:0", outputs[0].name} if edge == "NCHW" else {outputs[0].name}
    permutations = migration.function.permutations
    asked = ["x:0", *(each.name for each in outputs)]
    assert {name: permutations[name] for name in asked if name in permutations} == dict.fromkeys(
        moved, (0, 2, 3, 1)
    )
    noted = {note.partition(": ")[0] for note in migration.notes if "channels last in" in note}
    assert noted == moved
    wanted = run_channels_last(prefix, batch, fused=fused)
    for found, value in zip(run_eagerly(migration.model, batch), wanted):
        np.testing.assert_allclose(found, value, rtol=2e-6, atol=2e-6 * np.abs(value).max())


def test_what_knows_no_order_gets_its_own_back(graph, saved):
    """A flatten of channels first reads them in that order: one transpose has to stay."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 3, 5, 4], name="x")
    net = slim.conv2d(x, 2, [3, 2], data_format="NCHW", scope="c")
    out = slim.flatten(net)
    migration = convert(saved(), inputs="x:0", outputs=out.name)
    targets = [record.target.partition(".")[2] for record in migration.plan.layers]
    assert targets == ["Conv2D", "ReLU", "Permute", "Flatten"]
    # What the graph does not hold cannot be compared with it.
    assert all(probe.kind != "Permute" for probe in migration.probes)


@pytest.mark.parametrize("rank", [3, 4, 5])
def test_to_last_moves_the_channels(rank):
    value = np.arange(2 * 3 * 4 * 5 * 6).reshape((*(2, 3, 4, 5, 6)[:rank], -1))[..., 0]
    moved = np.transpose(value, to_last(rank))
    np.testing.assert_array_equal(moved, np.moveaxis(value, 1, -1))


def test_five_axes(graph, saved):
    """BiasAdd calls channels first NCHW at any rank."""
    import tensorflow.compat.v1 as tf

    def build(x, first):
        kernel = tf.get_variable("kernel", [2, 1, 2, 3, 4])
        bias = tf.get_variable("bias", [4])
        convolved = tf.nn.conv3d(
            x, kernel, [1] * 5, "SAME", data_format="NCDHW" if first else "NDHWC"
        )
        return tf.nn.bias_add(convolved, bias, "NCHW" if first else "NHWC", name="y")

    build(tf.placeholder(tf.float32, [None, 3, 4, 5, 6], name="x"), first=True)
    prefix = saved()
    migration = convert(prefix, outputs="y")
    assert [record.target for record in migration.plan.layers] == ["layers.Conv3D"]
    batch = np.random.default_rng(4).normal(size=(2, 4, 5, 6, 3)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        wanted = build(tf.constant(batch), first=False)
        tf.train.Saver().restore(session, prefix)
        value = session.run(wanted)
    np.testing.assert_allclose(run_eagerly(migration.model, batch), value, rtol=1e-5, atol=1e-5)


def test_a_tensor_that_gains_an_axis_lies_as_it_was(graph, saved):
    """[N, C, H, W] * [2, 1, C, H, W] is no matter of moving channels in both."""
    import tensorflow.compat.v1 as tf

    def build(x, first):
        kernel = tf.get_variable("kernel", [2, 1, 3, 4])
        y = tf.nn.conv2d(x, kernel, 1, "SAME", data_format="NCHW" if first else "NHWC")
        y = y if first else tf.transpose(y, [0, 3, 1, 2])
        factors = np.random.default_rng(6).normal(size=(2, 1, 4, 5, 6)).astype(np.float32)
        return tf.reduce_sum(y * factors, 0, name="y")

    build(tf.placeholder(tf.float32, [None, 3, 5, 6], name="x"), first=True)
    prefix = saved()
    migration = convert(prefix, outputs="y")
    batch = np.random.default_rng(4).normal(size=(7, 5, 6, 3)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        wanted = build(tf.constant(batch), first=False)
        tf.train.Saver().restore(session, prefix)
        value = session.run(wanted)
    permutations = migration.function.permutations
    fed = batch if "x:0" in permutations else batch.transpose(0, 3, 1, 2)
    value = value.transpose(permutations["y:0"]) if "y:0" in permutations else value
    np.testing.assert_allclose(run_eagerly(migration.model, fed), value, rtol=1e-5, atol=1e-5)


def test_channels_dropped_as_a_whole(graph, saved):
    """Which axes share their random numbers shows in training only."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 3, 5, 6], name="x")
    net = tf.nn.conv2d(x, tf.get_variable("k", [2, 1, 3, 4]), 1, "SAME", data_format="NCHW")
    noise_shape = tf.stack([tf.shape(net)[0], 4, 1, 1])
    tf.nn.relu(tf.nn.dropout(net, rate=0.3, noise_shape=noise_shape), name="y")
    layers = {record.target: record for record in convert(saved(), outputs="y").plan.layers}
    assert layers["layers.Dropout"].config["noise_shape"] == (None, 1, 1, None)
