"""What decides training comes along, or a note says that it does not."""

import pytest

from slimfix.errors import MigrationError, UnsupportedOpError, UsageError
from slimfix.migration import convert


@pytest.fixture
def x(graph):
    import tensorflow.compat.v1 as tf

    return tf.placeholder(tf.float32, [None, 7, 5, 4], name="x")


def notes_on(migration, scope):
    return [note for note in migration.notes if note.startswith(scope + ":")]


def test_an_evaluation_tower_takes_its_training_from_the_other(graph, x, saved):
    """The usual reuse=True: the evaluated ops never update, their variables are updated."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    train = tf.placeholder(tf.float32, [None, 7, 5, 4], name="train")
    for source, is_training, reuse in ((train, True, None), (x, False, True)):
        with tf.variable_scope("net", reuse=reuse):
            net = slim.batch_norm(source, is_training=is_training, decay=0.93, scope="bn")
    migration = convert(saved(), inputs=["x:0"], outputs=[net.name])
    assert migration.model.get_layer("net__bn").momentum == 0.93
    (note,) = notes_on(migration, "net/bn")
    assert "N/(N-1)" in note


def test_towers_of_different_decay_are_noted(graph, x, saved):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    train = tf.placeholder(tf.float32, [None, 7, 5, 4], name="train")
    slim.batch_norm(train, decay=0.93, scope="bn")
    slim.batch_norm(train, decay=0.87, scope="bn", reuse=True)
    net = slim.batch_norm(x, is_training=False, scope="bn", reuse=True)
    migration = convert(saved(), inputs=["x:0"], outputs=[net.name])
    assert any("its decay is no constant" in note for note in notes_on(migration, "bn"))


def test_frozen_layers_stay_frozen(x, saved):
    from slimfix import slim

    net = slim.conv2d(x, 3, [3, 2], trainable=False, activation_fn=None, scope="frozen")
    net = slim.conv2d(net, 3, [2, 1], activation_fn=None, scope="free")
    migration = convert(saved(), outputs=[net.name])
    assert not migration.model.get_layer("frozen").trainable
    assert migration.model.get_layer("free").trainable


def test_a_half_frozen_layer_is_noted(x, saved):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    net = slim.conv2d(x, 3, [3, 2], activation_fn=None, scope="half")
    trainable = tf.get_collection_ref(tf.GraphKeys.TRAINABLE_VARIABLES)
    trainable[:] = [variable for variable in trainable if "biases" not in variable.op.name]
    migration = convert(saved(), outputs=[net.name])
    assert migration.model.get_layer("half").trainable
    assert notes_on(migration, "half") == [
        "half: slim does not train its biases; Keras's layer does"
    ]


def test_a_frozen_batch_norm_whose_statistics_move_is_noted(x, saved):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    is_training = tf.placeholder(tf.bool, [], name="is_training")
    net = slim.conv2d(x, 3, [3, 2], activation_fn=None, scope="free")
    net = slim.batch_norm(net, is_training=is_training, trainable=False, scope="bn")
    migration = convert(saved(), outputs=[net.name])
    assert migration.model.get_layer("bn").trainable
    assert any("but moves its statistics" in note for note in notes_on(migration, "bn"))


def test_tied_weights_that_come_apart_are_noted(x, saved):
    """One kernel at two strides is two Keras layers."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    left = slim.conv2d(x, 4, 3, stride=1, activation_fn=None, scope="c")
    right = slim.conv2d(x, 4, 3, stride=2, activation_fn=None, scope="c", reuse=True)
    net = tf.add(tf.reduce_mean(left, [1, 2]), tf.reduce_mean(right, [1, 2]))
    (note,) = notes_on(convert(saved(), outputs=[net.name]), "c/weights")
    assert "one variable here, 2 weights in Keras" in note


def test_a_bias_on_a_tensor_with_two_readers_is_not_swallowed(x, saved):
    """The convolution without its bias is needed too: a converter must not fold the two."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    product = slim.conv2d(x, 3, [3, 2], biases_initializer=None, activation_fn=None, scope="c")
    bias = tf.get_variable("b", [3])
    net = tf.add(tf.nn.bias_add(product, bias), product, name="sum")
    model = convert(saved(), outputs=[net.name]).model
    assert [weight.path for weight in model.weights] == ["c/kernel", "b/embeddings"]


def test_a_switch_that_decides_something_else_keeps_its_default(x, saved):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    normalise = tf.placeholder_with_default(True, [], name="normalise")
    net = tf.cond(normalise, lambda: x / 255.0, lambda: tf.identity(x))
    net = slim.conv2d(net, 3, [3, 2], activation_fn=None, scope="c")
    migration = convert(saved(), outputs=[net.name])
    assert dict(migration.function.switches) == {"normalise:0": True}
    assert [record.target for record in migration.plan.layers] == ["ops.divide", "layers.Conv2D"]
    assert notes_on(migration, "normalise:0") == [
        "normalise:0: taken as True; this switch decides something else than training"
    ]


def test_two_switches_that_only_together_mean_inference(x, saved):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    both = [tf.placeholder(tf.bool, [], name=name) for name in ("evaluate", "frozen")]
    training = tf.logical_not(tf.logical_and(*both))
    net = slim.batch_norm(x, is_training=training, scope="bn")
    migration = convert(saved(), inputs=["x:0"], outputs=[net.name])
    assert dict(migration.function.switches) == {"evaluate:0": True, "frozen:0": True}


def test_a_batch_from_an_iterator_can_be_named(graph, saved, tmp_path):
    """The labels come from the same op, and are no part of the network."""
    import numpy as np
    import tensorflow.compat.v1 as tf

    from slimfix import slim
    from slimfix.migration.eager import run_eagerly
    from slimfix.parity import diff_parity

    random = np.random.RandomState(2)
    data = (random.normal(size=[8, 5, 3, 2]).astype(np.float32), np.arange(8) % 3)
    batches = tf.data.Dataset.from_tensor_slices(data).batch(4)
    labels_first = batches.map(lambda images, labels: (labels, images))
    labels, images = tf.data.make_one_shot_iterator(labels_first).get_next()
    net = slim.conv2d(images, 3, [3, 2], scope="c")
    logits = slim.fully_connected(slim.flatten(net), 3, activation_fn=None, scope="fc")
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    prefix = saved()
    assert convert(prefix).signature.inputs == ("IteratorGetNext:1",)
    migration = convert(prefix, inputs="IteratorGetNext:1")
    assert migration.signature.outputs == (logits.name,)
    path = str(tmp_path / "model.keras")
    run_eagerly(migration.model.save, path)
    assert diff_parity(path, migration).passed
    with pytest.raises(UsageError) as caught:
        convert(prefix, inputs="IteratorGetNext:1", outputs=loss.name)
    assert "'IteratorGetNext' (IteratorGetNext)" in str(caught.value)


def test_an_input_in_the_middle_cuts_off_what_is_above(x, saved):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    middle = tf.nn.elu(tf.cumsum(x), name="middle")
    net = slim.conv2d(middle, 3, [3, 2], activation_fn=None, scope="c")
    migration = convert(saved(), inputs="middle:0")
    assert migration.signature.outputs == (net.name,)


@pytest.mark.parametrize("condition", ["loop", "data"])
def test_control_flow_on_data_is_refused_by_name(x, saved, condition):
    import tensorflow.compat.v1 as tf

    if condition == "loop":
        net = tf.map_fn(tf.image.per_image_standardization, x)
    else:
        net = tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2.0, lambda: x * 3.0)
    end = tf.nn.relu(net, name="end")
    with pytest.raises(UnsupportedOpError) as caught:
        convert(saved(), inputs="x:0", outputs=end.name)
    assert "decide by data what is computed" in str(caught.value)
    assert "Merge '" in str(caught.value)


@pytest.mark.parametrize("output", ["x:0", "copy:0", "weights:0", "constant:0"])
def test_outputs_that_are_not_computed_are_refused(x, saved, output):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    slim.conv2d(x, 3, [3, 2], scope="c")
    tf.identity(x, name="copy")
    tf.identity(tf.global_variables()[0], name="weights")
    tf.constant([2.0, 3.0], name="constant")
    with pytest.raises(UsageError):
        convert(saved(), inputs="x:0", outputs=output)


def test_names_of_inputs_layers_and_operations_do_not_clash(saved, graph):
    """TensorFlow counts names as Keras does: 'add_1' is taken before Keras gets there."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = tf.placeholder(tf.float32, [None, 7, 5, 4], name="c")
    net = slim.conv2d(x, 4, [3, 2], scope="c", activation_fn=None)
    for _ in range(3):
        net = tf.add(tf.add(tf.nn.relu(net), 1.5), net)
    migration = convert(saved(), inputs="c:0", outputs=net.name)
    names = [operation.name for operation in migration.model.operations]
    assert len(names) == len(set(names)) == len(migration.plan.layers) + 1


def test_an_unheld_variable_is_an_error(x, saved, monkeypatch):
    """Sabotage: a converter that forgets the bias."""
    from slimfix import slim
    from slimfix.migration.converters import linear

    right = linear.plan_product

    def forgetful(planner, product, end, bias):
        return right(planner, product, end, None)

    net = slim.conv2d(x, 3, [3, 2], activation_fn=None, scope="c")
    prefix = saved()
    monkeypatch.setattr(linear, "plan_product", forgetful)
    with pytest.raises(MigrationError) as caught:
        convert(prefix, outputs=[net.name])
    assert "1 variable that the network reads would be lost:\n  'c/biases'" in str(caught.value)
