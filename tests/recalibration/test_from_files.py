"""recalibrate_checkpoint: files of TensorFlow 1.15.5 and of the TensorFlow that runs."""

import os
import shutil

import made_network
import numpy as np
import pytest
from digits_net import digits_net

from slimfix import recalibrate_checkpoint, slim
from slimfix.checkpoint import read_checkpoint
from slimfix.errors import CheckpointMismatchError, RecalibrationError, UsageError

MICRO = "tests/golden/micro"
METHODS = ["one_pass", "layer_by_layer"]
WEIGHTS = np.array([0.4, 1.7, 0.9, 2.3])  # batch_weights of the golden micro network.
LOGITS = "digits/logits/BiasAdd"


@pytest.fixture
def tf():
    import tensorflow.compat.v1 as tensorflow

    return tensorflow


@pytest.fixture(scope="module")
def digits():
    with np.load("tests/golden/digits/digits.npz") as file:
        train, test = (
            (file[f"{part}_images"].astype(np.float32) / 16)[..., np.newaxis]
            for part in ("train", "test")
        )
        return {"images": train}, {"images": test, "labels": file["test_labels"]}


def changed(old_prefix, new_prefix):
    """Returns the names of what differs; what is in one of them only counts too."""
    old, new = read_checkpoint(old_prefix), read_checkpoint(new_prefix)
    same = [
        name
        for name in set(old.variables) & set(new.variables)
        if np.asarray(old.read(name)).tobytes() == np.asarray(new.read(name)).tobytes()
        and old.variables[name] == new.variables[name]
    ]
    return (set(old.variables) | set(new.variables)) - set(same)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("variant", ["no_updates", "trainable_only"])
def test_the_broken_digits_checkpoints(tmp_path, digits, variant, method):
    old, new = f"tests/golden/digits/{variant}/model.ckpt", str(tmp_path / "new.ckpt")
    train, test = digits
    result = recalibrate_checkpoint(old, new, train, method=method, test_data=test, outputs=LOGITS)
    assert result.accuracy_before == 152 / 360
    assert result.accuracy_after == {"one_pass": 356 / 360, "layer_by_layer": 355 / 360}[method]
    statistics = {
        f"digits/{scope}/BatchNorm/moving_{kind}"
        for scope in ("conv1", "sepconv2", "fc4")
        for kind in ("mean", "variance")
    }
    assert changed(old, new) == set(result.recalibration.variables) == statistics
    assert set(result.added) == (statistics if variant == "trainable_only" else set())
    warns = "6 statistics were not in the old checkpoint. The Saver in its graph may" in str(result)
    assert warns == bool(result.added)
    with open(old + ".meta", "rb") as one, open(new + ".meta", "rb") as other:
        assert one.read() == other.read()
    assert "Accuracy on 360 test examples: 0.4222 before, 0.98" in str(result)


@pytest.mark.parametrize("method", METHODS)
def test_the_broken_ones_become_what_the_good_one_becomes(tmp_path, digits, method):
    """All three have the same weights, so the same statistics, and half a point is kept."""
    train, test = digits
    with np.load("tests/golden/digits/digits.npz") as file:
        labels = np.concatenate([file["train_labels"], file["test_labels"]])
    images = np.concatenate([train["images"], test["images"]])
    everything = {"images": images, "labels": labels}
    results = {}
    for variant in ("good", "no_updates", "trainable_only"):
        old, new = f"tests/golden/digits/{variant}/model.ckpt", str(tmp_path / variant)
        options = {"method": method, "test_data": everything, "outputs": LOGITS}
        results[variant] = recalibrate_checkpoint(old, new, train, **options)
        assert results[variant].accuracy_after > results["good"].accuracy_before - 0.005
    good = read_checkpoint(str(tmp_path / "good"))
    for variant in ("no_updates", "trainable_only"):
        broken = read_checkpoint(str(tmp_path / variant))
        for name in results[variant].recalibration.variables:
            np.testing.assert_array_equal(broken.read(name), good.read(name), err_msg=name)


def test_no_statistics_of_these_weights_do_better(graph, tf, digits):
    """The good checkpoint has 358 of 360 right, by moving averages over weights that still moved.

    Its own updates, run on with its weights at rest, end where recalibration does.
    """
    train, test = digits
    images, is_training = tf.placeholder(tf.float32, [None, 8, 8, 1]), tf.placeholder(tf.bool, [])
    logits, _ = digits_net(slim, images, is_training)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    random = np.random.RandomState(5)
    right = []
    with tf.Session() as session:
        tf.train.Saver().restore(session, "tests/golden/digits/good/model.ckpt")
        for _ in range(10):
            order = random.permutation(1437)
            for start in range(0, 1437 - 63, 64):
                batch = train["images"][order[start : start + 64]]
                session.run(updates, {images: batch, is_training: True})
            found = session.run(logits, {images: test["images"], is_training: False})
            right.append(int(np.sum(found.argmax(axis=1) == test["labels"])))
    assert set(right) <= {355, 356}


def test_the_new_checkpoint_restores_in_the_training_graph(
    graph, variable_kind, tf, tmp_path, digits
):
    old, new = "tests/golden/digits/no_updates/model.ckpt", str(tmp_path / "new.ckpt")
    record = recalibrate_checkpoint(old, new, digits[0]).recalibration
    images, is_training = tf.placeholder(tf.float32, [None, 8, 8, 1]), tf.placeholder(tf.bool, [])
    logits, _ = digits_net(slim, images, is_training)
    loss = tf.losses.sparse_softmax_cross_entropy(tf.placeholder(tf.int64, [None]), logits)
    step = tf.train.get_or_create_global_step()
    tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, global_step=step)
    with tf.Session() as session:
        tf.train.Saver().restore(session, new)
        (found,) = [
            session.run(variable)
            for variable in tf.global_variables()
            if variable.op.name == "digits/conv1/BatchNorm/moving_mean"
        ]
        assert session.run(step) > 0
    np.testing.assert_array_equal(found, record.layers[0].new_mean)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("variant", sorted(os.listdir(MICRO)))
def test_golden_layers_of_tensorflow_1(tmp_path, variant, method):
    """Each kind of layer, against the input that TensorFlow 1.15 recorded for it."""
    old, new = f"{MICRO}/{variant}/model.ckpt", str(tmp_path / "new.ckpt")
    with np.load(f"{MICRO}/{variant}/recording.npz") as file:
        x = file["input/x:0"]
        name = "tensor/net/conv/Conv2D:0" if "rank4" in variant else "tensor/net/fc/MatMul:0"
        entered = file[name].astype(np.float64)
    result = recalibrate_checkpoint(old, new, {"x": x}, method=method, batch_size=len(x))
    (layer,) = result.recalibration.layers
    flat = entered.reshape(-1, entered.shape[-1])
    each = np.repeat(WEIGHTS, len(flat) // 4) if "weights" in variant else np.ones(len(flat))
    mean = np.average(flat, axis=0, weights=each)
    variance = np.average((flat - mean) ** 2, axis=0, weights=each)
    np.testing.assert_allclose(layer.new_mean, mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.new_variance, variance, rtol=1e-5)
    written = read_checkpoint(new)
    np.testing.assert_array_equal(written.read(layer.scope + "/moving_mean"), layer.new_mean)
    deviation = np.sqrt(variance + layer.epsilon)
    expected = {"renorm_mean": mean, "renorm_stddev": deviation, "moving_stddev": deviation}
    for extra in result.recalibration.variables:
        value = expected.get(extra.rpartition("/")[2])
        if value is not None:
            np.testing.assert_allclose(written.read(extra), value, rtol=1e-5, atol=1e-6)
    assert len(result.recalibration.variables) == 2 + sum(
        (3 * ("renorm" in variant), 2 * ("zero_debias" in variant))
    )


@pytest.fixture
def trained(graph, tf, tmp_path):
    """Builds, loads and saves a training graph; gives its prefix."""

    def build(is_training=None, version=2, keep=None, network=made_network.build, **arguments):
        x = tf.placeholder(tf.float32, [None, 5], name="x")
        labels = tf.placeholder(tf.int64, [None], name="labels")
        if is_training is None:
            is_training = tf.placeholder(tf.bool, [], name="is_training")
        logits = network(slim, x, is_training, **arguments)
        logits = slim.fully_connected(logits, 2, activation_fn=None, scope="logits")
        loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
        tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
        kept = [v for v in tf.global_variables() if keep is None or keep(v.op.name)]
        with tf.Session() as session:
            made_network.load(session)
            writer = tf.train.Saver(kept, write_version=version)
            return writer.save(session, str(tmp_path / "old.ckpt"), write_state=False)

    return build


DATA = {"x": made_network.DATA}


def statistics_of(prefix):
    checkpoint = read_checkpoint(prefix)
    return {name: checkpoint.read(name) for name in checkpoint.variables if "moving" in name}


def check(prefix, wanted):
    found = statistics_of(prefix)
    for index, (mean, variance) in enumerate(wanted):
        close = {"rtol": 2e-5, "atol": 2e-5}
        np.testing.assert_allclose(made_network.statistics(found, index)[0], mean, **close)
        np.testing.assert_allclose(made_network.statistics(found, index)[1], variance, **close)


@pytest.mark.parametrize("version", [1, 2])
def test_both_formats(trained, variable_kind, tmp_path, version):
    old, new = trained(version=version), str(tmp_path / "new.ckpt")
    recalibrate_checkpoint(old, new, DATA, method="layer_by_layer", batch_size=10)
    check(new, made_network.in_inference())
    assert changed(old, new) == set(statistics_of(new))


@pytest.mark.parametrize("variable_kind", ["resource and control flow version 2"], indirect=True)
@pytest.mark.parametrize("method", METHODS)
def test_control_flow_version_2(trained, variable_kind, tmp_path, method):
    new = str(tmp_path / "new.ckpt")
    recalibrate_checkpoint(trained(), new, DATA, method=method, batch_size=10)
    batches = made_network.cut(sizes=(10, 10, 10, 7))
    by_method = dict(zip(METHODS, (made_network.in_training(batches), made_network.in_inference())))
    check(new, by_method[method])


def test_a_switch_that_was_not_saved(trained, tf, variable_kind, tmp_path):
    """As Saver(tf.trainable_variables()) leaves it out, with the statistics."""
    switch = tf.get_variable("is_training", initializer=True, trainable=False)
    old = trained(switch, keep=lambda name: "moving" not in name and name != "is_training")
    new = str(tmp_path / "new.ckpt")
    result = recalibrate_checkpoint(old, new, DATA, method="layer_by_layer")
    check(new, made_network.in_inference())
    assert len(result.added) == 6
    assert "is_training" not in read_checkpoint(new).variables


def test_constant_training_mode(trained, tmp_path):
    new = str(tmp_path / "new.ckpt")
    recalibrate_checkpoint(trained(True), new, DATA, batch_size=37)
    check(new, made_network.in_training([made_network.DATA]))
    with pytest.raises(RecalibrationError, match="always in training mode"):
        recalibrate_checkpoint(trained_prefix(new), new + "2", DATA, method="layer_by_layer")


def trained_prefix(new):
    return os.path.join(os.path.dirname(new), "old.ckpt")


def test_constant_inference_mode(trained, tmp_path):
    new = str(tmp_path / "new.ckpt")
    recalibrate_checkpoint(trained(False), new, DATA, method="layer_by_layer")
    check(new, made_network.in_inference())


def test_partitioned_weights(graph, variable_kind, tf, tmp_path):
    x = tf.placeholder(tf.float32, [None, 5], name="x")
    with tf.variable_scope("", partitioner=tf.fixed_size_partitioner(2, axis=0)):
        made_network.build(slim, x, tf.placeholder(tf.bool, []), layers=1)
    weights = np.concatenate
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        parts = [v for v in tf.global_variables() if "weights" in v.op.name]
        entered = made_network.DATA @ weights(session.run(parts), axis=0).astype(np.float64)
        old = tf.train.Saver().save(session, str(tmp_path / "old.ckpt"), write_state=False)
    new = str(tmp_path / "new.ckpt")
    recalibrate_checkpoint(old, new, DATA, method="layer_by_layer")
    check(new, [(entered.mean(axis=0), entered.var(axis=0))])
    with tf.Session() as session:
        tf.train.Saver().restore(session, new)
        np.testing.assert_array_equal(
            weights(session.run(parts), axis=0), read_checkpoint(old).read("fc0/weights")
        )


def test_names_that_a_saver_gives_are_kept(graph, variable_kind, tf, tmp_path):
    """A Saver with a dict for var_list: restored by it, the network has the new statistics."""
    made_network.build(slim, tf.placeholder(tf.float32, [None, 5], name="x"), True, layers=1)
    variables = {"model/" + each.op.name: each for each in tf.global_variables()}
    saver = tf.train.Saver(variables)
    with tf.Session() as session:
        made_network.load(session)
        old = saver.save(session, str(tmp_path / "old.ckpt"), write_state=False)
        new = str(tmp_path / "new.ckpt")
        (layer,) = recalibrate_checkpoint(old, new, DATA).recalibration.layers
        assert set(read_checkpoint(new).variables) == set(variables)
        saver.restore(session, new)
        found = session.run(variables["model/fc0/BatchNorm/moving_mean"])
    np.testing.assert_array_equal(found, layer.new_mean)


def test_only_these_scopes(trained, tmp_path):
    old, new = trained(updates_collections=None), str(tmp_path / "new.ckpt")
    result = recalibrate_checkpoint(old, new, DATA, scopes=["fc1"])
    assert changed(old, new) == set(result.recalibration.variables)
    assert result.recalibration.variables == (
        "fc1/BatchNorm/moving_mean", "fc1/BatchNorm/moving_variance"
    )  # fmt: skip


def test_shadows_of_statistics_are_named(trained, tf, tmp_path):
    def with_shadows(*arguments, **options):
        made = made_network.build(*arguments, **options)
        tf.train.ExponentialMovingAverage(0.9).apply(slim.get_model_variables())
        return made

    old, new = trained(network=with_shadows), str(tmp_path / "new.ckpt")
    result = recalibrate_checkpoint(old, new, DATA)
    assert len(result.shadows) == 6
    assert "6 ExponentialMovingAverage shadows of statistics are copied as they were." in str(
        result
    )
    assert changed(old, new) == set(result.recalibration.variables)


def test_single_numbers_go_into_every_batch(trained, tf, tmp_path):
    def scaled(slim, x, *arguments, **options):
        return made_network.build(slim, x * tf.placeholder(tf.float32, [], "factor"), *arguments)

    old, new = trained(network=scaled), str(tmp_path / "new.ckpt")
    data = {"x": made_network.DATA * 2, "factor:0": np.float32(0.5)}
    recalibrate_checkpoint(old, new, data, method="layer_by_layer")
    check(new, made_network.in_inference())


def refused(tmp_path, error, old, data=DATA, **arguments):
    """Returns the text of the error; nothing may be at the new prefix."""
    new = str(tmp_path / "new.ckpt")
    with pytest.raises(error) as caught:
        recalibrate_checkpoint(old, new, data, **arguments)
    assert [path.name for path in tmp_path.iterdir() if "old" not in path.name] == []
    return str(caught.value)


def test_an_input_without_data(trained, tmp_path):
    old = trained()
    assert refused(tmp_path, UsageError, old, {"labels": np.arange(4)}) == (
        "The batches leave out 1 tensor that the network needs:\n"
        "  'x:0': placeholder [?,5] float32\n"
        "Fix: feed these too, or a tensor that is computed from them.\n"
        f"Network: '{old}.meta'"
    )


def test_an_input_pipeline_is_not_waited_for(graph, tf, tmp_path):
    queue = tf.FIFOQueue(3, [tf.float32], [[4, 5]], name="queue")
    batch = tf.identity(queue.dequeue(name="next"), name="batch")
    made_network.build(slim, batch, tf.placeholder(tf.bool, []))
    with tf.Session() as session:
        made_network.load(session)
        old = tf.train.Saver().save(session, str(tmp_path / "old.ckpt"), write_state=False)
    text = refused(tmp_path, UsageError, old, {})
    assert "'next:0': QueueDequeueV2, an input pipeline that does not run here\n" in text
    new = str(tmp_path / "new.ckpt")
    data = {"batch": made_network.DATA[:36]}
    recalibrate_checkpoint(old, new, data, method="layer_by_layer", batch_size=4)
    check(new, made_network.in_inference(made_network.DATA[:36]))


def test_an_array_for_no_tensor(trained, tmp_path):
    text = refused(tmp_path, UsageError, trained(), {"X": made_network.DATA, "lables": [1]})
    assert text.startswith("The graph has no tensor for 2 of 2 arrays:\n  'X:0'")
    assert "  'lables:0'; near: 'labels'" in text


def test_a_variable_is_missing(trained, tmp_path):
    old = trained(keep=lambda name: name != "fc1/weights")
    text = refused(tmp_path, CheckpointMismatchError, old)
    assert text.startswith(
        f"Cannot restore 1 of 13 variables from checkpoint prefix '{old}':\n"
        "  'fc1/weights': not in the checkpoint; near: 'fc2/weights', 'fc0/weights'"
    )


@pytest.mark.parametrize("scope", ["fc0", "fc2"])
def test_statistics_of_other_scopes_may_not_be_missing(trained, tmp_path, scope):
    """The new checkpoint would be as broken as the old one."""
    old = trained(keep=lambda name: "moving" not in name)
    text = refused(tmp_path, CheckpointMismatchError, old, scopes=[scope])
    assert text.startswith("The new checkpoint would lack 4 moving statistics:")
    assert "\n  'fc1/BatchNorm/moving_mean'\n" in text
    assert f"'{scope}/" not in text


def test_data_of_another_shape(trained, tmp_path):
    data = {"x": made_network.DATA[:, :3]}
    lines = refused(tmp_path, UsageError, trained(), data=data).splitlines()
    rows, wanted = data["x"].shape, made_network.DATA.shape[1]
    assert lines[0] == "Cannot feed batch 1:"
    assert lines[1].startswith(f"  'x:0': the data has {list(rows)}; the graph (")
    assert lines[1].endswith(f"{wanted})")


def test_another_models_graph(trained, tmp_path):
    old = trained()
    text = refused(
        tmp_path,
        CheckpointMismatchError,
        "tests/golden/digits/good/model.ckpt",
        meta=old + ".meta",
    )
    assert "the .meta file is of another model" in text


def test_another_shape(trained, graph, tf, tmp_path):
    old = trained()
    other = str(tmp_path / "old-other.ckpt")
    from slimfix.checkpoint.writer import write_checkpoint

    checkpoint = read_checkpoint(old)
    arrays = {name: checkpoint.read(name) for name in checkpoint.variables}
    write_checkpoint(other, {**arrays, "fc1/weights": np.zeros([6, 9], np.float32)})
    text = refused(tmp_path, CheckpointMismatchError, other, meta=old + ".meta")
    assert "\n  'fc1/weights': graph [6, 4]; checkpoint [6, 9]\n" in text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"x": made_network.DATA[:0]}, "Cannot cut 1 array into batches"),
        ({"x": np.float32(3)}, "'x:0': a single number, no examples"),
    ],
)
def test_arrays_that_are_no_batches(trained, tmp_path, data, message):
    assert message in refused(tmp_path, UsageError, trained(), data)


def test_arrays_of_two_lengths(trained, tf, tmp_path):
    def two(slim, x, *arguments):
        return made_network.build(slim, x + tf.placeholder(tf.float32, [None, 5], "y"), *arguments)

    data = {"x": made_network.DATA, "y": made_network.DATA[1:]}
    text = refused(tmp_path, UsageError, trained(network=two), data)
    assert "\n  'x:0': 37 examples\n  'y:0': 36 examples\n" in text


def test_a_batch_size_of_none(trained, tmp_path):
    text = refused(tmp_path, UsageError, trained(), batch_size=0)
    assert text.startswith("batch_size is at least 1, not 0\n")


TEST = {"x": made_network.DATA, "labels": np.zeros(37, int)}


def test_test_data_may_hold_what_only_the_loss_reads(trained, tmp_path):
    old = trained()
    plain, fed = (
        recalibrate_checkpoint(
            old, str(tmp_path / name), DATA, test_data={**TEST, **more}, outputs="logits/BiasAdd"
        )
        for name, more in (("plain", {}), ("fed", {"labels:0": TEST["labels"]}))
    )
    assert fed.accuracy_after == plain.accuracy_after


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test_data": TEST}, "test_data and outputs go together"),
        ({"outputs": "logits/BiasAdd"}, "test_data and outputs go together"),
        (
            {"test_data": TEST, "outputs": "logits/BiasAd:0"},
            "The graph has no tensor 'logits/BiasAd:0'",
        ),
        ({"test_data": DATA, "outputs": "logits/BiasAdd"}, "have no array 'labels', only ['x']"),
        (
            {"test_data": {**TEST, "labels": np.array(["a"] * 37)}, "outputs": "logits/BiasAdd"},
            "'labels' holds <U1; wanted are integers",
        ),
        (
            {"test_data": {**TEST, "labels": np.zeros([37, 1], int)}, "outputs": "logits/BiasAdd"},
            "gives [37, 2] for labels [37, 1]; wanted are logits",
        ),
        (
            {"test_data": {"labels": TEST["labels"]}, "outputs": "logits/BiasAdd"},
            "'x:0': placeholder [?,5] float32",
        ),
    ],
)
def test_test_data_that_do_not_fit(trained, tmp_path, arguments, message):
    assert message in refused(tmp_path, UsageError, trained(), **arguments)


def test_accuracy_needs_an_inference_mode(trained, tmp_path):
    text = refused(tmp_path, UsageError, trained(True), test_data=TEST, outputs="logits/BiasAdd")
    assert text.startswith("Cannot measure accuracy: 3 of 3 batch norms have no inference mode")


def test_an_output_that_is_taken(trained, tmp_path):
    old = trained()
    with pytest.raises(UsageError, match="is taken by 3 files"):
        recalibrate_checkpoint(old, old, DATA)
    assert set(statistics_of(old)) and changed(old, old) == set()


def test_a_batch_that_is_not_finite_leaves_nothing(trained, tmp_path):
    data = {"x": np.where(made_network.DATA > 30, np.nan, made_network.DATA)}
    assert "Cannot use batch 1" in refused(tmp_path, RecalibrationError, trained(), data)


def test_a_full_disk_leaves_nothing(trained, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(shutil, "copyfile", fail)
    assert refused(tmp_path, OSError, trained()) == "no space left"
