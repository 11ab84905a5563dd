"""Constants as TensorFlow reads them; and none that a file only declares is ever made."""

import numpy as np
import pytest

from slimfix.dtypes import dtype_name
from slimfix.graphdef import protos
from slimfix.graphdef.tensors import distinct, find_fault, read_tensor


def tensor(dtype, shape, **values):
    proto = protos.TensorProto(dtype=dtype, **values)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


VALUES = [
    np.array([[1.5, -2.25, 3.125]], np.float32),
    np.array([1.1, 2.2], np.float64),
    np.array([0.5, 1.5], np.float16),
    np.array([[-3], [4]], np.int32),
    np.array([2**40, -7], np.int64),
    np.array([-5, 6], np.int8),
    np.array([5, 250], np.uint8),
    np.array([-300, 301], np.int16),
    np.array([300, 65000], np.uint16),
    np.array([True, False, True]),
    np.array([1.5 - 2j, 3 + 4j], np.complex64),
    np.array([1.25 - 2j, 3 + 4.5j], np.complex128),
    np.array([b"one", b"\x00two\x00"], object),
    np.float32(7.5),
    np.zeros([0, 3], np.float32),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value.dtype}{list(value.shape)}")
def test_a_value_is_what_tensorflow_wrote(value):
    import tensorflow as tf

    made = tf.make_tensor_proto(value)
    read = read_tensor(protos.TensorProto.FromString(made.SerializeToString()))
    wanted = tf.make_ndarray(made)
    assert (read.dtype, read.shape) == (wanted.dtype, wanted.shape)
    assert read.tolist() == wanted.tolist()
    assert dtype_name(made.dtype) == tf.as_dtype(made.dtype).name


@pytest.mark.parametrize("value", VALUES[:13], ids=lambda value: f"{value.dtype}")
def test_values_one_by_one_are_read_as_well(value):
    """As older TensorFlow, and lists of Python numbers, are written."""
    import tensorflow as tf

    made = tf.make_tensor_proto(value.tolist(), tf.as_dtype(value.dtype), value.shape)
    read = read_tensor(protos.TensorProto.FromString(made.SerializeToString()))
    assert read.dtype == value.dtype
    np.testing.assert_array_equal(read, value)


def test_bfloat16_is_the_upper_half_of_a_float32():
    import tensorflow as tf

    read = read_tensor(tensor(14, [2], half_val=[0x3FC0, 0xC020]))
    assert read.dtype == tf.bfloat16.as_numpy_dtype
    assert read.astype(np.float32).tolist() == [1.5, -2.5]


def test_a_ref_dtype_has_the_name_of_what_it_refers_to():
    import tensorflow as tf

    assert dtype_name(101) == tf.as_dtype(101).base_dtype.name == "float32"


def test_one_number_for_many_places_takes_the_memory_of_one():
    read = read_tensor(tensor(1, [20_000, 5_000], float_val=[1.25]))
    assert read.shape == (20_000, 5_000)
    assert read.strides == (0, 0)
    assert read[19_999, 4_999] == np.float32(1.25)


def test_a_table_of_one_number_may_be_larger_than_a_graph():
    read = read_tensor(tensor(1, [2**50, 3], float_val=[1.25]))
    assert read.shape == (2**50, 3)
    assert distinct(read).tolist() == [[1.25]]


def test_only_what_repeats_is_left_out():
    values = np.array([[1.5], [2.5]], np.float32)
    assert distinct(values).tolist() == [[1.5], [2.5]]
    assert distinct(np.broadcast_to(values, (2, 7))).tolist() == [[1.5], [2.5]]
    assert distinct(np.float32(3.5)[...]).tolist() == 3.5


def test_the_last_number_goes_on_to_the_end():
    assert read_tensor(tensor(3, [2, 3], int_val=[4, 5])).tolist() == [[4, 5, 5], [5, 5, 5]]


def test_what_is_over_is_left_as_tensorflow_does():
    """tf.zeros([0]) holds one zero."""
    assert read_tensor(tensor(1, [0], float_val=[0.0])).shape == (0,)
    assert read_tensor(tensor(7, [2, 0], string_val=[b"x"])).shape == (2, 0)
    assert read_tensor(tensor(1, [2], float_val=[1.5, 2.5, 3.5])).tolist() == [1.5, 2.5]


def test_no_number_is_zero():
    assert read_tensor(tensor(1, [3])).tolist() == [0, 0, 0]
    assert read_tensor(tensor(7, [2])).tolist() == [b"", b""]


@pytest.mark.parametrize(
    ("proto", "wanted"),
    [
        (tensor(1, [2**61], float_val=[1.5]), "declares more than any array holds"),
        (tensor(1, [2**62, 2**62], float_val=[1.5]), "declares more than any array holds"),
        (tensor(1, [2**62, 2**62, 0]), "declares more than any array holds"),
        (tensor(1, [2**40], tensor_content=b"12345"), "wants 4398046511104 bytes; it holds 5"),
        (tensor(1, [500_000_000], float_val=[1.5, 2.5]), "declares 500000000 values; it holds 2"),
        (tensor(1, [2], tensor_content=b"12345"), "wants 8 bytes; it holds 5"),
        (tensor(7, [2], tensor_content=b"12345"), "it holds its strings as numbers"),
        (tensor(1, [-2]), "its shape is not known"),
        (tensor(1, [1] * 40, float_val=[1.5]), "it has 40 axes"),
        (tensor(20, [1]), "a resource has no value that a file could hold"),
        (tensor(0, [1]), "0 is the number of no dtype that slimfix knows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_together_is_refused(proto, wanted):
    assert find_fault(proto).endswith(wanted)
    with pytest.raises(ValueError, match=wanted.replace("[", r"\[")):
        read_tensor(proto)
