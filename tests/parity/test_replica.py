"""The copy of a model that is trained: gradients against TensorFlow 1.15.5, steps against NumPy."""

import numpy as np
import pytest

from slimfix.errors import UnsupportedEnvironmentError
from slimfix.migration.eager import run_eagerly
from slimfix.parity import replica as replicas
from slimfix.parity.dataflow import read_dataflow
from slimfix.parity.replica import Replica
from slimfix.reference.optimizers import KINDS, Optimizer, as_float32

EPSILON = float(np.finfo(np.float32).eps)
STEPS = (1, 2, 3)
# Keras's layer has no renorm, and no weights of examples.
TRAINED = [
    "rank2_default",
    "rank2_epsilon_1e5",
    "rank2_no_center",
    "rank2_scale",
    "rank2_unfused",
    "rank2_updates_none",
    "rank2_zero_debias",
    "rank4_const_inference",
    "rank4_default",
    "rank4_epsilon_1e5",
    "rank4_no_center",
    "rank4_no_center_scale",
    "rank4_scale",
    "rank4_unfused",
    "rank4_unfused_scale",
    "rank4_updates_none",
    "rank4_updates_none_unfused",
    "rank4_zero_debias",
]


def gradients(setup, golden, step, float64, in_inference):
    """Of the copy, by the names that TensorFlow 1.15.5 recorded them under."""
    held = [h for h in setup.matches.held if f"step1/gradient/{h.record.variable}" in golden]

    def work():
        replica = Replica(setup.flow, float64, in_inference)
        inputs = setup.for_keras({"x:0": golden[f"step{step}/input"]})
        return replica.gradients(inputs, [golden["cotangent"]], held)

    of_weights, of_inputs = run_eagerly(work)
    found = {each.record.variable: value for each, value in zip(held, of_weights)}
    return {**found, **{f"{name}:0": value for name, value in of_inputs.items()}}


def recorded(golden, step):
    start = f"step{step}/gradient/"
    return {k[len(start) :]: v for k, v in golden.items() if k.startswith(start)}


@pytest.mark.parametrize("float64", [False, True])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("variant", TRAINED)
def test_gradients_are_what_tensorflow_1_15_recorded(micro, set_up, variant, exact, float64):
    migration, golden = micro(variant, exact)
    setup = set_up(migration)
    frozen = {"net__conv__BatchNorm"} if variant == "rank4_const_inference" else set()
    for step in STEPS:
        found = gradients(setup, golden, step, float64, frozen)
        expected = recorded(golden, step)
        assert found.keys() == expected.keys()
        for name, value in found.items():
            assert value.dtype == (np.float64 if float64 else np.float32)
            allowed = 8 * EPSILON * np.abs(expected[name]).max()
            np.testing.assert_allclose(
                value, expected[name], rtol=0, atol=allowed, err_msg=f"{name}, step {step}"
            )


@pytest.mark.parametrize(
    ("variant", "in_inference"),
    [("rank4_const_inference", set()), ("rank4_scale", {"net__conv__BatchNorm"})],
)
def test_another_mode_gives_other_gradients(micro, set_up, variant, in_inference):
    migration, golden = micro(variant)
    found = gradients(set_up(migration), golden, 1, True, in_inference)
    expected = recorded(golden, 1)["x:0"]
    assert np.abs(found["x:0"] - expected).max() > 0.05 * np.abs(expected).max()


# Steps of an optimizer: a dense layer with a penalty, in NumPy.

W = np.array([[0.5, -1.25], [2.0, 0.75], [-0.5, 1.5]], np.float32)
B = np.array([0.625, -0.375], np.float32)
L2 = 0.03
# Not the defaults, so that a number that is left out shows.
SETTINGS = {"learning_rate": 0.037, "momentum": 0.8, "beta1": 0.85, "beta2": 0.97, "decay": 0.7}


@pytest.fixture
def dense():
    """Builds dropout, which is to drop nothing, and a dense layer."""
    import keras

    def make(**more):
        x = keras.Input([3], name="x")
        penalty = keras.regularizers.L2(L2)
        layer = keras.layers.Dense(2, kernel_regularizer=penalty, name="fc", **more)
        model = keras.Model(x, layer(keras.layers.Dropout(0.5)(x)))
        layer.set_weights([W, B] if layer.use_bias else [W])
        return model

    return run_eagerly(lambda: make)


def batches(count):
    generator = np.random.default_rng(8)
    sizes = ((count, 5, 3), (count, 5, 2))
    return tuple(generator.normal(size=size).astype(np.float32) for size in sizes)


def by_keras(model, optimizer, steps, float64=True):
    """The losses, and the weights of layer 'fc' after the last step."""

    def work():
        replica = Replica(read_dataflow(model), float64, ())
        trainer = replica.trainer(optimizer)
        pairs = zip(*batches(steps))
        losses = [trainer.train({"x": x}, [target]) for x, target in pairs]
        (layer,) = [copy for copy in replica._copies.values() if copy.name == "fc"]
        return losses, [weight.numpy() for weight in layer.weights]

    return run_eagerly(work)


class ByNumpy:
    """The formulas of tensorflow/core/kernels/training_ops.cc, from initial slots."""

    def __init__(self, optimizer):
        self.kind = optimizer.kind
        self.rate, self.momentum, self.beta1, self.beta2, self.decay, self.epsilon = (
            as_float32(getattr(optimizer, name))
            for name in ("learning_rate", "momentum", "beta1", "beta2", "decay", "epsilon")
        )
        self.accum, self.m, self.v, self.squares, self.steps = 0.0, 0.0, 0.0, 1.0, 0

    def move(self, value, g):
        self.steps += 1
        if self.kind == "sgd":
            return value - self.rate * g
        if self.kind == "momentum":
            self.accum = self.momentum * self.accum + g
            return value - self.rate * self.accum
        if self.kind == "adam":
            self.m = self.beta1 * self.m + (1 - self.beta1) * g
            self.v = self.beta2 * self.v + (1 - self.beta2) * g**2
            unbias = np.sqrt(1 - self.beta2**self.steps) / (1 - self.beta1**self.steps)
            return value - self.rate * unbias * self.m / (np.sqrt(self.v) + self.epsilon)
        self.squares = self.decay * self.squares + (1 - self.decay) * g**2
        step = self.rate * g / np.sqrt(self.squares + self.epsilon)
        self.accum = self.momentum * self.accum + step
        return value - self.accum


def by_numpy(optimizer, steps):
    w, b = W.astype(np.float64), B.astype(np.float64)
    of_w, of_b = ByNumpy(optimizer), ByNumpy(optimizer)
    losses = []
    for x, target in zip(*(each.astype(np.float64) for each in batches(steps))):
        error = x @ w + b - target
        losses.append(np.mean(error**2) + as_float32(L2) * np.sum(w**2))
        by_w = 2 / error.size * x.T @ error + 2 * as_float32(L2) * w
        by_b = 2 / error.size * error.sum(0)
        w, b = of_w.move(w, by_w), of_b.move(b, by_b)
    return losses, [w, b]


def assert_equal(found, expected, rtol):
    np.testing.assert_allclose(found[0], expected[0], rtol=rtol)
    for value, wanted in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(value, wanted, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_the_closed_form(dense, kind, steps):
    optimizer = Optimizer(kind, **SETTINGS)
    found = by_keras(dense(), optimizer, steps)
    assert {value.dtype for value in found[1]} == {np.dtype(np.float64)}
    assert_equal(found, by_numpy(optimizer, steps), 1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_in_float32_are_the_closed_form_but_for_rounding(dense, kind):
    optimizer = Optimizer(kind, **SETTINGS)
    found = by_keras(dense(), optimizer, 3, float64=False)
    assert {value.dtype for value in found[1]} == {np.dtype(np.float32)}
    assert_equal(found, by_numpy(optimizer, 3), 16 * EPSILON)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("momentum", "momentum"),
        ("adam", "beta1"),
        ("adam", "beta2"),
        ("rmsprop", "decay"),
        ("rmsprop", "momentum"),
        *((kind, "learning_rate") for kind in KINDS),
    ],
)
def test_another_setting_is_seen(dense, kind, name):
    other = Optimizer(kind, **{**SETTINGS, name: SETTINGS[name] * 1.001})
    found = by_keras(dense(), other, 3)
    with pytest.raises(AssertionError):
        assert_equal(found, by_numpy(Optimizer(kind, **SETTINGS), 3), 1e-8)


def test_rmsprop_starts_its_slot_at_ones(dense, monkeypatch):
    """Sabotage: from Keras's slot of zeros, every first step is rate / sqrt(1 - decay)."""
    optimizer = Optimizer("rmsprop", **SETTINGS)
    monkeypatch.setattr(replicas, "_fill_with_ones", lambda *arguments: None)
    _, (w, _) = by_keras(dense(), optimizer, 1)
    step = as_float32(0.037) / np.sqrt(1 - as_float32(0.7))
    np.testing.assert_allclose(np.abs(w - W), step, rtol=1e-6)
    assert np.abs(by_numpy(optimizer, 1)[1][0] - W).max() < 0.97 * step


def test_what_is_not_trainable_stays(dense):
    """A frozen layer has no gradient, but its penalty is part of the loss."""
    import keras

    x = keras.Input([3], name="x")
    frozen = run_eagerly(dense).get_layer("fc")
    frozen.trainable = False
    last = keras.layers.Dense(2, name="last")
    model = keras.Model(x, last(frozen(x)))
    last.set_weights([W[:2], B])
    (first, *_), (w, b) = by_keras(model, Optimizer("sgd", 0.125), 3)
    np.testing.assert_array_equal(w, W)
    np.testing.assert_array_equal(b, B)
    x, target = (each[0].astype(np.float64) for each in batches(3))
    error = (x @ W + B) @ W[:2].astype(np.float64) + B - target
    penalty = as_float32(L2) * np.sum(W.astype(np.float64) ** 2)
    assert first == pytest.approx(np.mean(error**2) + penalty, rel=1e-13)


@pytest.mark.parametrize("float64", [False, True])
def test_the_model_is_left_as_it_was(good, set_up, float64):
    setup = set_up(good)
    before = [weight.numpy().tobytes() for weight in good.model.weights]
    generator = np.random.default_rng(6)
    images = generator.normal(size=(4, 8, 8, 1)).astype(np.float32)
    target = generator.normal(size=(4, 10)).astype(np.float32)

    def work():
        replica = Replica(read_dataflow(good.model), float64, ())
        held = setup.matches.held
        copied = [replica.read(each) for each in held]
        replica.gradients({"images": images}, [target], held)
        trainer = replica.trainer(Optimizer("momentum", 0.1))
        losses = [trainer.train({"images": images}, [target]) for _ in range(2)]
        moved = [not np.array_equal(replica.read(each), value) for each, value in zip(held, copied)]
        return losses, copied, moved

    losses, copied, moved = run_eagerly(work)
    assert losses[1] < losses[0]
    assert all(moved) and len(moved) == 19  # Statistics too: it is in training mode.
    for held, value in zip(setup.matches.held, copied):
        np.testing.assert_array_equal(value, good.read(held.record.variable))
    assert [weight.numpy().tobytes() for weight in good.model.weights] == before
    assert {weight.dtype for weight in good.model.weights if "seed" not in weight.path} == {
        "float32"
    }


def test_other_backends_are_refused(monkeypatch):
    replicas.check_backend()
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(UnsupportedEnvironmentError) as caught:
        replicas.check_backend()
    assert "The proof needs Keras's TensorFlow backend; it is jax" in str(caught.value)
