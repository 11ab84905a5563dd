"""Ops that move values without changing them, against the graph in float64."""

import numpy as np
import pytest

from slimfix.errors import UnsupportedOpError
from slimfix.migration import convert
from slimfix.migration.eager import run_eagerly


def refused(saved, net, op):
    with pytest.raises(UnsupportedOpError, match=f"  {op} "):
        convert(saved(), inputs=["x:0"], outputs=[net.name])


def test_rows_move_into_the_batch_and_back(x, prove):
    """[batch, 7, 5, 4] to [batch * 35, 4] and back, by -1 and by arithmetic on shapes."""
    import tensorflow.compat.v1 as tf

    batch = tf.shape(x)[0]
    rows = tf.sin(tf.reshape(x, [-1, 4]))
    counted = tf.cos(tf.reshape(x, [batch * 35, 4]))
    back = tf.reshape(rows, [batch, 7, 20])
    also_back = tf.reshape(counted, tf.stack([batch, -1, 4]))
    kinds, migration = prove(back, also_back)
    assert sorted(kinds) == sorted(["cos", "sin", "reshape", "reshape", "reshape", "reshape"])
    model = migration.model
    assert [tuple(tensor.shape[1:]) for tensor in model.outputs] == [(7, 20), (35, 4)]


def test_a_batch_of_rows_is_not_the_batch(x, prove):
    """tf.shape(rows)[0] is 35 times the batch, and a reshape to it is no layer."""
    import tensorflow.compat.v1 as tf

    rows = tf.reshape(x, [-1, 4])
    kinds, _ = prove(tf.reshape(tf.tanh(x), [tf.shape(rows)[0], 2, 2]), tf.reshape(rows, [-1, 140]))
    assert "Reshape" not in kinds and "Flatten" not in kinds


def test_channel_shuffle(x, prove):
    import tensorflow.compat.v1 as tf

    shape = tf.shape(x)
    split = tf.reshape(x, [shape[0], shape[1], shape[2], 2, 2])
    kinds, _ = prove(tf.reshape(tf.transpose(split, [0, 1, 2, 4, 3]), shape))
    assert kinds == ["Reshape", "Permute", "Reshape"]


@pytest.mark.parametrize(
    "sizes",
    [
        lambda tf, x: tf.concat([tf.shape(x)[:1], [tf.reduce_prod(tf.shape(x)[1:])]], 0),
        lambda tf, x: tf.stack([tf.shape(x)[0], tf.size(x) // tf.shape(x)[0]]),
        lambda tf, x: tf.concat([tf.slice(tf.shape(x), [0], [1]), [-1]], 0),
        lambda tf, x: tf.cast(tf.stack([tf.shape(x, out_type=tf.int64)[0], 140]), tf.int32),
        lambda tf, x: tf.stack([tf.gather(tf.shape(x), 0), 7 * tf.shape(x)[2] * 4]),
        lambda tf, x: [-1, 140],
    ],
)
def test_flatten_by_arithmetic(x, prove, sizes):
    import tensorflow.compat.v1 as tf

    kinds, migration = prove(tf.reshape(tf.sin(x), sizes(tf, x)))
    assert kinds == ["sin", "Flatten"]
    assert migration.model.output_shape == (None, 140)


def test_a_batch_that_the_graph_fixes(graph, prove):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [3, 7, 5, 4], name="x")
    flat = tf.reshape(x, [3, 140])
    kinds, migration = prove(flat, tf.reshape(x, [105, 4]), tf.reshape(x, [-1, 20]))
    assert kinds == ["Flatten", "reshape", "reshape"]
    assert migration.model.output_shape == [(None, 140), (None, 4), (None, 20)]


def test_squeeze_and_expand(x, prove):
    import tensorflow.compat.v1 as tf

    one = tf.reduce_max(x, [1, 3], keepdims=True)
    kinds, _ = prove(
        tf.squeeze(one),
        tf.squeeze(one, [-1]),
        tf.squeeze(x),
        tf.expand_dims(x, -1),
        tf.expand_dims(x, 0) * 2.0,
    )
    assert sorted(set(kinds)) == ["Identity", "expand_dims", "max", "multiply", "squeeze"]


def test_transpose_tile_and_reverse(x, prove):
    import tensorflow.compat.v1 as tf

    kinds, _ = prove(
        tf.transpose(x, [0, 3, 1, 2]),
        tf.transpose(x, [2, 0, 1, 3]) * 2.0,
        tf.transpose(x, [0, 1, 2, 3]),
        tf.tile(x, [1, 2, 1, 3]),
        tf.tile(x, [1, 1, 1, 1]),
        tf.reverse(x, [1, -1]),
        tf.broadcast_to(x[:, :1, :, 2:3], [tf.shape(x)[0], 6, 5, 9]),
    )
    assert sorted(set(kinds)) == sorted(
        ["Permute", "Identity", "get_item", "multiply", "tile", "transpose"]
    )


@pytest.mark.parametrize("kind", ["tile", "reverse", "concat", "pad", "unstack", "gather"])
def test_what_mixes_samples_is_refused(x, saved, kind):
    import tensorflow.compat.v1 as tf

    net, op = {
        "tile": lambda: (tf.tile(x, [2, 1, 1, 1]), "Tile"),
        "reverse": lambda: (tf.reverse(x, [0]), "ReverseV2"),
        "concat": lambda: (tf.concat([x, x], 0), "ConcatV2"),
        "pad": lambda: (tf.pad(x, [[0, 1], [0, 0], [0, 0], [0, 0]]), "Pad"),
        "unstack": lambda: (tf.unstack(x, 4, 0)[1], "Unpack"),
        "gather": lambda: (tf.gather(x, [1, 0]), "GatherV2"),
    }[kind]()
    refused(saved, net, op)


@pytest.mark.parametrize("block", [2, 3])
def test_depth_and_space(graph, prove, block):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 6, 12, 36], name="x")
    kinds, _ = prove(tf.depth_to_space(x, block), tf.space_to_depth(x, block))
    assert kinds == ["Reshape", "Permute", "Reshape"] * 2


def test_padding(x, prove):
    import tensorflow.compat.v1 as tf

    some = [[0, 0], [1, 2], [0, 3], [2, 1]]
    kinds, _ = prove(
        tf.pad(x, some),
        tf.pad(x, some, constant_values=-0.7),
        tf.pad(x, some, "REFLECT"),
        tf.pad(x, some, "SYMMETRIC"),
        tf.pad(x, [[0, 0], [1, 2], [0, 3], [0, 0]]),
    )
    assert kinds == ["pad"] * 4 + ["ZeroPadding2D"]


SLICES = {
    "steps": np.s_[:, 1:6:2, ::-2, -3:-1],
    "single": np.s_[:, -2, :, 3],
    "ellipsis": np.s_[..., 1:3],
    "new": np.s_[:, None, 2:, ..., None],
    "past": np.s_[:, 3:99, :0:-1],
    "channel": np.s_[..., 0],
    "from_minus_two": np.s_[:, -2:, -2],
    "nothing": np.s_[:, :7],
}


@pytest.mark.parametrize("name", sorted(SLICES))
def test_slices(x, prove, name):
    kinds, migration = prove(x[SLICES[name]])
    assert kinds == ["Identity" if name == "nothing" else "get_item"]
    expected = np.empty((2, 7, 5, 4))[SLICES[name]].shape
    assert migration.model.output_shape == (None, *expected[1:])


@pytest.mark.parametrize("key", [np.s_[1:], np.s_[0], np.s_[::-1], np.s_[:2, 1]])
def test_slices_of_the_batch_are_refused(x, saved, key):
    refused(saved, x[key], "StridedSlice")


def test_parts_by_begin_and_size(x, prove):
    import tensorflow.compat.v1 as tf

    begin, batch = [0, 1, 2, 0], tf.shape(x)[0]
    kinds, _ = prove(
        tf.slice(x, begin, [-1, 3, 2, -1]),
        tf.slice(x, begin, tf.stack([batch, 2, 1, 4])),
        x[:batch, : tf.shape(x)[2] - 1],
    )
    assert kinds == ["get_item"] * 3


def test_split_stack_and_gather(x, prove):
    import tensorflow.compat.v1 as tf

    halves = tf.split(x, 2, axis=-1)
    parts = tf.split(x, [2, 4, 1], axis=1)
    left = tf.split(x, [1, -1], axis=2)
    rows = tf.unstack(x, axis=1)
    kinds, _ = prove(
        halves[1],
        *parts,
        left[1],
        tf.stack([halves[1], halves[0]], axis=1),
        tf.stack(rows[::-2], axis=-1),
        tf.concat([rows[3], rows[0]], -1),
        tf.gather(x, [3, 1, 1], axis=-1),
        tf.gather(x, 2, axis=1),
    )
    assert kinds.count("split") == 3 and kinds.count("unstack") == 1
    assert kinds.count("stack") == 2 and kinds.count("take") == 2


def test_a_constant_table_at_computed_places(x, prove):
    import tensorflow.compat.v1 as tf

    table = np.arange(40, dtype=np.float32).reshape(8, 5) / 7
    places = tf.cast(tf.argmax(x, 3), tf.int32)
    kinds, _ = prove(tf.gather(table, places))
    assert kinds[-1] == "take"


def test_sizes_that_only_the_data_tells(graph, saved):
    """Height and width unknown: one of them may be, in a reshape, but not both."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, None, 5, 4], name="x")
    tall = tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1], 20])
    migration = convert(saved(), inputs=["x:0"], outputs=[tall.name])
    value = np.arange(2 * 3 * 20, dtype=np.float32).reshape(2, 3, 5, 4)
    assert np.array_equal(run_eagerly(migration.model, value), value.reshape(2, 3, 20))


def test_two_unknown_sizes_are_refused(graph, saved):
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, None, None, 4], name="x")
    shape = tf.shape(x)
    net = tf.reshape(x, [shape[0], shape[2], shape[1], 4])
    refused(saved, net, "Reshape")


def test_constants_for_every_sample(x, prove):
    """Coordinates beside the channels, and the zeros that a state begins with."""
    import tensorflow.compat.v1 as tf

    batch = tf.shape(x)[0]
    grid = np.linspace(-1, 1, 70, dtype=np.float32).reshape(1, 7, 5, 2)
    state = tf.fill(tf.stack([batch, 6]), 0.75)
    kinds, _ = prove(
        tf.concat([x, tf.tile(grid, [batch, 1, 1, 1])], 3),
        tf.concat([x[:, 0, 0], state * state], 1),
        tf.broadcast_to(tf.constant(grid[0, 0, 0]), [batch, 3, 2]) + x[:, :3, :1, 0],
    )
    assert kinds.count("multiply") == 3


@pytest.mark.parametrize("kind", ["slice", "strided", "rows"])
def test_the_batch_as_a_bound_on_another_axis_is_refused(graph, saved, kind):
    """x[:, :batch] takes all of an axis only where that axis is the batch."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 9], name="x")
    batch = tf.shape(x)[0]
    net, op = {
        "slice": lambda: (tf.slice(x, [0, 0], [-1, batch]), "Slice"),
        "strided": lambda: (x[:, :batch], "StridedSlice"),
        "rows": lambda: (tf.reshape(x, [-1, 3])[:batch], "StridedSlice"),
    }[kind]()
    refused(saved, net, op)


def test_the_batch_as_a_bound_of_the_batch_is_the_whole(x, prove):
    import tensorflow.compat.v1 as tf

    assert prove(tf.tanh(x)[: tf.shape(x)[0]])[0] == ["Activation", "Identity"]


def test_one_sample_broadcast_to_many_is_refused(graph, saved):
    """The reshape makes the batch a number, so that nothing says how sizes follow it."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [1, 4], name="x")
    refused(saved, tf.broadcast_to(tf.reshape(x, [1, 4]), [8, 4]), "BroadcastTo")


def test_broadcast_between_two_unknown_sizes_is_refused(graph, saved):
    """One of them may be 1 where the other is not."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, None, 4], name="x")
    y = tf.placeholder(tf.float32, [None, None, 4], name="y")
    net = tf.broadcast_to(x, tf.shape(y))
    with pytest.raises(UnsupportedOpError, match="  BroadcastTo "):
        convert(saved(), inputs=["x:0", "y:0"], outputs=[net.name])


def test_numbers_that_are_computed_from_known_sizes(x, prove):
    """Of images of a known size in a batch of any; 1/7 and 1/3 are float32, also in the proof."""
    import tensorflow.compat.v1 as tf

    sizes = tf.shape(x)
    ramp = tf.linspace(-1.0, 1.0, sizes[1])[:, None, None]
    count = tf.cast(tf.reduce_prod(sizes[1:]), tf.float32)
    net = tf.exp(x * ramp) * tf.rsqrt(count) + 1.0 / tf.cast(sizes[2], tf.float32)
    kinds, _ = prove(net)
    assert sorted(kinds) == ["add", "exp", "multiply", "multiply"]


def test_numbers_that_are_computed_from_the_batch_stay_unknown(x, saved):
    import tensorflow.compat.v1 as tf

    net = x / tf.cast(tf.shape(x)[0], tf.float32)
    with pytest.raises(UnsupportedOpError, match="Shape"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])


def test_the_graph_holds_its_batch_as_a_number(graph, prove):
    """The proof then draws as many samples."""
    import tensorflow.compat.v1 as tf

    x = tf.placeholder(tf.float32, [None, 7, 5, 4], name="x")
    kernel = tf.get_variable("up/weights", [3, 3, 2, 4])
    net = tf.nn.conv2d_transpose(tf.reshape(x, [-1, 7, 5, 4]), kernel, [6, 14, 10, 2], 2)
    assert "Conv2DTranspose" in prove(net * tf.ones([6, 1, 1, 2]))[0]


@pytest.mark.parametrize("axis", [-1, 1])
def test_one_hot(x, prove, axis):
    import tensorflow.compat.v1 as tf

    places = tf.argmax(x, axis=3) + 1  # 4 is out of range.
    assert prove(tf.one_hot(places, 4, axis=axis))[0][-1] == "one_hot"


def test_one_hot_of_other_numbers_is_refused(x, saved):
    import tensorflow.compat.v1 as tf

    net = tf.one_hot(tf.argmax(x, axis=3), 4, on_value=0.9, off_value=0.025)
    with pytest.raises(UnsupportedOpError, match="OneHot"):
        convert(saved(), inputs=["x:0"], outputs=[net.name])
