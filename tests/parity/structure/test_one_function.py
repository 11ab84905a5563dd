"""What is one function and trains alike is one, in whatever layers and operations it is written."""

import keras
import pytest
from keras import layers as L
from keras import ops

# What is written in two ways, and has one normal form: nothing is left to numbers.
SAME = {
    "relu": (L.ReLU(), L.Activation("relu"), ops.relu, lambda x: ops.maximum(x, 0)),
    "relu6": (L.ReLU(6), L.Activation("relu6"), ops.relu6, lambda x: ops.clip(x, 0, 6)),
    "relu and a bound": (lambda x: ops.minimum(ops.relu(x), 3.0), lambda x: ops.clip(x, 0, 3)),
    "relu function": (ops.relu, keras.activations.relu),
    "clip": (
        lambda x: ops.clip(x, -0.5, 0.7),
        lambda x: ops.minimum(ops.maximum(x, -0.5), 0.7),
        lambda x: ops.maximum(ops.minimum(x, 0.7), -0.5),
    ),
    "leaky relu": (L.LeakyReLU(0.1), lambda x: ops.leaky_relu(x, 0.1), L.ReLU(negative_slope=0.1)),
    "softmax": (L.Softmax(), L.Activation("softmax"), ops.softmax),
    "tanh": (L.Activation("tanh"), ops.tanh),
    "elu": (L.ELU(), L.Activation("elu"), ops.elu),
    "scale": (L.Rescaling(0.5, 1.0), lambda x: x * 0.5 + 1.0, lambda x: 1.0 + 0.5 * x),
    "nothing": (L.Identity(), lambda x: x * 1.0, lambda x: x + 0.0, L.Dropout(0.0), L.Rescaling(1)),
    "mean": (
        L.GlobalAveragePooling2D(),
        lambda x: ops.mean(x, [1, 2]),
        lambda x: ops.squeeze(ops.mean(x, [1, 2], keepdims=True), [1, 2]),
        L.GlobalAveragePooling2D(keepdims=True),
    ),
    "flat": (L.Flatten(), L.Reshape([-1]), lambda x: ops.reshape(x, [-1, 48]), L.Reshape([16, 3])),
    "turned": (L.Permute([3, 1, 2]), lambda x: ops.transpose(x, [0, 3, 1, 2])),
    "turned and back": (L.Identity(), lambda x: L.Permute([2, 3, 1])(L.Permute([3, 1, 2])(x))),
    "dropout": (L.Dropout(0.5), L.Dropout(0.5, seed=3), lambda x: L.Dropout(0.5)(L.Identity()(x))),
    "sum": (
        lambda x: L.Add()([ops.tanh(x), ops.exp(x)]),
        lambda x: ops.tanh(x) + ops.exp(x),
        lambda x: ops.add(ops.exp(x), ops.tanh(x)),
    ),
}
PAIRS = [(name, one, other) for name, (one, *others) in SAME.items() for other in others]


def model(make):
    x = keras.Input([4, 4, 3])
    return keras.Model(x, L.Flatten()(make(x)))


@pytest.mark.parametrize(("name", "one", "other"), PAIRS, ids=[name for name, *_ in PAIRS])
def test_one_function_has_one_form(aligned, name, one, other):
    result = aligned(model(one), model(other))
    assert (result.different, result.by_numbers) == ((), ())


def test_an_activation_is_a_step_wherever_it_is_asked_for(aligned):
    inside = model(L.Conv2D(3, 3, activation="relu"))
    behind = model(lambda x: L.ReLU()(L.Conv2D(3, 3)(x)))
    result = aligned(inside, behind)
    assert (result.different, result.by_numbers, result.steps) == ((), (), 2)


def test_a_dropout_that_is_called_twice_is_two_dropouts(aligned):
    def apart(x):
        return L.Dropout(0.5)(ops.tanh(L.Dropout(0.5)(x)))

    def shared(x):
        drop = L.Dropout(0.5)
        return drop(ops.tanh(drop(x)))

    result = aligned(model(apart), model(shared))
    assert (result.different, result.by_numbers) == ((), ())


# What is one function, but in another form: values decide, and each part is named.
@pytest.mark.parametrize(
    ("one", "other", "line"),
    [
        (
            lambda x: L.Flatten()(L.Conv2D(5, 1, name="conv")(ops.mean(x, [1, 2], keepdims=True))),
            lambda x: L.Dense(5, name="fc")(L.GlobalAveragePooling2D()(x)),
            "'fc' (Dense) for 'conv' (Conv2D)",
        ),
        (
            L.Softmax(name="odds"),
            lambda x: ops.exp(x) / ops.sum(ops.exp(x), -1, keepdims=True),
            "(TrueDivide) for 'odds' (Softmax)",
        ),
        (
            lambda x: L.ReLU(name="relu")(L.MaxPooling2D(name="pool")(x)),
            lambda x: L.MaxPooling2D(name="pool")(L.ReLU(name="relu")(x)),
            "'relu' (ReLU) and 'pool' (MaxPooling2D) for 'pool' (MaxPooling2D) and 'relu' (ReLU)",
        ),
    ],
)
def test_another_form_is_named(aligned, one, other, line):
    result = aligned(model(one), model(other))
    assert result.different == ()
    (found,) = result.by_numbers
    assert line in found
