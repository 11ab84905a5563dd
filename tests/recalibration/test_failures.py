"""recalibrate refuses what it cannot do right, says why, and leaves every variable as it was."""

import made_network
import numpy as np
import pytest

from slimfix import recalibrate, slim
from slimfix.errors import RecalibrationError, UsageError
from slimfix.recalibration import session as recalibration_session

METHODS = ["one_pass", "layer_by_layer"]


@pytest.fixture
def tf():
    import tensorflow.compat.v1 as tensorflow

    return tensorflow


def batches_of(x):
    return [{x: batch} for batch in made_network.cut()]


def raised(tf, batches, error=RecalibrationError, **arguments):
    """Returns the text of the error; all variables must be as they were."""
    with tf.Session() as session:
        made_network.load(session)
        before = made_network.read(session)
        with pytest.raises(error) as caught:
            recalibrate(session, batches, **arguments)
        after = made_network.read(session)
    assert [name for name in before if not np.array_equal(before[name], after[name])] == []
    return str(caught.value)


def placeholders(tf):
    return tf.placeholder(tf.float32, [None, 5], name="x"), tf.placeholder(tf.bool, [], name="t")


def test_no_batch_norm(graph, tf):
    x, _ = placeholders(tf)
    slim.fully_connected(x, 3)
    assert raised(tf, batches_of(x)).startswith(
        "The graph holds no batch norm with moving statistics\n"
    )


@pytest.mark.parametrize("batches", [[], lambda: iter(())])
def test_no_batches(graph, tf, batches):
    made_network.build(slim, *placeholders(tf))
    assert raised(tf, batches, UsageError) == (
        "Cannot recalibrate: there are no batches\n"
        "Likely cause: an empty list, or an iterator that had been read before.\n"
        "Fix: give a list of feed dicts, or a function that returns a fresh iterable."
    )


def test_a_generator_serves_one_pass_only(graph, tf):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training)
    generator = (batch for batch in batches_of(x))
    assert raised(tf, generator, UsageError, method="layer_by_layer") == (
        "batches can be read once only, and 3 passes over them are needed\n"
        "Likely cause: it is a generator or another iterator.\n"
        "Fix: give a list of feed dicts, or a function without arguments that returns a fresh "
        "iterable."
    )
    assert len(list(generator)) == 5  # Nothing had been read.
    with tf.Session() as session:
        made_network.load(session)
        recalibrate(session, (batch for batch in batches_of(x)))


@pytest.mark.parametrize("batches", [{"x": 3}, 7])
def test_batches_of_another_type(graph, tf, batches):
    made_network.build(slim, *placeholders(tf))
    assert f"batches is a {type(batches).__name__}; " in raised(tf, batches, UsageError)


def test_passes_over_different_data(graph, tf):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training)
    left = batches_of(x) + batches_of(x)[:2]
    text = raised(tf, lambda: [left.pop() for _ in left[:5]], UsageError, method="layer_by_layer")
    assert text.startswith("Pass 2 read 2 batches, and pass 1 read 5\n")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("forced", [False, True])
def test_a_batch_that_is_not_finite(graph, variable_kind, tf, method, forced):
    x, is_training = placeholders(tf)
    collection = None if forced else tf.GraphKeys.UPDATE_OPS
    made_network.build(slim, x, is_training, updates_collections=collection)
    batches = batches_of(x)
    batches[2] = {x: batches[2][x].copy()}
    batches[2][x][5, 3] = np.inf if forced else np.nan
    text = raised(tf, batches, method=method)
    assert text.startswith("Cannot use batch 3: the input of ")
    assert "\n  'fc0/BatchNorm': not finite in 6 of 6 channels\n" in text
    assert text.endswith(
        "Fix: look at what this batch feeds, or cut the data into batches of another size; the "
        "old statistics are back in place."
    )


def test_an_empty_batch(graph, tf):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training, fused=False)
    text = raised(tf, [{x: np.zeros([0, 5])}], method="layer_by_layer")
    assert "\n  'fc0/BatchNorm': 0 elements\n" in text


def test_a_batch_of_one_is_of_no_use_in_training_mode(graph, tf):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training)
    batches = [{x: part} for part in np.split(made_network.DATA, [36])]
    assert raised(tf, batches).splitlines()[:2] == [
        "Cannot use batch 2: the input of 3 batch norms has no usable mean and variance:",
        "  'fc0/BatchNorm': 1 element per channel: in training mode its variance is 0, and the "
        "output is beta",
    ]
    with tf.Session() as session:
        made_network.load(session)
        recalibrate(session, batches, method="layer_by_layer")


def test_one_example_has_no_variance(graph, tf):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training)
    text = raised(tf, [{x: made_network.DATA[:1]}], method="layer_by_layer")
    assert text.startswith(
        "Cannot compute a variance for 1 batch norm:\n"
        "  'fc0/BatchNorm': 1 element per channel in all batches\n"
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_whatever_is_raised_midway(graph, variable_kind, tf, method, error):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training, updates_collections=None)
    passes = []

    def batches():
        passes.append(1)
        yield from batches_of(x)[:3]
        if len(passes) == (1 if method == "one_pass" else 2):
            raise error("stop")

    assert raised(tf, batches, error, method=method) == "stop"


def test_the_check_of_what_is_put_back_can_fail(graph, tf, monkeypatch):
    """Sabotage: nothing is put back, and updates forced in place have moved the statistics."""
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training, updates_collections=None)
    monkeypatch.setattr(recalibration_session, "restored_on_failure", reading_only)
    with pytest.raises(AssertionError, match="moving_mean"):
        raised(tf, [*batches_of(x), {x: [[np.nan] * 5] * 2}])


def reading_only(session, view, variables):
    import contextlib

    from slimfix.recalibration.variables import read_variables

    return contextlib.nullcontext(read_variables(session, view, variables))


def test_layers_always_in_training_mode(graph, tf):
    x, _ = placeholders(tf)
    made_network.build(slim, x, True, layers=2)
    assert raised(tf, batches_of(x), method="layer_by_layer") == (
        "Cannot run 2 of 2 batch norms in inference mode:\n"
        "  'fc0/BatchNorm': always in training mode\n"
        "  'fc1/BatchNorm': always in training mode\n"
        "Likely cause: the graph was built with is_training=True, a constant.\n"
        "Fix: use method='one_pass', or build the graph with is_training=False and restore the "
        "same checkpoint."
    )


def test_layers_always_in_inference_mode(graph, tf):
    x, _ = placeholders(tf)
    made_network.build(slim, x, False, layers=2)
    assert raised(tf, batches_of(x)) == (
        "Cannot measure 1 batch norm in one pass:\n"
        "  'fc1/BatchNorm': its input comes through 'fc0/BatchNorm', which normalises with stored "
        "statistics\n"
        "Likely cause: one pass measures all layers while the stored statistics are still the old "
        "ones; in training mode that makes no difference to a layer that normalises with the "
        "batch's, but these do not.\n"
        "Fix: use method='layer_by_layer', or leave the layers upstream out with scopes."
    )


def test_renorm_normalises_with_stored_statistics_too(graph, tf):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training, layers=2, renorm=True)
    assert "'fc0/BatchNorm', which normalises with those of renorm\n" in raised(tf, batches_of(x))


def test_a_layer_upstream_of_itself(graph, tf):
    x, is_training = placeholders(tf)
    with slim.arg_scope([slim.batch_norm], is_training=is_training):
        once = slim.batch_norm(x, scope="bn")
        slim.batch_norm(once + 1, scope="bn", reuse=True)
    text = raised(tf, batches_of(x), method="layer_by_layer")
    assert text.startswith(
        "Cannot measure 1 batch norm layer by layer:\n  'bn': used 2 times\nLikely cause: layers "
        "that share statistics lie upstream of each other"
    )
    with tf.Session() as session:
        made_network.load(session)
        assert recalibrate(session, batches_of(x)).layers[0].elements == 74


def test_no_value_serves_both(graph, tf):
    """Two layers that one tensor switches the opposite ways."""
    x, flag = placeholders(tf)
    batch = tf.nn.moments(x, [0])
    for index, trains_when in enumerate([True, False]):
        with tf.variable_scope(f"layer{index}"):
            stored = [
                tf.get_variable(name, [5], trainable=False).value()
                for name in ("moving_mean", "moving_variance")
            ]
        used = tf.cond(
            flag,
            lambda mine=batch if trains_when else stored: [tf.identity(each) for each in mine],
            lambda mine=stored if trains_when else batch: [tf.identity(each) for each in mine],
        )
        tf.nn.batch_normalization(x, used[0], used[1], None, None, 0.25)
    assert raised(tf, batches_of(x)).startswith(
        "No value of 't:0' puts all batch norms in training mode:\n"
        "  'layer0': training mode for True\n"
        "  'layer1': training mode for False\n"
    )


@pytest.mark.parametrize(
    ("form", "served"), [("sum over count", True), ("half of the mean", False), ("clipped", False)]
)
def test_batch_statistics_written_by_hand(graph, tf, form, served):
    x, is_training = placeholders(tf)
    size = tf.cast(tf.shape(x)[0], tf.float32)
    batch_mean = {
        "sum over count": lambda: tf.reduce_sum(x, [0]) / size,
        "half of the mean": lambda: tf.reduce_mean(x, [0]) * 0.5,
        "clipped": lambda: tf.reduce_sum(tf.minimum(x, 3.0), [0]) / size,
    }[form]()
    batch = (batch_mean, tf.reduce_mean(tf.square(x - batch_mean), [0]))
    with tf.variable_scope("own"):
        stored = [
            tf.get_variable(name, [5], trainable=False).value()
            for name in ("moving_mean", "moving_variance")
        ]
    used = tf.cond(
        is_training,
        lambda: [tf.identity(each) for each in batch],
        lambda: [tf.identity(each) for each in stored],
    )
    tf.nn.batch_normalization(x, used[0], used[1], None, None, 0.25)
    if not served:
        text = raised(tf, batches_of(x))
        assert text.startswith("Cannot measure the input of 1 of 1 batch norms:\n  'own': '")
        assert "' is no mean of its input\n" in text
        return
    with tf.Session() as session:
        made_network.load(session)
        (layer,) = recalibrate(session, batches_of(x)).layers
    np.testing.assert_allclose(layer.new_mean, made_network.DATA.mean(axis=0), rtol=1e-5)


def test_a_layer_inside_a_branch(graph, tf):
    x, flag = placeholders(tf)
    tf.cond(flag, lambda: slim.batch_norm(x + 1, is_training=True, scope="bn"), lambda: x)
    text = raised(tf, [{x: made_network.DATA, flag: True}])
    assert text.startswith("Cannot measure the input of 1 of 1 batch norms:\n  'bn': '")
    assert "' is made inside a tf.cond or tf.while_loop body\n" in text


def test_statistics_that_are_not_found(graph, tf):
    x = tf.placeholder(tf.float32, [None, 2, 3, 5])
    one, zero = tf.ones([5]), tf.zeros([5])
    tf.nn.fused_batch_norm(x, one, zero, zero, one, is_training=False, name="bare")
    text = raised(tf, [{x: np.zeros([1, 2, 3, 5])}])
    assert "no variable found for moving_mean and moving_variance" in text


@pytest.mark.parametrize("scopes", [["fc0", "fc9"], "fc9", ["fc0/Batch", "fc9"]])
def test_scopes_that_hold_nothing(graph, tf, scopes):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training)
    text = raised(tf, batches_of(x), UsageError, scopes=scopes)
    assert "of scopes cover" in text.splitlines()[0]
    assert "\n  'fc9'; near: 'fc2', 'fc1', 'fc0'\n" in text


def test_no_scopes_is_not_all_scopes(graph, tf):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training)
    assert raised(tf, batches_of(x), UsageError, scopes=[]).startswith("scopes is empty; ")


def test_a_method_that_is_none(graph, tf):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training)
    assert raised(tf, batches_of(x), UsageError, method="ema") == (
        "method is 'one_pass' or 'layer_by_layer', not 'ema'"
    )


def test_a_feed_that_leaves_something_out(graph, tf):
    x, is_training = placeholders(tf)
    scale = tf.placeholder(tf.float32, [5], name="scale")
    made_network.build(slim, x * scale, is_training)
    assert raised(tf, batches_of(x), UsageError) == (
        "The batches leave out 1 tensor that the network needs:\n"
        "  'scale:0': placeholder [5] float32\n"
        "Fix: feed these too, or a tensor that is computed from them."
    )


def test_a_feed_for_another_graph(graph, tf):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training)
    assert raised(tf, [{"y": made_network.DATA}], UsageError) == (
        "A batch feeds 'y', and the graph has no such tensor:\n"
        "  'x:0' is a placeholder\n"
        "  't:0' is a placeholder\n"
        "Fix: feed tensors of this graph."
    )


def test_a_finalized_graph(graph, tf):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training)
    initialise = tf.global_variables_initializer()
    graph.finalize()
    with tf.Session() as session:
        session.run(initialise)
        with pytest.raises(RecalibrationError, match=r"^Cannot recalibrate in a finalized graph"):
            recalibrate(session, batches_of(x))


def test_variables_without_a_value(graph, variable_kind, tf):
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training)
    expected = pytest.raises(UsageError, match="some are not initialized")
    with tf.Session() as session, expected as caught:
        recalibrate(session, batches_of(x))
    assert "tf.global_variables_initializer()" in str(caught.value)


@pytest.mark.parametrize("name", ["new.ckpt.index", "new.ckpt.meta", "new.ckpt"])
def test_an_output_that_is_taken(graph, tf, tmp_path, name):
    """Found before any batch is read."""
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training)
    (tmp_path / name).write_text("precious")
    output = str(tmp_path / "new.ckpt")
    text = raised(tf, lambda: pytest.fail("read"), UsageError, output=output)
    assert text.startswith(f"Checkpoint prefix '{output}' is taken by 1 file:\n")
    assert (tmp_path / name).read_text() == "precious"


def test_an_output_that_fails_to_be_written(graph, tf, tmp_path, monkeypatch):
    """Then the session keeps its old statistics, and no file is left."""
    x, is_training = placeholders(tf)
    made_network.build(slim, x, is_training)

    def fail(*arguments, **options):
        raise OSError("no space left")

    monkeypatch.setattr(tf.train.Saver, "save", fail)
    output = str(tmp_path / "new.ckpt")
    assert raised(tf, batches_of(x), OSError, output=output) == "no space left"
    assert list(tmp_path.iterdir()) == []
