"""slimfix.compat: slim's batch norm works, and nothing but tf-slim is touched."""

import importlib
import json
import os
import subprocess
import sys
import types

import numpy as np
import pytest

from slimfix import compat
from slimfix.compat.table import MOVED_NAMES, REPLACED, MovedName, Reader

EPSILON, DECAY, RENORM_DECAY = 0.02, 0.75, 0.99
STEPS = 3


def is_tensorflow_1():
    import tensorflow as tf

    return tf.__version__.startswith("1.")


def run_python(program, **environment):
    """Runs a program in a fresh process and returns what it prints."""
    return subprocess.check_output(
        [sys.executable, "-c", program],
        universal_newlines=True,
        env=dict(os.environ, **environment),
    )


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


# Finds in tf-slim's source what it reads from modules of TensorFlow and does not find there.
FIND_MISSING = """
import ast, importlib, json, pathlib, sys, types
if {mend}:
    import slimfix
    slimfix.enable_slim()
import tf_slim
root = pathlib.Path(tf_slim.__file__).parent
missing, files = set(), 0
for path in sorted(root.rglob("*.py")):
    if path.name.endswith("_test.py") or path.name == "__init__.py":
        continue
    files += 1
    name = ".".join(("tf_slim",) + path.relative_to(root).with_suffix("").parts)
    module = importlib.import_module(name)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used = vars(module).get(node.value.id)
            if isinstance(used, types.ModuleType) or type(used).__name__ == "_Overlay":
                try:
                    getattr(used, node.attr)
                except (AttributeError, ImportError):
                    missing.add((name, node.value.id, node.attr))
print(json.dumps([files, sorted(missing)]))
"""


def find_missing(mend):
    files, missing = json.loads(run_python(FIND_MISSING.replace("{mend}", str(mend))))
    assert files > 40
    return {tuple(each) for each in missing}


IN_TABLE = {
    (reader.slim_module, reader.alias, moved.name)
    for moved in MOVED_NAMES
    for reader in moved.readers
}


def test_the_table_is_what_slim_misses_no_more_and_no_less():
    assert find_missing(mend=False) == (set() if is_tensorflow_1() else IN_TABLE)


def test_mended_slim_misses_nothing():
    assert find_missing(mend=True) == set()


@pytest.mark.parametrize("moved", MOVED_NAMES, ids=lambda moved: moved.name)
def test_the_table_says_where_slim_reads_a_name(moved):
    """Each reader's alias is the TensorFlow module that the entry names."""
    compat.enable_slim()
    for reader in moved.readers:
        used = getattr(importlib.import_module(reader.slim_module), reader.alias)
        used = getattr(used, "_module", used)
        assert used.__name__.replace("tensorflow_core", "tensorflow") == moved.module


def test_nothing_is_touched_where_nothing_is_broken():
    if not is_tensorflow_1():
        pytest.skip("every name in the table has moved on TensorFlow 2.16 and later")
    compat.enable_slim()
    assert all(isinstance(each, types.ModuleType) for each in read_namespaces())


def read_namespaces():
    """What tf-slim's modules hold under the aliases of the table."""
    pairs = sorted({(module, alias) for module, alias, _ in IN_TABLE})
    pairs += [(each.slim_module, each.alias) for each in REPLACED]
    return [getattr(importlib.import_module(module), alias) for module, alias in pairs]


THREADS = """
import threading
from slimfix import compat
found = []
threads = [threading.Thread(target=lambda: found.append(compat.slim)) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(found) == 8 and all(each is compat.enable_slim() for each in found)
from tf_slim.layers import utils
print(type(getattr(utils.ops, "_module", utils.ops)).__name__)
"""


def test_slim_is_one_module_from_any_thread_and_mended_once():
    assert run_python(THREADS) == "module\n"


def test_mending_again_changes_nothing():
    compat.enable_slim()
    before = read_namespaces()
    compat.enable_slim()
    assert all(now is then for now, then in zip(read_namespaces(), before))


SLIM_HOLDS = (
    *("layers", "arg_scope", "learning", "training", "evaluation", "losses", "metrics"),
    *("variables", "data", "queues", "nets", "model_analyzer", "summaries"),
)


def test_slim_holds_what_contrib_slim_held():
    from slimfix import slim

    for name in SLIM_HOLDS:
        assert hasattr(slim, name)
    assert callable(slim.nets.resnet_v1.resnet_v1_50)
    assert slim.variables.get_model_variables is slim.get_model_variables


def test_a_partitioned_variable_is_assigned_from_a_checkpoint(graph, variable_kind, tmp_path):
    """slim cuts its value with a list of slices, which NumPy 1.23 and later refuse."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    value = np.arange(6, 18, dtype=np.float32).reshape(4, 3)
    with tf.Graph().as_default(), tf.Session() as session:
        saver = tf.train.Saver({"w": tf.Variable(value)})
        session.run(tf.global_variables_initializer())
        prefix = saver.save(session, str(tmp_path / "model.ckpt"))
    whole = tf.get_variable("whole", [4, 3])
    parts = tf.get_variable("w", [4, 3], partitioner=tf.fixed_size_partitioner(2))
    assign, feed = slim.assign_from_checkpoint(prefix, {"w": [*parts, whole]})
    with tf.Session() as session:
        session.run(assign, feed)
        np.testing.assert_array_equal(session.run(tf.convert_to_tensor(parts)), value)
        np.testing.assert_array_equal(session.run(whole), value)


def test_cluster_scores(graph):
    """metric_learning's while_loop, which tf-slim's own tests reach only beside scikit-learn."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    x = np.array([0.0, 0.5, 7.0, 7.5, 9.0], np.float32)
    score = slim.losses.metric_learning.compute_gt_cluster_score(
        tf.constant(np.abs(x[:, None] - x[None, :])), tf.constant([0, 0, 1, 1, 1])
    )
    with tf.Session() as session:
        # Of each cluster the medoid's distances: 0.5, and 0.5 + 1.5.
        assert session.run(score) == -2.5


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
        "import slimfix, tf_slim as slim; slimfix.enable_slim()",
    ],
)
def test_any_import_order(imports):
    assert run_python(imports + BUILD).endswith("built\n")


def test_with_legacy_keras():
    if is_tensorflow_1():
        pytest.skip("TensorFlow 1.15 has one Keras")
    program = "from slimfix import slim\n" + BUILD
    program += "import tensorflow\nprint(tensorflow.keras.Model.__module__.split('.')[0])"
    printed = run_python(program, TF_USE_LEGACY_KERAS="1")
    assert printed.endswith("built\ntf_keras\n")


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
    headline = f"Cannot find 1 of 10 names that tf-slim needs on TensorFlow {tf.__version__}:\n"
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
    reader = Reader("tf_slim.layers.utils", "ops", "nothing")
    lost = MovedName("ops", "Vanished", "9.9", ("tensorflow:Vanished",), (reader,))
    present = MovedName("ops", "Gone", "9.9", ("tensorflow:constant",), (reader,))
    monkeypatch.setattr(compat, "MOVED_NAMES", (present, lost))
    before = read_namespaces()
    with pytest.raises(compat.UnsupportedEnvironmentError) as error:
        compat.enable_slim()
    assert all(now is then for now, then in zip(read_namespaces(), before))  # All or nothing.
    text = str(error.value)
    assert "'tf_slim.layers.utils': wants 'ops.Vanished' for nothing" in text
    assert "slimfix is tested with TensorFlow 1.15 and 2.16 to 2.21" in text
    assert 'pip install "tensorflow>=2.16,<2.22"' in text
