"""What computes or trains something else is named, however little of it the inputs show."""

import keras
import pytest
from keras import layers as L
from keras import ops

NOT_THERE = "the original has no such operation there"
LACKING = "planned; the model has no such operation there"


def model(make):
    x = keras.Input([4, 4, 3])
    return keras.Model(x, L.Flatten()(make(x)))


def base(x, then=lambda y: y):
    """A convolution, what may stand behind it, and one more."""
    y = L.ReLU(name="relu")(L.Conv2D(4, 3, name="one")(x))
    return L.Conv2D(2, 1, name="two")(then(y))


# Insertions that no input of a usual size shows.
@pytest.mark.parametrize(
    "extra",
    [
        lambda y: ops.clip(y, -1e4, 1e4),
        lambda y: ops.nan_to_num(y),
        lambda y: ops.where(y < 1e6, y, 0.0),
        lambda y: ops.maximum(y, -1e-3),
        lambda y: ops.abs(y),
        lambda y: L.ReLU(max_value=1e5)(y),
        L.Masking(-1.0),
        L.Dropout(0.1),
        L.GaussianNoise(0.1),
        L.ActivityRegularization(0.1),
        lambda y: ops.tanh(y * 1e-9) * 1e9,
        lambda y: y + 1e-13,
    ],
)
def test_an_operation_that_changes_nothing_here_is_named(aligned, extra):
    result = aligned(model(base), model(lambda x: base(x, extra)))
    assert result.different
    assert all(line.endswith(NOT_THERE) for line in result.different)
    lacking = aligned(model(lambda x: base(x, extra)), model(base))
    assert lacking.different
    assert all(line.endswith(LACKING) for line in lacking.different)


def test_a_bound_behind_a_relu_makes_it_another_relu(aligned):
    capped = model(lambda x: base(x, lambda y: ops.minimum(y, 1e9)))
    (line,) = aligned(model(base), capped).different
    assert "relu (1000000000.0, 0.0, 0.0); planned (None, 0.0, 0.0)" in line


# One random layer in the place of another.
@pytest.mark.parametrize(
    "other",
    [
        L.Dropout(0.4),
        L.Dropout(0.5, noise_shape=[None, 1, 1, 4]),
        L.SpatialDropout2D(0.5),
        L.GaussianDropout(0.5),
        L.AlphaDropout(0.5),
        L.GaussianNoise(0.5),
    ],
)
def test_another_random_layer_is_named(aligned, other):
    drop = L.Dropout(0.5, name="drop")
    (line,) = aligned(model(lambda x: base(x, drop)), model(lambda x: base(x, other))).different
    assert line.startswith(f"'{other.name}' ({type(other).__name__}): ")


def test_a_dropout_in_another_place_is_named(aligned):
    def planned(x):
        return base(x, L.Dropout(0.5, name="drop"))

    def behind(x):
        return L.Dropout(0.5, name="late")(base(x))

    assert aligned(model(planned), model(behind)).different == (
        f"'drop' (Dropout): {LACKING}",
        f"'late' (Dropout): {NOT_THERE}",
    )


def test_rates_that_are_swapped_are_named(aligned):
    def net(first, second):
        return model(lambda x: L.Dropout(second)(base(x, L.Dropout(first))))

    lines = aligned(net(0.3, 0.6), net(0.6, 0.3)).different
    assert len(lines) == 2
    assert all("dropout" in line and "planned" in line for line in lines)


def test_a_shortcut_that_reads_the_dropped_tensor_is_named(aligned):
    def net(of_dropped):
        def make(x):
            y = L.Conv2D(3, 1, name="one")(x)
            dropped = L.Dropout(0.5)(y)
            z = L.Conv2D(3, 1, name="two")(dropped)
            return L.Add(name="sum")([z, dropped if of_dropped else y])

        return model(make)

    (line,) = aligned(net(False), net(True)).different
    assert line == "'sum' (Add): reads another tensor than planned"


def test_one_dropout_for_two_is_named(aligned):
    """Two dropouts of one tensor drop other elements."""

    def two(x):
        return ops.tanh(L.Dropout(0.5)(x)) + ops.exp(L.Dropout(0.5)(x))

    def one(x):
        dropped = L.Dropout(0.5)(x)
        return ops.tanh(dropped) + ops.exp(dropped)

    (line,) = aligned(model(two), model(one)).different
    assert "planned 2 times; the model has it 1" in line


def test_a_setting_that_no_input_shows_is_named(aligned):
    capped = L.ReLU(max_value=1e5, name="capped")
    planned = model(lambda x: L.ReLU(name="relu")(x))
    assert aligned(planned, model(capped)).different == (
        "'capped' (ReLU): relu (100000.0, 0.0, 0.0); planned (None, 0.0, 0.0)",
    )


def test_a_class_is_known_by_itself_and_not_by_its_name(aligned):
    @keras.saving.register_keras_serializable("tests")
    class ReLU(L.ReLU):
        def call(self, x):
            return ops.where(x < 1e6, ops.relu(x), 0.0)

    (line,) = aligned(model(L.ReLU(name="relu")), model(ReLU(name="relu"))).different
    assert "ReLU in place of relu ('relu' (ReLU))" in line


def test_a_call_method_that_was_changed_is_no_longer_known(aligned):
    layer = L.ReLU(name="relu")
    layer.call = lambda x: ops.relu(x)
    (line,) = aligned(model(L.ReLU(name="relu")), model(layer)).different
    assert "in place of relu" in line


def test_training_for_good_is_named(aligned):
    def net(**call):
        return model(lambda x: L.BatchNormalization(name="norm")(x, **call))

    assert aligned(net(), net(training=True)).different
    assert not aligned(net(), net(training=False)).different  # Keras overrides it in training.


def test_an_output_that_is_another_tensor_is_named(aligned):
    def net(turned):
        x = keras.Input([4, 4, 3])
        one, other = ops.tanh(x), ops.exp(x)
        return keras.Model(x, [other, one] if turned else [one, other])

    assert aligned(net(False), net(True)).different == (
        "output 1 is another tensor than planned",
        "output 2 is another tensor than planned",
    )
