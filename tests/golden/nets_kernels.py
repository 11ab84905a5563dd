"""Networks of make_op_nets.py: layers with weights and windows, as slim and tf.nn build them."""

import tensorflow as tf
from tensorflow.contrib import slim

_REGULARIZED = {"weights_regularizer": slim.l2_regularizer(0.004)}


def _images(*shape, **kwargs):
    return tf.placeholder(kwargs.get("dtype", tf.float32), shape, name="images")


def conv_padding():
    """Explicit padding, and a stride with a dilation under SAME, where sizes decide the padding."""
    images = _images(None, 9, 8, 2)
    with tf.variable_scope("explicit"):
        kernel = tf.get_variable("weights", [3, 2, 2, 5])
        padding = [[0, 0], [1, 2], [0, 1], [0, 0]]
        net = tf.nn.bias_add(
            tf.nn.conv2d(images, kernel, strides=[1, 1, 2, 1], padding=padding),
            tf.get_variable("biases", [5]),
        )
    with tf.variable_scope("both"):
        kernel = tf.get_variable("weights", [3, 2, 5, 4])
        net = tf.nn.conv2d(net, kernel, strides=2, dilations=[2, 3], padding="SAME")
    return [net + tf.get_variable("both/biases", [1, 1, 1, 4])]


def atrous():
    """slim's rate: SAME and VALID, a bias, a batch norm."""
    images = _images(None, 8, 7, 2)
    net = slim.conv2d(images, 4, [3, 2], rate=2, scope="same", **_REGULARIZED)
    net = slim.conv2d(
        net,
        5,
        [2, 3],
        rate=[3, 2],
        padding="VALID",
        normalizer_fn=slim.batch_norm,
        normalizer_params={"is_training": False, "scale": True},
        scope="valid",
    )
    kernel = tf.get_variable("plain/weights", [3, 3, 5, 3])
    return [tf.nn.atrous_conv2d(net, kernel, rate=2, padding="SAME")]


def atrous_any_size():
    """The same where the graph computes paddings and crops from the size of the images."""
    images = _images(None, None, None, 2)
    net = slim.conv2d(images, 4, [3, 2], rate=2, scope="same")
    return [slim.conv2d(net, 3, 2, rate=3, padding="VALID", scope="valid")]


def separable():
    images = _images(None, 6, 5, 2)
    net = slim.separable_conv2d(images, 5, [3, 2], 2, rate=2, scope="dilated", **_REGULARIZED)
    return [slim.separable_conv2d(net, None, [3, 2], 2, rate=[2, 1], scope="depthwise")]


def grouped():
    """AlexNet's two towers: one kernel that is split, then a kernel for each tower."""
    images = _images(None, 7, 6, 4)
    with tf.variable_scope("one"):
        kernel = tf.get_variable("weights", [3, 2, 2, 6])
        pairs = zip(tf.split(images, 2, axis=3), tf.split(kernel, 2, axis=3))
        parts = [tf.nn.conv2d(data, part, 1, "SAME") for data, part in pairs]
        net = tf.nn.bias_add(tf.concat(parts, 3), tf.get_variable("biases", [6]))
    return [tf.nn.relu(net)]


def transposed():
    images = _images(None, 3, 2, 2)
    net = slim.conv2d_transpose(images, 3, [3, 2], stride=2, scope="same", **_REGULARIZED)
    net = slim.conv2d_transpose(net, 4, [4, 3], stride=[2, 1], padding="VALID", scope="valid")
    kernel = tf.get_variable("odd/weights", [3, 4, 1, 4])
    shape = tf.stack([tf.shape(net)[0], 27, 17, 1])
    return [tf.nn.conv2d_transpose(net, kernel, shape, strides=[1, 2, 3, 1], padding="SAME")]


def transposed_any_size():
    images = _images(None, None, None, 2)
    net = slim.conv2d_transpose(images, 3, [3, 2], stride=2, scope="same")
    return [slim.conv2d_transpose(net, 2, [3, 4], stride=[1, 2], padding="VALID", scope="valid")]


def volumes():
    """Convolution and transposed convolution over three axes."""
    volumes = tf.placeholder(tf.float32, [None, 5, 6, 4, 2], name="volumes")
    net = slim.convolution3d(volumes, 3, [3, 2, 2], stride=[1, 2, 1], scope="conv")
    return [slim.conv3d_transpose(net, 2, [2, 3, 2], stride=[2, 1, 1], scope="up")]


def one_axis():
    """Convolution over a sequence: TensorFlow adds an axis, to the kernel too."""
    sequences = tf.placeholder(tf.float32, [None, 11, 3], name="sequences")
    net = slim.convolution(sequences, 4, 3, stride=2, scope="strided", **_REGULARIZED)
    net = slim.convolution(net, 5, 2, rate=2, scope="dilated")
    return [slim.convolution(net, 2, 3, padding="VALID", activation_fn=None, scope="last")]


def in_plane():
    images = _images(None, 7, 6, 3)
    return [slim.conv2d_in_plane(images, [3, 2], stride=2, scope="plane")]


def dense_on_sequences():
    """slim.fully_connected on three and four axes: a tensordot, here of an open length too."""
    sequences = tf.placeholder(tf.float32, [None, None, 3], name="sequences")
    images = _images(None, 4, 2, 5)
    rows = slim.fully_connected(sequences, 4, scope="rows", **_REGULARIZED)
    return [rows, slim.fully_connected(images, 6, activation_fn=None, scope="pixels")]


def matrices():
    """Kernels stored the other way round, and products of two computed tensors."""
    sequences = tf.placeholder(tf.float32, [None, 4, 3], name="sequences")
    vectors = tf.placeholder(tf.float32, [None, 5], name="vectors")
    weights = tf.nn.softmax(tf.matmul(sequences, sequences, transpose_b=True))
    mixed = tf.matmul(weights, sequences)
    stored = tf.matmul(vectors, tf.get_variable("stored", [2, 5]), transpose_b=True)
    turned = tf.matmul(vectors, tf.transpose(tf.get_variable("turned", [3, 5])))
    return [mixed, stored, turned]


def operands():
    """Variables beside computed tensors: a scale, offsets, positions, one number."""
    sequences = tf.placeholder(tf.float32, [None, 4, 3], name="sequences")
    net = sequences * tf.get_variable("scale", [3])
    net = net + tf.get_variable("positions", [1, 4, 3])
    net = tf.get_variable("limit", []) - tf.maximum(net, tf.get_variable("least", [4, 1]))
    return [slim.bias_add(net, scope="offset")]


def embeddings():
    """Integers of two types look rows up, in a ref and a resource variable."""
    words = tf.placeholder(tf.int32, [None, 6], name="words")
    tags = tf.placeholder(tf.int64, [None, 6], name="tags")
    net = slim.embed_sequence(words, vocab_size=7, embed_dim=3, scope="words_table")
    table = tf.get_variable("tags_table", [5, 3], use_resource=True)
    net = net + tf.nn.embedding_lookup(table, tags)
    return [slim.fully_connected(slim.flatten(net), 4, activation_fn=None, scope="logits")]


def doubles():
    images = _images(None, 6, 5, 2, dtype=tf.float64)
    net = slim.conv2d(images, 3, [3, 2], rate=2, scope="conv")
    net = net * tf.get_variable("scale", [3], tf.float64)
    return [slim.fully_connected(slim.flatten(net), 4, activation_fn=None, scope="logits")]


def double_embeddings():
    """float64 although every input holds integers."""
    words = tf.placeholder(tf.int32, [None, 4], name="words")
    table = tf.get_variable("table", [6, 3], tf.float64)
    net = slim.flatten(tf.nn.embedding_lookup(table, words))
    return [slim.fully_connected(net, 2, activation_fn=None, scope="logits")]


NETS = {
    "atrous": atrous,
    "atrous_any_size": atrous_any_size,
    "conv_padding": conv_padding,
    "dense_on_sequences": dense_on_sequences,
    "double_embeddings": double_embeddings,
    "doubles": doubles,
    "embeddings": embeddings,
    "grouped": grouped,
    "in_plane": in_plane,
    "matrices": matrices,
    "one_axis": one_axis,
    "operands": operands,
    "separable": separable,
    "transposed": transposed,
    "transposed_any_size": transposed_any_size,
    "volumes": volumes,
}
