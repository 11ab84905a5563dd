"""recalibrate: the statistics are the moments of the inputs, against NumPy in float64."""

import made_network
import numpy as np
import pytest

from slimfix import recalibrate, slim
from slimfix.recalibration.statistics import SETTLED_STEPS

WORLDS = ["ref", "resource", "resource and control flow version 2"]
METHODS = ["one_pass", "layer_by_layer"]
# Arguments of slim.batch_norm, one for each path that it takes.
VARIANTS = {
    "default": {},
    "unfused": {"fused": False},
    "forced": {"updates_collections": None},
    "forced_unfused": {"updates_collections": None, "fused": False},
    "zero_debias": {"zero_debias_moving_mean": True},
    "elsewhere": {"updates_collections": "elsewhere"},
}


@pytest.fixture
def tf():
    import tensorflow.compat.v1 as tensorflow

    return tensorflow


def close(found, wanted):
    """float32 activations of order ten on the one side."""
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)


def check(values, wanted):
    for index, (mean, variance) in enumerate(wanted):
        moving_mean, moving_variance = made_network.statistics(values, index)
        assert moving_mean.dtype == moving_variance.dtype == np.float32
        close(moving_mean, mean)
        close(moving_variance, variance)


def feeds(x, others=()):
    return [{x: batch, **dict(others)} for batch in made_network.cut()]


def wanted_by(method, layers=3):
    if method == "one_pass":
        return made_network.in_training(made_network.cut(), layers)
    return made_network.in_inference(layers=layers)


@pytest.mark.parametrize("variable_kind", WORLDS, indirect=True)
@pytest.mark.parametrize("variant", list(VARIANTS))
@pytest.mark.parametrize("method", METHODS)
def test_statistics_are_the_moments_of_the_inputs(graph, variable_kind, tf, variant, method):
    """Whatever the feed says of the switch; dropout takes part in training mode only."""
    x, is_training = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.bool, [])
    keep_prob = 0.7 if method == "layer_by_layer" else None
    made_network.build(slim, x, is_training, keep_prob=keep_prob, **VARIANTS[variant])
    with tf.Session() as session:
        made_network.load(session)
        trained = made_network.read(session, "weights", "beta", "gamma")
        record = recalibrate(session, feeds(x, {is_training: True}.items()), method=method)
        check(made_network.read(session), wanted_by(method))
        kept = made_network.read(session, *{name.rpartition("/")[2] for name in trained})
    assert all(np.array_equal(kept[name], trained[name]) for name in trained)
    assert (record.method, record.batches) == (method, 5)
    assert record.passes == (1 if method == "one_pass" else 3)


def test_the_methods_differ():
    """Or the tests above could not tell one from the other."""
    one, other = wanted_by("one_pass"), wanted_by("layer_by_layer")
    np.testing.assert_allclose(one[0], other[0], rtol=1e-12)  # Nothing lies before layer 0.
    for index in (1, 2):
        assert np.abs(one[index][1] / other[index][1] - 1).max() > 0.01


def test_the_record_tells_before_and_after(graph, tf):
    x, is_training = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.bool, [])
    made_network.build(slim, x, is_training)
    with tf.Session() as session:
        made_network.load(session)
        record = recalibrate(session, feeds(x))
        values = made_network.read(session)
    for index, layer in enumerate(record.layers):
        assert layer.scope == f"fc{index}/BatchNorm"
        assert (layer.elements, layer.uses, layer.epsilon) == (37, 1, made_network.EPSILON)
        mean, variance = made_network.statistics(values, index)
        np.testing.assert_array_equal(layer.new_mean, mean)
        np.testing.assert_array_equal(layer.new_variance, variance)
        old_mean = made_network.VALUES["moving_mean"][index]
        old_variance = made_network.VALUES["moving_variance"][index]
        np.testing.assert_array_equal(layer.old_mean, old_mean)
        np.testing.assert_array_equal(layer.old_variance, old_variance)
        deviation = np.sqrt(variance.astype(np.float64) + made_network.EPSILON)
        np.testing.assert_allclose(
            layer.mean_drift, np.abs(old_mean - mean.astype(np.float64)) / deviation
        )
        np.testing.assert_allclose(
            layer.stddev_ratio,
            np.sqrt(old_variance.astype("f8") + made_network.EPSILON) / deviation,
        )
    assert set(record.variables) == {name for name in values if "moving" in name}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_channels_lie_on_their_axis(graph, tf, method, data_format, dtype):
    x = tf.placeholder(dtype, [None, 2, 3, 4])
    slim.batch_norm(
        x,
        is_training=tf.placeholder(tf.bool, []),
        fused=False,
        data_format=data_format,
        scope="fc0/BatchNorm",
    )
    data = np.random.RandomState(4).normal(3, [1, 2, 5, 0.1], size=(7, 2, 3, 4)).astype(dtype)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        (layer,) = recalibrate(session, [{x: data[:5]}, {x: data[5:]}], method=method).layers
    axes = (0, 1, 2) if data_format == "NHWC" else (0, 2, 3)
    close(layer.new_mean, data.mean(axis=axes))
    close(layer.new_variance, data.var(axis=axes))
    assert layer.elements == data.size / len(layer.new_mean)
    assert layer.new_mean.dtype == dtype


def test_a_large_mean_does_not_cancel(graph, tf):
    """E[x^2] - E[x]^2 in float32 would be off by more than the variance itself."""
    x = tf.placeholder(tf.float32, [None, 3])
    slim.batch_norm(x, is_training=tf.placeholder(tf.bool, []), scope="bn")
    data = np.random.RandomState(4).normal([1e4, 1e5, -1e6], 1, size=(50, 3)).astype("f4")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        (layer,) = recalibrate(session, [{x: data[:20]}, {x: data[20:]}]).layers
    np.testing.assert_allclose(layer.new_variance, data.astype("f8").var(axis=0), rtol=1e-6)
    assert not np.allclose(np.square(data).mean(0) - data.mean(0) ** 2, layer.new_variance, 0.1)


@pytest.mark.parametrize("method", METHODS)
def test_calls_that_share_a_layer_are_pooled(graph, variable_kind, tf, method):
    first, second = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.float32, [None, 5])
    is_training = tf.placeholder(tf.bool, [])
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        made_network.build(slim, first, is_training, layers=1)
        made_network.build(slim, second, is_training, layers=1)
    batches = made_network.cut()
    pairs = [{first: batches[0], second: batches[1]}, {first: batches[3], second: batches[2]}]
    with tf.Session() as session:
        made_network.load(session)
        (layer,) = recalibrate(session, pairs, method=method).layers
    (wanted,) = made_network.in_inference(np.concatenate(batches[:4]), layers=1)
    close(layer.new_mean, wanted[0])
    close(layer.new_variance, wanted[1])
    assert (layer.uses, layer.elements) == (2, 34)


@pytest.mark.parametrize("method", METHODS)
def test_the_network_in_the_methods_mode_is_fed(graph, tf, method):
    """A training and an evaluation network on the same variables; the batches feed one."""
    x, evaluated = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.float32, [None, 5])
    made_network.build(slim, x, True)
    with tf.variable_scope("", reuse=True):
        made_network.build(slim, evaluated, False)
    with tf.Session() as session:
        made_network.load(session)
        fed = x if method == "one_pass" else evaluated
        record = recalibrate(session, feeds(fed), method=method)
        check(made_network.read(session), wanted_by(method))
    assert [layer.uses for layer in record.layers] == [1, 1, 1]


def test_only_these_scopes(graph, tf):
    x, is_training = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.bool, [])
    made_network.build(slim, x, is_training, updates_collections=None)
    with tf.Session() as session:
        made_network.load(session)
        record = recalibrate(session, feeds(x), scopes=["fc0", "fc2/BatchNorm"])
        values = made_network.read(session)
    wanted = made_network.in_training(made_network.cut())
    for index in (0, 2):
        close(made_network.statistics(values, index)[0], wanted[index][0])
    # Its updates were forced on the way, and undone.
    np.testing.assert_array_equal(
        made_network.statistics(values, 1),
        [made_network.VALUES["moving_mean"][1], made_network.VALUES["moving_variance"][1]],
    )
    assert [layer.scope for layer in record.layers] == ["fc0/BatchNorm", "fc2/BatchNorm"]


@pytest.mark.parametrize("variable_kind", WORLDS, indirect=True)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", [True, False])
def test_a_switch_that_is_a_variable_is_set_and_put_back(graph, variable_kind, tf, method, start):
    x = tf.placeholder(tf.float32, [None, 5])
    is_training = tf.get_variable("is_training", initializer=start, trainable=False)
    keep_prob = 0.7 if method == "layer_by_layer" else None
    made_network.build(slim, x, is_training, keep_prob=keep_prob)
    with tf.Session() as session:
        made_network.load(session)
        recalibrate(session, feeds(x), method=method)
        values = made_network.read(session)
    check(values, wanted_by(method))
    assert values["is_training"] == start


def test_a_network_always_in_inference_mode(graph, variable_kind, tf):
    x = tf.placeholder(tf.float32, [None, 5])
    made_network.build(slim, x, False)
    with tf.Session() as session:
        made_network.load(session)
        recalibrate(session, feeds(x), method="layer_by_layer")
        check(made_network.read(session), made_network.in_inference())
        # One pass is as good for the first layer, which has no other before it.
        made_network.load(session)
        recalibrate(session, feeds(x), scopes=["fc0"])
        check(made_network.read(session), made_network.in_inference(layers=1))


def test_layers_side_by_side_share_a_pass(graph, tf):
    x, is_training = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.bool, [])
    options = {"is_training": is_training}
    trunk = slim.batch_norm(x, scope="trunk", **options)
    left = slim.batch_norm(trunk * 2, scope="left", **options)
    right = slim.batch_norm(trunk + 3, scope="right", **options)
    slim.batch_norm(left * right, scope="joined", **options)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        record = recalibrate(session, feeds(x), method="layer_by_layer")
    assert record.passes == 3
    assert [layer.scope for layer in record.layers] == ["trunk", "left", "right", "joined"]


@pytest.mark.parametrize("method", METHODS)
def test_batch_weights_weigh_the_population_too(graph, variable_kind, tf, method):
    x, weights = tf.placeholder(tf.float32, [4, 3, 2, 5]), tf.placeholder(tf.float32, [4])
    is_training = tf.placeholder(tf.bool, [])
    slim.batch_norm(x, is_training=is_training, batch_weights=weights, scope="bn")
    random = np.random.RandomState(9)
    data = random.normal(2, 3, size=(3, 4, 3, 2, 5)).astype("f4")
    # Padded to four examples; the weights of the last batch add up to 1 an element.
    given = np.array([[1, 1, 1, 1], [2, 0.5, 1, 0], [1 / 6, 0, 0, 0]], "f4")
    batches = [{x: batch, weights: row} for batch, row in zip(data, given)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        (layer,) = recalibrate(session, batches, method=method).layers
    flat = data.astype("f8").reshape(-1, 5)
    every = np.repeat(given.astype("f8").ravel(), 6)
    mean = np.average(flat, axis=0, weights=every)
    close(layer.new_mean, mean)
    close(layer.new_variance, np.average((flat - mean) ** 2, axis=0, weights=every))
    np.testing.assert_allclose(layer.elements, every.sum())


def test_batches_may_come_from_a_function_or_the_graphs_own_pipeline(graph, tf):
    data = tf.data.Dataset.from_tensor_slices(made_network.DATA).repeat().batch(37)
    x = tf.data.make_one_shot_iterator(data).get_next()
    x.set_shape([None, 5])
    is_training = tf.placeholder(tf.bool, [])
    made_network.build(slim, x, is_training)
    with tf.Session() as session:
        made_network.load(session)
        recalibrate(session, lambda: iter([{}]), method="layer_by_layer")
        check(made_network.read(session), made_network.in_inference())
        made_network.load(session)
        recalibrate(session, [{}] * 2, method="layer_by_layer")
        check(made_network.read(session), made_network.in_inference())


def test_feeds_may_name_their_tensors(graph, tf):
    x = tf.placeholder(tf.float32, [None, 5], name="x")
    made_network.build(slim, x, tf.placeholder(tf.bool, []))
    with tf.Session() as session:
        made_network.load(session)
        batches = [{name: batch} for name, batch in zip(["x", "x:0", x], made_network.cut())]
        record = recalibrate(session, batches)
    assert record.layers[0].elements == 29


def test_variables_with_one_initial_value(graph, variable_kind, tf):
    """Each gets its own new value through the one tensor that both are initialised from."""
    x = tf.placeholder(tf.float32, [None, 2, 3, 5])
    start = tf.fill([5], 0.5)
    mean = tf.Variable(start, trainable=False, name="moving_mean")
    variance = tf.Variable(start, trainable=False, name="moving_variance")
    tf.nn.fused_batch_norm(x, tf.ones([5]), tf.zeros([5]), mean, variance, is_training=False)
    data = made_network.DATA[:30].reshape(5, 2, 3, 5)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        recalibrate(session, [{x: data}], method="layer_by_layer")
        found = session.run([mean, variance])
    close(found[0], data.astype("f8").mean(axis=(0, 1, 2)))
    close(found[1], data.astype("f8").var(axis=(0, 1, 2)))


def test_sparse_tensors_are_fed_as_a_session_takes_them(graph, tf):
    sparse = tf.sparse_placeholder(tf.float32, name="sparse")
    x = tf.reshape(tf.sparse_tensor_to_dense(sparse), [-1, 5])
    slim.batch_norm(x, is_training=tf.placeholder(tf.bool, []), scope="bn")
    rows = np.repeat(np.arange(37), 5)
    indices = np.stack([rows, np.tile(np.arange(5), 37)], axis=1)
    value = tf.SparseTensorValue(indices, made_network.DATA.ravel(), [37, 5])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        (layer,) = recalibrate(session, [{sparse: value}]).layers
    close(layer.new_mean, made_network.DATA.mean(axis=0, dtype="f8"))


@pytest.mark.parametrize("method", METHODS)
def test_training_goes_on_from_zero_debiased_means(graph, variable_kind, tf, method):
    """The next update is that of any moving average: nothing is left of the start to debias."""
    x, is_training = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.bool, [])
    made_network.build(slim, x, is_training, layers=1, zero_debias_moving_mean=True)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    batch = made_network.cut()[2]
    with tf.Session() as session:
        made_network.load(session)
        session.run(updates, {x: batch, is_training: True})
        (layer,) = recalibrate(session, feeds(x), method=method).layers
        (counter,) = made_network.read(session, "local_step").values()
        session.run(updates, {x: batch, is_training: True})
        moving_mean, moving_variance = made_network.statistics(made_network.read(session), 0)
    assert counter == SETTLED_STEPS
    seen = batch.astype("f8") @ made_network.VALUES["weights"][0]
    close(moving_mean, 0.9 * layer.new_mean + 0.1 * seen.mean(axis=0))
    close(moving_variance, 0.9 * layer.new_variance + 0.1 * seen.var(axis=0, ddof=1))


def test_a_zero_debiased_mean_in_float16(graph, variable_kind, tf):
    """Its counter is of float16 too, and cannot hold what a float32 one gets."""
    x = tf.placeholder(tf.float16, [None, 5])
    slim.batch_norm(x, is_training=True, fused=False, zero_debias_moving_mean=True, scope="bn")
    data = made_network.DATA.astype("f2")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        (layer,) = recalibrate(session, [{x: data[:20]}, {x: data[20:]}]).layers
        (counter,) = made_network.read(session, "local_step").values()
    assert (counter, counter.dtype) == (2**15, np.float16)
    np.testing.assert_array_equal(layer.new_mean, data.mean(axis=0, dtype="f8").astype("f2"))


def test_training_goes_on_from_renorm_statistics(graph, variable_kind, tf):
    """Their formulas are those of the batch renormalisation paper, arXiv 1702.03275, section 3."""
    x, is_training = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.bool, [])
    y = made_network.build(slim, x, is_training, layers=1, renorm=True)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    batch = made_network.cut()[2]
    with tf.Session() as session:
        made_network.load(session)
        recalibrate(session, feeds(x))
        ((mean, variance),) = made_network.in_inference(layers=1)
        values = made_network.read(session)
        deviation = np.sqrt(variance + made_network.EPSILON)
        check(values, [(mean, variance)])
        close(values["fc0/BatchNorm/renorm_mean"], mean)
        close(values["fc0/BatchNorm/renorm_stddev"], deviation)
        close(values["fc0/BatchNorm/moving_stddev"], deviation)
        # In training mode too it now normalises with the population: (x - m_B) / s_B * r + d.
        output = session.run(y, {x: batch, is_training: True})
        seen = batch.astype("f8") @ made_network.VALUES["weights"][0]
        close(output, made_network.normalise(seen, mean, variance, 0))
        session.run(updates, {x: batch, is_training: True})
        moved = made_network.statistics(made_network.read(session), 0)
    close(moved[0], 0.9 * mean + 0.1 * seen.mean(axis=0))
    stddev = 0.9 * deviation + 0.1 * np.sqrt(seen.var(axis=0) + made_network.EPSILON)
    close(moved[1], stddev**2 - made_network.EPSILON)


def test_renorm_layers_in_a_row_go_layer_by_layer(graph, tf):
    x, is_training = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.bool, [])
    made_network.build(slim, x, is_training, renorm=True)
    with tf.Session() as session:
        made_network.load(session)
        recalibrate(session, feeds(x), method="layer_by_layer")
        check(made_network.read(session), made_network.in_inference())


def test_a_new_checkpoint_of_the_session(graph, variable_kind, tf, tmp_path):
    x, is_training = tf.placeholder(tf.float32, [None, 5]), tf.placeholder(tf.bool, [])
    made_network.build(slim, x, is_training)
    output = str(tmp_path / "new.ckpt")
    with tf.Session() as session:
        made_network.load(session)
        with tf.control_dependencies([tf.placeholder(tf.float32)]):  # Concerns the caller's ops.
            record = recalibrate(session, feeds(x), output=output)
        values = made_network.read(session)
    assert record.checkpoint == output
    reader = tf.train.load_checkpoint(output)
    assert set(reader.get_variable_to_shape_map()) == set(values)
    assert all(np.array_equal(reader.get_tensor(name), values[name]) for name in values)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "new.ckpt.data-00000-of-00001",
        "new.ckpt.index",
        "new.ckpt.meta",
    ]
    with tf.Graph().as_default() as again:
        tf.train.import_meta_graph(output + ".meta")
        assert not any("recalibrate" in op.name for op in again.get_operations())


def test_a_graph_gains_its_ops_once(graph, tf):
    x = tf.placeholder(tf.float32, [None, 5])
    made_network.build(slim, x, tf.placeholder(tf.bool, []))
    sizes = []
    with tf.Session() as session:
        made_network.load(session)
        for _ in range(3):
            recalibrate(session, [{x: batch} for batch in made_network.cut()])
            sizes.append(len(graph.get_operations()))
    assert sizes[0] == sizes[1] == sizes[2]
