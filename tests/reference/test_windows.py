"""Windows hold what fits, and computing in windows changes nothing."""

import numpy as np

from slimfix.graphdef.functions import inline_functions
from slimfix.reference.original import Original
from slimfix.reference.windows import split_windows


def test_windows_are_filled_in_order_to_the_limit():
    tensors = [(["a"], 10), (["b", "c"], 5), (["d"], 1), (["e"], 100), (["f"], 1)]
    assert split_windows(tensors, limit=24 * 15) == [["a", "b", "c"], ["d"], ["e"], ["f"]]


def test_a_tensor_of_unknown_size_is_alone():
    tensors = [(["a"], 1), (["b"], None), (["c"], 1)]
    assert split_windows(tensors, limit=24 * 15) == [["a"], ["b"], ["c"]]


def test_a_tensor_without_elements_may_be_the_first():
    assert split_windows([(["a"], 0), (["b"], 1)]) == [["a", "b"]]


def network(tf):
    """Two paths, a conditional, and something that waits for the very first tensor."""
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    is_training = tf.placeholder(tf.bool, [], name="is_training")
    weights = tf.get_variable("w", [4, 4])
    first = tf.tanh(tf.matmul(x, weights), name="first")
    left = tf.cond(is_training, lambda: first * 5.0, lambda: tf.matmul(first, weights) + 0.5)
    left = tf.identity(left, name="left")
    with tf.control_dependencies([x, first]):
        right = tf.exp(first, name="right")
    tf.add(left * right, x, name="end")
    return ["first:0", "left:0", "right:0", "end:0"]


def test_windows_give_to_the_bit_what_one_run_gives(graph):
    import tensorflow.compat.v1 as tf

    fetches = network(tf)
    value = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)
    fed = np.random.default_rng(2).normal(size=(3, 4)).astype(np.float32)
    feeds = {"x:0": fed, "is_training:0": False}
    view = inline_functions(graph.as_graph_def())
    reads = []

    def read(name):
        reads.append(name)
        return value

    for float64 in (True, False):
        original = Original(view, read, feeds, fetches, float64)
        assert original.size("first:0") == 12
        (whole,) = original.run([fetches])
        del reads[:]
        alone = {k: v for window in original.run([[t] for t in fetches]) for k, v in window.items()}
        assert reads == ["w", "w"]  # Only the windows that use it.
        for name in fetches:
            assert alone[name].tobytes() == whole[name].tobytes()


def test_later_windows_are_computed_from_earlier_values(graph):
    """Sabotage: another value for the first window shows in the last."""
    import tensorflow.compat.v1 as tf

    fetches = network(tf)
    value = np.eye(4, dtype=np.float32)
    feeds = {"x:0": np.ones((2, 4), np.float32), "is_training:0": False}
    original = Original(
        inline_functions(graph.as_graph_def()), lambda name: value, feeds, fetches, True
    )
    run = original.run([["first:0"], ["end:0"]])
    next(run)["first:0"][:] = 0.0  # The very array that the next window is fed.
    np.testing.assert_allclose(next(run)["end:0"], np.full((2, 4), 1.5))


def test_thousands_of_small_tensors():
    windows = split_windows(([f"a{n}", f"b{n}"], 1) for n in range(1300))
    assert [name for window in windows for name in window][-1] == "b1299"
    assert sum(map(len, windows)) == 2600
    assert max(map(len, windows)) == 500
