"""Variables beside computed tensors: exact, trainable, and one weight however often read."""

import numpy as np
import pytest

from slimfix.errors import UnsupportedOpError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly


def _variable(shape, name="net/scale", **arguments):
    import tensorflow.compat.v1 as tf

    return tf.get_variable(name, shape, **arguments)


@pytest.mark.parametrize("shape", [[], [4], [5, 1], [7, 5, 4], [1, 7, 1, 4], [1, 1, 1, 1]])
@pytest.mark.parametrize("variable_first", [True, False])
def test_every_shape_that_broadcasts_over_the_batch(x, prove, shape, variable_first):
    variable = _variable(shape)
    kinds, migration = prove(variable - x if variable_first else x - variable)
    assert kinds[-2:] == ["Embedding", "Subtract"]
    assert [weight.path for weight in migration.model.weights] == ["net__scale/embeddings"]


def test_bias_add_of_slim_without_a_layer(x, prove, variable_kind):
    from slimfix import slim

    assert prove(slim.bias_add(x, scope="offset"))[0][-1] == "Add"


def test_one_variable_read_twice_is_one_weight(x, prove):
    import tensorflow.compat.v1 as tf

    scale = _variable([4])
    kinds, migration = prove(tf.nn.relu(x * scale) * scale)
    assert kinds.count("Embedding") == 2
    assert len(migration.model.weights) == 1


def test_a_variable_of_the_size_of_the_batch_is_refused(graph, saved):
    """It tells the samples of a batch apart, which no layer does."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [3, 5], name="x")
    net = x * _variable([3, 5])
    with pytest.raises(UnsupportedOpError, match="variable 'net/scale'"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])


def test_it_trains_and_keeps_its_penalty(x, saved):
    """The gradient of the sum of scale * x, and slim's factor of a half in the penalty."""
    from slimfix import slim

    scale = slim.model_variable("scale", [4], regularizer=slim.l2_regularizer(0.5))
    net = x * scale
    migration = convert(saved(), inputs=["x:0"], outputs=[net.name])
    images = np.random.default_rng(3).normal(size=(3, 7, 5, 4)).astype(np.float32)

    def gradient():
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(migration.model(images))
        (weight,) = migration.model.trainable_weights
        found = tf.convert_to_tensor(tape.gradient(loss, weight.value))
        return found.numpy(), weight.numpy(), [float(each) for each in migration.model.losses]

    found, weight, losses = run_eagerly(gradient)
    np.testing.assert_allclose(found, images.sum((0, 1, 2))[None], rtol=1e-5)
    np.testing.assert_allclose(losses, [0.25 * np.sum(weight**2)], rtol=1e-6)


def test_what_slim_does_not_train_is_frozen(x, saved):
    net = x * _variable([4], trainable=False) + _variable([4], "net/offset")
    model = convert(saved(), inputs=["x:0"], outputs=[net.name]).model
    assert [weight.path for weight in model.non_trainable_weights] == ["net__scale/embeddings"]
    assert [weight.path for weight in model.trainable_weights] == ["net__offset/embeddings"]


def test_one_sample_is_added_to_as_many_are(graph, saved):
    """keras.ops.add takes an offset for each column of one sample for one for each row."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 5, 5, 4], name="x")
    net = x + _variable([5, 1])
    model = convert(saved(), inputs=["x:0"], outputs=[net.name]).model
    images = np.random.default_rng(3).normal(size=(1, 5, 5, 4)).astype(np.float32)
    result, table = run_eagerly(lambda: (np.asarray(model(images)), model.get_weights()[0]))
    np.testing.assert_array_equal(result, images + table.reshape(5, 1))


def test_a_function_of_a_variable_is_refused_by_name(x, saved):
    """Nothing in Keras trains it; that a layer reads the variable as well does not help."""
    import tensorflow.compat.v1 as tf

    scale = _variable([4])
    net = x * scale + tf.exp(scale, name="grown")
    with pytest.raises(UnsupportedOpError, match="Exp 'grown': reads variable 'net/scale'"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])


def test_a_function_of_a_variable_in_several_steps_is_refused_by_name(x, saved):
    import tensorflow.compat.v1 as tf

    scale = _variable([1, 7, 5, 4])
    net = x * scale + tf.nn.lrn(scale, name="steps")
    with pytest.raises(UnsupportedOpError, match="LRN 'steps': reads variable"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])
