"""The Keras model of a TensorFlow 1 checkpoint: runs/model.ckpt-7

  model = build_model()
  model.load_weights("model.weights.h5")

Layers are called as their slim scopes, with '__' for '/'. slimfix wrote this file and checked that
it builds the model that was verified.

Inputs, as they are called in the graph:
  x:0: float32 [?, 6, 5, 4]
Outputs:
  net/logits/Dense:0
  net/flat/Flatten:0
"""

import keras
import numpy as np
from keras import layers, ops


def conv_relu(x, name, filters, kernel_size):
    """net/stem/conv1, and 15 scopes like it."""
    x = layers.Conv2D(
        filters,
        kernel_size,
        kernel_regularizer=keras.regularizers.L2(5e-05),
        padding="same",
        data_format="channels_last",
        name=name,
    )(x)
    return layers.ReLU(name=f"{name}__Relu")(x)


def mixed_branch_1(x, name, filters):
    """net/mixed_a/Branch_1, and 2 scopes like it."""
    x = conv_relu(x, f"{name}__conv", filters, (3, 3))
    return conv_relu(x, f"{name}__last", 6, (1, 3))


def mixed(x, name, branch_0_filters, branch_1_filters, branch_2_filters):
    """net/mixed_a, and 2 scopes like it."""
    branch_0 = conv_relu(x, f"{name}__Branch_0__conv", branch_0_filters, (3, 3))
    branch_1 = mixed_branch_1(x, f"{name}__Branch_1", branch_1_filters)
    branch_2 = conv_relu(x, f"{name}__Branch_2__conv", branch_2_filters, (3, 3))
    return layers.Concatenate(axis=3, name=f"{name}__concat")([branch_0, branch_1, branch_2])


def build_model():
    """Returns the model, with initial weights."""
    inputs = keras.Input((6, 5, 4), dtype="float32", name="x")
    x = ops.divide(inputs, np.array([0.3, 0.8666667, 1.4333333, 2.0], "float32"))
    x = ops.add(x, CONSTANT_1)

    # net/stem
    for i in range(1, 4):
        x = conv_relu(x, f"net__stem__conv{i}", 8, (3, 3))

    x = mixed(x, "net__mixed_a", branch_0_filters=3, branch_1_filters=4, branch_2_filters=5)
    x = mixed(x, "net__mixed_b", branch_0_filters=4, branch_1_filters=5, branch_2_filters=6)
    x = mixed(x, "net__mixed_c", branch_0_filters=5, branch_1_filters=6, branch_2_filters=7)

    # net/a_block_with_a_name_that_is_so_long_that_it_fills_a_line
    branch_0 = conv_relu(
        x, "net__a_block_with_a_name_that_is_so_long_that_it_fills_a_line__Branch_0", 2, (3, 3)
    )
    branch_1 = layers.Conv2D(
        2,
        (3, 3),
        kernel_regularizer=keras.regularizers.L2(5e-05),
        padding="same",
        data_format="channels_last",
        name="net__a_block_with_a_name_that_is_so_long_that_it_fills_a_line__Branch_1",
    )(x)
    branch_2 = layers.Conv2D(
        2,
        (3, 3),
        kernel_regularizer=keras.regularizers.L2(5e-05),
        padding="same",
        data_format="channels_last",
        name="net__a_block_with_a_name_that_is_so_long_that_it_fills_a_line__Branch_2",
    )(x)
    branch_3 = layers.Conv2D(
        2,
        (3, 3),
        kernel_regularizer=keras.regularizers.L2(5e-05),
        padding="same",
        data_format="channels_last",
        name="net__a_block_with_a_name_that_is_so_long_that_it_fills_a_line__Branch_3",
    )(x)
    x = layers.Concatenate(
        axis=3, name="net__a_block_with_a_name_that_is_so_long_that_it_fills_a_line__concat"
    )([branch_0, branch_1, branch_2, branch_3])

    x = ops.get_item(x, (slice(None), slice(None, None, -1), slice(1, 4)))
    x = layers.Rescaling(1.25, offset=-0.5, name="net__rescaled_to_another_range_as_far_as_a_lin")(
        x
    )
    x = layers.Flatten(data_format="channels_last", name="net__flat")(x)
    logits = layers.Dense(10, name="net__logits")(x)
    return keras.Model(inputs, [logits, x], name="net")


# fmt: off
CONSTANT_1 = np.array([
    0.0, 0.11111111, 0.22222222, 0.33333334, 0.44444445, 0.5555556, 0.6666667, 0.7777778,
    0.8888889, 1.0, 1.1111112, 1.2222222, 1.3333334, 1.4444444, 1.5555556, 1.6666666, 1.7777778,
    1.8888888, 2.0, 2.1111112,
], "float32").reshape((5, 4))
# fmt: on


if __name__ == "__main__":
    model = build_model()
    model.load_weights("model.weights.h5")
    model.summary()
