"""slimfix.compat: slim's batch norm works, and nothing but tf-slim is touched."""

import importlib
import subprocess
import sys
import threading
import types

import numpy as np
import pytest

from slimfix import compat

EPSILON, DECAY, RENORM_DECAY = 0.02, 0.75, 0.99
STEPS = 3


def is_tensorflow_1():
    import tensorflow as tf

    return tf.__version__.startswith("1.")


def run_python(program):
    """Runs a program in a fresh process and returns what it prints."""
    return subprocess.check_output([sys.executable, "-c", program], universal_newlines=True)


# Batch norm by slim, held against float64 NumPy.

VARIANTS = {
    "core": {},
    "fused": {"zero_debias_moving_mean": True},
    "forced": {"updates_collections": None},
    "other_collection": {"updates_collections": "others"},
    "unfused": {"fused": False},
    "legacy": {"fused": False, "updates_collections": None},
    "batch_weights": {"batch_weights": [0.5, 1.25, 2.0]},
    "renorm": {"renorm": True},
}


class Expected:
    """Batch norm in float64: one step at a time, then inference."""

    def __init__(self, rank, fused, zero_debias=False, weights=None, renorm=False):
        self.axes = tuple(range(rank - 1))
        self.fused, self.zero_debias, self.weights, self.renorm = (
            fused,
            zero_debias,
            weights,
            renorm,
        )
        self.moving_mean, self.moving_variance = np.zeros(5), np.ones(5)
        self.biased, self.steps = np.zeros(5), 0
        self.moving_stddev = np.ones(5)
        self.renorm_mean, self.renorm_stddev = np.zeros(5), np.ones(5)

    def train(self, x):
        """Returns the output for a batch in training mode, and moves the statistics."""
        weights = np.ones(len(x)) if self.weights is None else np.array(self.weights)
        weights = np.broadcast_to(weights.reshape([-1] + [1] * (x.ndim - 1)), x.shape)
        mean = np.average(x, self.axes, weights)
        variance = np.average((x - mean) ** 2, self.axes, weights)
        output = (x - mean) / np.sqrt(variance + EPSILON)
        if self.renorm:
            output = (x - self.renorm_mean) / np.maximum(self.renorm_stddev, np.sqrt(EPSILON))
            self._move_renorm(mean, np.sqrt(variance + EPSILON))
        self._move_mean(mean)
        count = x.size // x.shape[-1]
        self._move_variance(variance * count / (count - 1) if self.fused else variance)
        return output

    def infer(self, x):
        return (x - self.moving_mean) / np.sqrt(self.moving_variance + EPSILON)

    def _move_mean(self, mean):
        self.steps += 1
        self.biased = DECAY * self.biased + (1 - DECAY) * mean
        correction = 1 - DECAY**self.steps if self.zero_debias else 1
        self.moving_mean = self.biased / correction

    def _move_variance(self, variance):
        if self.renorm:
            self.moving_variance = np.maximum(self.moving_stddev**2 - EPSILON, 0)
        else:
            self.moving_variance = DECAY * self.moving_variance + (1 - DECAY) * variance

    def _move_renorm(self, mean, stddev):
        rate = 1 - RENORM_DECAY
        self.renorm_mean += rate * (mean - self.renorm_mean)
        self.renorm_stddev += rate * (stddev - self.renorm_stddev)
        self.moving_stddev = DECAY * self.moving_stddev + (1 - DECAY) * stddev


@pytest.mark.parametrize("by_placeholder", [False, True], ids=["bool", "placeholder"])
@pytest.mark.parametrize("rank", [2, 4])
@pytest.mark.parametrize("variant", list(VARIANTS))
def test_batch_norm_in_all_its_code_paths(graph, variable_kind, variant, rank, by_placeholder):
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    arguments = VARIANTS[variant]
    shape = [3, 5] if rank == 2 else [3, 4, 2, 5]
    x = tf.placeholder(tf.float32, shape)
    is_training = tf.placeholder(tf.bool, []) if by_placeholder else True
    options = {"decay": DECAY, "epsilon": EPSILON, "scope": "bn", **arguments}
    output = slim.batch_norm(x, is_training=is_training, **options)
    inference = slim.batch_norm(x, is_training=False, reuse=True, **options)
    if by_placeholder:
        inference = output
    expected = Expected(
        rank,
        fused=variant in ("core", "fused", "forced", "other_collection"),
        zero_debias="zero_debias_moving_mean" in arguments,
        weights=arguments.get("batch_weights"),
        renorm="renorm" in arguments,
    )
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS) + tf.get_collection("others")
    random = np.random.RandomState(8)
    switch = (lambda value: {is_training: value}) if by_placeholder else (lambda value: {})
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(STEPS):
            batch = random.normal(1.5, 2.0, shape)
            found, _ = session.run([output, updates], {x: batch, **switch(True)})
            np.testing.assert_allclose(found, expected.train(batch), rtol=1e-4, atol=1e-5)
        values = session.run({each.op.name: each for each in tf.global_variables()})
        found = session.run(inference, {x: batch, **switch(False)})
    np.testing.assert_allclose(values["bn/moving_mean"], expected.moving_mean, rtol=1e-4)
    np.testing.assert_allclose(values["bn/moving_variance"], expected.moving_variance, rtol=1e-4)
    np.testing.assert_allclose(found, expected.infer(batch), rtol=1e-4, atol=1e-5)


# What is mended, and what is left alone.


def read_moved(moved):
    return getattr(getattr(importlib.import_module(moved.slim_module), moved.alias), moved.name)


@pytest.mark.parametrize("moved", compat._MOVED_NAMES, ids=lambda moved: moved.needed_by)
def test_every_moved_name_is_found(moved):
    compat.enable_slim()
    assert callable(read_moved(moved))


@pytest.mark.parametrize("moved", compat._MOVED_NAMES, ids=lambda moved: moved.needed_by)
def test_nothing_is_touched_where_nothing_is_broken(moved):
    if not is_tensorflow_1():
        pytest.skip("every name in the table has moved on TensorFlow 2.16 and later")
    compat.enable_slim()
    used = getattr(importlib.import_module(moved.slim_module), moved.alias)
    assert isinstance(used, types.ModuleType)


def test_every_entry_is_needed():
    """Sabotage: without the mending each name is missing, so that no entry stands for nothing."""
    if is_tensorflow_1():
        pytest.skip("nothing has moved on TensorFlow 1.15")
    program = (
        "from slimfix import compat\n"
        "import tf_slim\n"
        "print([compat._is_missing(moved) for moved in compat._MOVED_NAMES])"
    )
    assert run_python(program).strip() == str([True] * len(compat._MOVED_NAMES))


def test_slim_is_one_module_however_often_and_from_any_thread():
    found = []
    threads = [threading.Thread(target=lambda: found.append(compat.slim)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(module is compat.enable_slim() for module in found)


def test_mending_again_changes_nothing():
    compat.enable_slim()
    before = [read_moved(moved) for moved in compat._MOVED_NAMES]
    namespaces = [
        getattr(importlib.import_module(moved.slim_module), moved.alias)
        for moved in compat._MOVED_NAMES
    ]
    compat.enable_slim()
    assert all(read_moved(moved) is value for moved, value in zip(compat._MOVED_NAMES, before))
    assert all(
        getattr(importlib.import_module(moved.slim_module), moved.alias) is namespace
        for moved, namespace in zip(compat._MOVED_NAMES, namespaces)
    )


def test_other_attributes_are_missing():
    with pytest.raises(AttributeError, match=r"'slimfix\.compat' has no attribute 'slimmer'"):
        compat.slimmer  # noqa: B018


BUILD = """
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
x = tf.placeholder(tf.float32, [3, 4, 2, 5])
slim.batch_norm(x, is_training=tf.placeholder(tf.bool, []))
print("built")
"""


@pytest.mark.parametrize(
    "imports",
    [
        "from slimfix import slim",
        "import tensorflow; from slimfix import slim",
        "import tf_slim; from slimfix.compat import slim",
        "from slimfix import slim as mended; import tf_slim as slim",
    ],
)
def test_any_import_order(imports):
    assert run_python(imports + BUILD).endswith("built\n")


UNTOUCHED = """
import sys
import numpy as np
import keras, tensorflow as tf

def snapshot():
    return {
        (name, key): id(value)
        for name, module in list(sys.modules.items())
        if name.split(".")[0] in ("tensorflow", "keras")
        for key, value in list(vars(module).items())
    }

def program():
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.layers.Input([6]), keras.layers.Dense(4),
                              keras.layers.BatchNormalization()])
    model.compile("sgd", "mse")
    x = np.linspace(-1, 2, 30).reshape(5, 6)
    model.fit(x, x[:, :4], epochs=2, verbose=0)
    return model.predict(x, verbose=0)

from tensorflow.python.framework import ops
before = program()
import tf_slim, tf_keras  # These register themselves with TensorFlow, whoever imports them.
names = snapshot()
modules = {name for name, key in names}
MEND
changed = {pair for pair in snapshot().items() if pair not in names.items()}
print(sorted(key for key, value in changed if key[0] in modules))
print(np.array_equal(before, program()), tf.executing_eagerly(), tf.keras.__version__[0])
"""


def test_keras_and_tensorflow_see_nothing_changed():
    if is_tensorflow_1():
        pytest.skip("Keras 3 needs TensorFlow 2")
    mend = "from slimfix import slim"
    assert run_python(UNTOUCHED.replace("MEND", mend)) == "[]\nTrue True 3\n"


def test_the_test_above_can_fail():
    if is_tensorflow_1():
        pytest.skip("Keras 3 needs TensorFlow 2")
    printed = run_python(UNTOUCHED.replace("MEND", "ops.Tensor = tf.Tensor"))
    assert printed.startswith("[('tensorflow.python.framework.ops', 'Tensor')]\n")


BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "BLOCKED":
            raise ModuleNotFoundError("No module named 'BLOCKED'", name="BLOCKED")
sys.meta_path.insert(0, Blocker())
from slimfix.errors import UnsupportedEnvironmentError
try:
    from slimfix import slim
    print(slim.__name__)
except UnsupportedEnvironmentError as error:
    print(error)
"""


def test_without_tf_keras():
    if is_tensorflow_1():
        pytest.skip("TensorFlow 1.15 has no use for tf_keras")
    import tensorflow as tf

    printed = run_python(BLOCKED.replace("BLOCKED", "tf_keras"))
    headline = f"Cannot find 1 of 6 names that tf-slim needs on TensorFlow {tf.__version__}:\n"
    assert printed.startswith(headline)
    assert "'tf_slim.layers.layers': wants 'normalization_layers.BatchNormalization'" in printed
    assert "Likely cause: tf_keras is missing" in printed
    release = ".".join(tf.__version__.split(".")[:2])
    assert f"Fix: run: pip install tf_keras=={release}.*\n" in printed


def test_without_tf_slim():
    printed = run_python(BLOCKED.replace("BLOCKED", "tf_slim"))
    if is_tensorflow_1():
        assert printed == "tensorflow.contrib.slim\n"
    else:
        assert printed == (
            "Cannot import slim\n"
            "Likely cause: tf-slim is not installed.\n"
            "Fix: run: pip install tf-slim==1.1.0\n"
        )


def test_a_tensorflow_that_keeps_names_elsewhere(monkeypatch):
    """Sabotage: a name that is in none of its homes is an error that says so."""
    lost = compat.MovedName(
        "tf_slim.layers.utils", "ops", "Vanished", "9.9", ("tensorflow:Vanished",), "nothing"
    )
    monkeypatch.setattr(compat, "_MOVED_NAMES", (lost,))
    with pytest.raises(compat.UnsupportedEnvironmentError) as error:
        compat.enable_slim()
    text = str(error.value)
    assert "'tf_slim.layers.utils': wants 'ops.Vanished' for nothing" in text
    assert "slimfix is tested with TensorFlow 1.15 and 2.16 to 2.21" in text
    assert 'pip install "tensorflow>=2.16,<2.22"' in text
