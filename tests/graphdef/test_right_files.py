"""What TensorFlow writes of ordinary programs is right: no fault is found, no batch norm missed."""

import pytest

from slimfix import slim
from slimfix.graph.layers import find_batch_norm_layers
from slimfix.graphdef.meta import read_meta

BUILDERS = {}


def builder(function):
    BUILDERS[function.__name__] = function
    return function


@builder
def a_function_without_a_name(tf, x):
    from tensorflow.python.framework import function

    return function.Defun(tf.float32)(lambda y: y * 2.5)(x, name="double")


@builder
def a_data_pipeline_that_calls_python(tf, x):
    def halve(y):
        return tf.py_func(lambda value: value / 2, [y], tf.float32)

    data = tf.data.Dataset.from_tensor_slices([1.5, 2.5, 3.5]).map(halve).shuffle(3).batch(2)
    return x + tf.reduce_sum(tf.data.make_one_shot_iterator(data).get_next())


@builder
def an_iterator_that_is_initialized(tf, x):
    data = tf.data.Dataset.range(7).filter(lambda i: i > 2).repeat().prefetch(1)
    iterator = tf.data.make_initializable_iterator(data)
    assert iterator.initializer is not None
    return x + tf.cast(iterator.get_next(), tf.float32)


@builder
def queues(tf, x):
    numbers = tf.train.string_input_producer(["1.5", "2.5"], num_epochs=3)
    line = tf.strings.to_number(numbers.dequeue())
    return x + tf.reduce_sum(tf.train.shuffle_batch([line], 4, 50, 10))


class Cell:
    """A plain one: those of TensorFlow 1 do not work beside Keras 3."""

    output_size = state_size = 5

    def zero_state(self, rows, dtype):
        import tensorflow.compat.v1 as tf

        return tf.zeros([rows, 5], dtype)

    def __call__(self, inputs, state, scope=None):
        import tensorflow.compat.v1 as tf

        state = tf.tanh(tf.matmul(inputs, tf.get_variable("kernel", [2, 5])) + state)
        return state, state


@builder
def a_recurrent_network(tf, x):
    cell = tf.nn.rnn_cell.LSTMCell(5) if hasattr(tf.nn.rnn_cell, "LSTMCell") else Cell()
    steps = tf.reshape(x, [-1, 3, 2])
    outputs, _ = tf.nn.dynamic_rnn(cell, steps, dtype=tf.float32)
    return tf.reshape(outputs, [-1, 15])[:, :6]


@builder
def loops_in_loops(tf, x):
    def inner(j, y):
        return j + 1, y * 1.5

    def outer(i, y):
        return i + 1, tf.while_loop(lambda j, _: j < 3, inner, [0, y])[1]

    result = tf.while_loop(lambda i, _: i < 2, outer, [0, x])[1]
    return result + tf.gradients(result, x)[0]


@builder
def conditionals_in_conditionals(tf, x):
    flag, other = tf.placeholder(tf.bool, []), tf.placeholder(tf.bool, [])
    result = tf.cond(flag, lambda: tf.cond(other, lambda: x * 2, lambda: x + 1), lambda: x - 1)
    return result + tf.gradients(result, x)[0]


@builder
def a_choice_of_several(tf, x):
    number = tf.placeholder(tf.int32, [])
    return tf.switch_case(number, [lambda: x * 2, lambda: x + 1, lambda: x - 1])


@builder
def a_partitioned_variable(tf, x):
    parts = tf.fixed_size_partitioner(3)
    return x + tf.get_variable("parts", [6], partitioner=parts)


@builder
def lookups(tf, x):
    from tensorflow.python.ops import lookup_ops

    keys, values = tf.constant(["a", "b"]), tf.constant([3, 4], tf.int64)
    table = lookup_ops.StaticHashTable(lookup_ops.KeyValueTensorInitializer(keys, values), -1)
    return x + tf.cast(table.lookup(tf.constant("b")), tf.float32)


@builder
def prints_and_assertions(tf, x):
    with tf.control_dependencies([tf.Assert(tf.reduce_all(x < 9), [x]), tf.print("x", x)]):
        return tf.Print(x, [tf.shape(x)], "shape ")


@builder
def a_gradient_of_ones_own(tf, x):
    @tf.custom_gradient
    def clipped(y):
        return tf.identity(y), lambda dy: tf.clip_by_norm(dy, 0.5)

    result = clipped(x)
    return result + tf.gradients(result, x)[0]


@builder
def a_large_table_of_zeros(tf, x):
    tf.Variable(tf.constant(0.0, shape=[300000000, 3]), name="word_vectors", trainable=False)
    return x


@builder
def summaries(tf, x):
    tf.summary.scalar("mean", tf.reduce_mean(x))
    tf.summary.histogram("values", x)
    tf.summary.image("image", tf.reshape(x, [-1, 3, 2, 1]))
    tf.summary.merge_all()
    return x


@builder
def a_moving_average_and_an_optimizer(tf, x):
    weight = tf.get_variable("weight", [6])
    step = tf.train.get_or_create_global_step()
    rate = tf.train.piecewise_constant(step, [10, 20], [0.1, 0.01, 0.001])
    loss = tf.reduce_mean(tf.square(x * weight))
    train = tf.train.AdamOptimizer(rate).minimize(loss, step)
    with tf.control_dependencies([train]):
        tf.train.ExponentialMovingAverage(0.9, step).apply([weight])
    return x * weight


@pytest.fixture
def write(graph, variable_kind, tmp_path):
    """Writes the graph of a builder with a batch norm behind it; gives the path."""
    import tensorflow.compat.v1 as tf

    def write(build, change=lambda meta_graph: None, **options):
        x = build(tf, tf.placeholder(tf.float32, [None, 6], name="x"))
        slim.batch_norm(tf.reshape(x, [-1, 6]), is_training=True, scope="bn")
        meta_graph = tf.train.export_meta_graph(**options)
        change(meta_graph)
        path = tmp_path / "right.meta"
        path.write_bytes(meta_graph.SerializeToString())
        return str(path)

    return write


def check(path):
    assert read_meta(path).graph_def.node
    assert [layer.scope for layer in find_batch_norm_layers(path)] == ["bn"]


KINDS = ["ref", "resource", "resource and control flow version 2"]


@pytest.mark.parametrize("variable_kind", KINDS, indirect=True)
@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_no_fault_is_found(write, name):
    check(write(BUILDERS[name]))


@pytest.mark.parametrize("variable_kind", KINDS, indirect=True)
def test_without_default_attributes_and_devices(write):
    check(write(conditionals_in_conditionals, strip_default_attrs=True, clear_devices=True))


def call_itself(meta_graph):
    """As TensorFlow 1 had it of a function that was declared first."""
    library = meta_graph.graph_def.library.function
    inner = next(each for each in library if each.signature.name == "inner")
    outer = next(each for each in library if each.signature.name == "outer")
    assert [node.op for node in outer.node_def if node.op == "inner"] == ["inner"]
    inner.node_def.add(name="again", op="outer", input=[inner.signature.input_arg[0].name])


@pytest.mark.parametrize("variable_kind", ["ref"], indirect=True)
def test_functions_that_call_one_another_again_and_again(write):
    from tensorflow.python.framework import function

    def build(tf, x):
        @function.Defun(tf.float32, func_name="inner")
        def inner(y):
            return y * 2.5

        @function.Defun(tf.float32, func_name="outer")
        def outer(y):
            return inner(y) + 1.5

        return outer(x)

    check(write(build, call_itself))


def test_what_leads_to_a_circle_is_opened_up_to_it():
    from slimfix.graphdef import protos
    from slimfix.graphdef.functions import inline_functions

    graph_def = protos.GraphDef()
    calls = {"start": ["a", "leaf"], "a": ["b"], "b": ["a", "leaf"], "leaf": ["NoOp"]}
    for name, ops in calls.items():
        function = graph_def.library.function.add()
        function.signature.name = name
        for op in ops:
            function.node_def.add(name=f"to_{op}", op=op)
    graph_def.node.add(name="call", op="start")
    nodes = inline_functions(graph_def).nodes
    assert {name: node.op for name, node in nodes.items()} == {
        "call/call/to_a": "a",
        "call/call/to_leaf/call/to_NoOp": "NoOp",
        "call/call/to_leaf": "NoOp",
        "call": "NoOp",
    }
