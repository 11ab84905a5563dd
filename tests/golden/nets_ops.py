"""Networks of make_op_nets.py without kernels: arithmetic, shapes, norms, resizing."""

import numpy as np
import tensorflow as tf
from tensorflow.contrib import slim


def images(shape=(None, 7, 5, 4), dtype=tf.float32):
    return tf.placeholder(dtype, shape, name="images")


def layer_norms():
    x = images()
    net = slim.layer_norm(slim.flatten(x), scope="vector", activation_fn=tf.nn.relu)
    last = slim.layer_norm(x, begin_norm_axis=-1, center=False, scope="last")
    return [net, slim.layer_norm(last * 1.7, scope="layer")]


def sample_norms():
    net = slim.instance_norm(images(), scope="instance")
    return [slim.group_norm(tf.nn.elu(net), groups=2, scope="group")]


def norms_of_groups():
    """Without gamma or beta, and with penalties."""
    x = images((None, 4, 3, 6))
    weight_decay = slim.l2_regularizer(0.004)
    with tf.variable_scope("net", regularizer=weight_decay):
        net = slim.group_norm(x, groups=3, center=False, scope="a")
        net = slim.group_norm(tf.sin(net), groups=6, scale=False, scope="b")
        return [slim.instance_norm(net, center=False, scope="c")]


def local_response():
    x = images((None, 5, 3, 9))
    net = tf.nn.lrn(x, 5, bias=1.0, alpha=0.0001, beta=0.75, name="caffe")
    return [tf.nn.lrn(net * 3.0, 2, bias=2.0, alpha=0.3, beta=0.5, name="wide")]


def unit_norms():
    x = images()
    return [tf.nn.l2_normalize(x, 3), slim.unit_norm(x, 1, epsilon=1e-7)]


def activations():
    x = images()
    ops = [tf.nn.relu, tf.nn.relu6, tf.nn.elu, tf.nn.selu, tf.nn.sigmoid, tf.nn.tanh]
    ops += [tf.nn.softplus, tf.nn.softsign, tf.nn.softmax, tf.nn.log_softmax, tf.nn.leaky_relu]
    return [op(x) for op in ops]


def activations_in_parts():
    """What has several ops: hard swish, gelu, a parametric ReLU, swish with its own gradient."""
    x = images()
    alpha = tf.get_variable("act/alpha", [4])
    return [
        x * tf.nn.relu6(x + 3.0) / 6.0,
        0.5 * x * (1.0 + tf.erf(x / np.sqrt(2.0))),
        tf.nn.relu(x) + alpha * (x - tf.abs(x)) * 0.5,
        tf.nn.swish(x),
        slim.softmax(x),
        tf.nn.softmax(x, axis=1),
        tf.maximum(x, 0.2 * x),
    ]


def arithmetic():
    x = images()
    row = tf.constant([0.3, -1.7, 2.9, 0.017])
    plane = tf.constant(np.linspace(-1.3, 2.1, 35).reshape(7, 5, 1).astype(np.float32))
    pooled = tf.reduce_mean(x, [1, 2], keepdims=True)
    net = (x - row) / (tf.abs(plane) + 0.4) + pooled
    net = tf.add_n([net, tf.square(x) * 0.1, tf.pow(tf.abs(x) + 0.5, 1.3)])
    net = tf.where(x > pooled, net, tf.squared_difference(x, row))
    net = tf.clip_by_value(net, -3.0, 4.0) * tf.rsqrt(tf.exp(-tf.abs(x)) + 0.2)
    return [tf.floormod(net, 0.7), tf.div_no_nan(net, tf.nn.relu(x)), tf.minimum(net, plane)]


def reductions():
    x = images()
    mean, variance = tf.nn.moments(x, [1, 2])
    standard = (x - mean[:, None, None]) / tf.sqrt(variance + 0.01)[:, tf.newaxis, tf.newaxis, :]
    spread = tf.reduce_max(x, [-1]) - tf.reduce_min(x, [-1])
    return [
        tf.reduce_sum(standard, [1]),
        tf.reduce_prod(spread, 2, keepdims=True),
        tf.reduce_logsumexp(x, [2, 3]),
        tf.reduce_mean(tf.reduce_max(x, [1, 2]), 1),
    ]


def reshapes():
    """Rows into the batch and back, channel shuffle, and slim's flatten of a transposed tensor."""
    x = images()
    batch = tf.shape(x)[0]
    rows = tf.nn.softmax(tf.reshape(x, [-1, 4]))
    back = tf.reshape(rows, [batch, 7, -1])
    shuffled = tf.reshape(x, tf.concat([tf.shape(x)[:3], [2, 2]], 0))
    shuffled = tf.reshape(tf.transpose(shuffled, [0, 1, 2, 4, 3]), [-1, *x.shape.as_list()[1:]])
    flat = slim.flatten(tf.transpose(shuffled, [0, 3, 1, 2]))
    squeezed = tf.squeeze(tf.reduce_max(x, [1, 2], keepdims=True), [1, 2])
    return [back, tf.expand_dims(flat, -1), squeezed, tf.transpose(x, [1, 0, 2, 3])[2]]


def slices():
    x = images()
    left, middle, right = tf.split(x, [1, 2, 1], axis=-1)
    rows = tf.unstack(x, axis=1)
    return [
        x[:, 1:6:2, ::-2, -3:-1],
        x[:, -2, tf.newaxis, ..., 0],
        tf.slice(x, [0, 1, 2, 0], [-1, 3, 2, -1]),
        tf.concat([right, middle, left], -1),
        tf.stack(rows[::3], axis=2),
        tf.gather(x, [3, 0, 0], axis=3),
        tf.reverse(x, [2]),
        tf.tile(x[:, :2], [1, 2, 1, 1]),
    ]


def padding():
    x = images()
    widths = [[0, 0], [1, 2], [3, 0], [0, 0]]
    return [
        tf.pad(x, widths),
        tf.pad(x, widths, "REFLECT"),
        tf.pad(x, widths, "SYMMETRIC"),
        tf.pad(x, [[0, 0], [0, 0], [0, 0], [1, 2]], constant_values=0.25),
    ]


def resizing():
    x = images()
    small = slim.avg_pool2d(x, 2, stride=2, scope="pool")
    to_x = tf.shape(x)[1:3]
    return [
        tf.image.resize_bilinear(small, to_x, align_corners=True) + x,
        tf.image.resize_bilinear(x, [13, 8]),
        tf.image.resize_nearest_neighbor(x, [14, 15]),
        tf.image.resize_nearest_neighbor(x, [10, 3], align_corners=True),
        tf.compat.v1.image.resize_bilinear(x, [11, 9], half_pixel_centers=True),
        tf.compat.v1.image.resize_nearest_neighbor(x, [4, 9], half_pixel_centers=True),
    ]


def blocks():
    x = images((None, 4, 6, 8))
    return [tf.depth_to_space(x, 2), tf.space_to_depth(x, 2)]


def bytes_in():
    """Pictures as bytes, prepared in the graph."""
    x = images((None, 6, 5, 3), tf.uint8)
    unit = tf.image.convert_image_dtype(x, tf.float32)
    centred = tf.cast(x, tf.float32) - tf.constant([123.68, 116.78, 103.94])
    signed = (tf.to_float(x) / 255.0 - 0.5) * 2.0
    resized = tf.image.resize_bilinear(x, [9, 7])
    return [unit, centred, signed, resized, tf.cast(x > 2, tf.float32)]


def counted_places():
    """Integers on the way: an argmax, compared and counted."""
    x = images()
    places = tf.argmax(x, axis=3, output_type=tf.int32)
    return [
        tf.cast(tf.equal(places, 2), tf.float32) * x[..., 1],
        tf.gather(tf.constant([0.7, -0.2, 1.9, 0.4]), places),
        tf.cast(tf.floordiv(places * 3 + 1, 2), tf.float32),
    ]


NETS = {
    function.__name__: function
    for function in (
        activations,
        activations_in_parts,
        arithmetic,
        blocks,
        bytes_in,
        counted_places,
        layer_norms,
        local_response,
        norms_of_groups,
        padding,
        reductions,
        reshapes,
        resizing,
        sample_norms,
        slices,
        unit_norms,
    )
}
