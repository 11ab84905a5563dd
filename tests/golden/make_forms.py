"""Writes tests/golden/forms/: one small network, saved in each form that training graphs come in.

Only tensorflow 1.15 and tf.contrib.slim are used: golden data must not come from slimfix itself.
Run it with Python 3.7 from anywhere: python tests/golden/make_forms.py [NAME ...]
"""

import os
import shutil
import sys

import numpy as np
import tensorflow as tf
from make_op_nets import build_value
from tensorflow.contrib import slim

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "forms")
SHAPE = [6, 5, 2]
CLASSES = 4


def build_network(images, is_training, keep_prob=0.7):
    """The network of all forms: convolution, batch norm fused and written out, dropout, dense."""
    penalty = slim.l2_regularizer(4e-5)
    with slim.arg_scope(
        [slim.conv2d, slim.fully_connected], weights_regularizer=penalty
    ), slim.arg_scope([slim.batch_norm], is_training=is_training, decay=0.9):
        net = slim.conv2d(images, 5, [3, 2], normalizer_fn=slim.batch_norm, scope="conv")
        net = slim.max_pool2d(net, [2, 2], scope="pool")
        net = slim.dropout(slim.flatten(net), keep_prob, is_training=is_training, scope="drop")
        net = slim.fully_connected(net, 3, scope="hidden")
        net = slim.batch_norm(net, fused=False, scale=True, scope="norm")
        return slim.fully_connected(net, CLASSES, activation_fn=None, scope="logits")


def images_placeholder():
    return tf.placeholder(tf.float32, [None, *SHAPE], name="images")


def train(logits, labels=None):
    """Adds what a training script adds: loss, penalties, optimizer, summaries, step."""
    labels = tf.placeholder(tf.int64, [None], name="labels") if labels is None else labels
    tf.losses.sparse_softmax_cross_entropy(labels, logits)
    loss = tf.losses.get_total_loss()
    tf.summary.scalar("loss", loss)
    tf.summary.histogram("logits", logits)
    tf.train.get_or_create_global_step()
    slim.learning.create_train_op(loss, tf.train.MomentumOptimizer(0.1, 0.9))
    return logits


def constant():
    train(build_network(images_placeholder(), True))


def placeholder():
    train(build_network(images_placeholder(), tf.placeholder(tf.bool, [], name="is_training")))


def with_default():
    switch = tf.placeholder_with_default(True, [], name="is_training")
    train(build_network(images_placeholder(), switch))


def variable():
    switch = tf.get_variable(
        "is_training", [], tf.bool, tf.constant_initializer(True), trainable=False
    )
    train(build_network(images_placeholder(), switch))


def control_flow_v2():
    """TensorFlow 1.15 wants resource variables for it."""
    tf.enable_control_flow_v2()
    try:
        with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
            placeholder()
    finally:
        tf.disable_control_flow_v2()


def resource_variables():
    with tf.variable_scope(tf.get_variable_scope(), use_resource=True):
        train(build_network(images_placeholder(), True))


def iterator():
    data = (np.zeros([8, *SHAPE], np.float32), np.zeros([8], np.int64))
    batches = tf.data.Dataset.from_tensor_slices(data).shuffle(8).repeat().batch(4)
    images, labels = tf.data.make_one_shot_iterator(batches).get_next()
    train(build_network(images, True), labels)


def queue():
    image, label = tf.train.slice_input_producer(
        [np.zeros([8, *SHAPE], np.float32), np.zeros([8], np.int64)]
    )
    images, labels = tf.train.shuffle_batch([image, label], 4, 32, 8)
    train(build_network(images, True), labels)


def partitioned():
    with tf.variable_scope("", partitioner=tf.fixed_size_partitioner(2, axis=0)):
        train(build_network(images_placeholder(), False))


def moving_averages():
    train(build_network(images_placeholder(), True))
    tf.train.ExponentialMovingAverage(0.99).apply(tf.trainable_variables())


def version_1_checkpoint():
    train(build_network(images_placeholder(), True))


def keep_prob_placeholder():
    keep_prob = tf.placeholder(tf.float32, [], name="keep_prob")
    images = images_placeholder()
    net = slim.conv2d(images, 5, [3, 2], scope="conv")
    net = tf.nn.dropout(slim.flatten(net), keep_prob, name="drop")
    train(slim.fully_connected(net, CLASSES, activation_fn=None, scope="logits"))


FORMS = {
    "constant": constant,
    "control_flow_v2": control_flow_v2,
    "iterator": iterator,
    "keep_prob_placeholder": keep_prob_placeholder,
    "moving_averages": moving_averages,
    "partitioned": partitioned,
    "placeholder": placeholder,
    "queue": queue,
    "resource_variables": resource_variables,
    "variable": variable,
    "version_1_checkpoint": version_1_checkpoint,
    "with_default": with_default,
}


WHOLE = ("frozen", "saved_model")


def build_inference(name):
    """The same network without switches, for the values that are recorded."""
    images = images_placeholder()
    if name == "keep_prob_placeholder":
        net = slim.flatten(slim.conv2d(images, 5, [3, 2], scope="conv"))
        return slim.fully_connected(net, CLASSES, activation_fn=None, scope="logits")
    return build_network(images, False)


def write_form(name):
    """Writes `forms/<name>/`: the training checkpoint, its graph, and what inference gives."""
    directory = os.path.join(OUT, name)
    if not os.path.isdir(directory):
        os.makedirs(directory)
    prefix = os.path.join(directory, "model.ckpt")
    random = np.random.RandomState(11)
    with tf.Graph().as_default(), tf.Session() as session:
        FORMS[name]()
        values = {}
        for each in tf.global_variables():
            if each.dtype.base_dtype == tf.bool:
                values[each] = True
            elif each.dtype.base_dtype.is_integer:
                values[each] = 1000
            else:
                values[each] = build_value(random, each)
            session.run(each.initializer, {each.initializer.inputs[1]: values[each]})
        version = tf.train.SaverDef.V1 if name == "version_1_checkpoint" else tf.train.SaverDef.V2
        saver = tf.train.Saver(write_version=version)
        saver.save(session, prefix, write_state=False)
    batch = random.normal(size=[3, *SHAPE]).astype(np.float32)
    recorded = {"images": batch, "logits": run_inference(name, prefix, batch)}
    if name == "moving_averages":
        recorded["shadow_logits"] = run_inference(name, prefix, batch, shadows=True)
    np.savez_compressed(os.path.join(directory, "expected.npz"), **recorded)
    print(name, recorded["logits"][0])


def write_whole(name):
    """Writes `forms/<name>/`: the inference network with its values in the same file or folder."""
    directory = os.path.join(OUT, name)
    if not os.path.isdir(directory):
        os.makedirs(directory)
    random = np.random.RandomState(11)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        logits = build_inference(name)
        for each in tf.global_variables():
            each.load(build_value(random, each), session)
        batch = random.normal(size=[3, *SHAPE]).astype(np.float32)
        recorded = {"images": batch, "logits": session.run(logits, {"images:0": batch})}
        if name == "frozen":
            frozen = tf.graph_util.convert_variables_to_constants(
                session, graph.as_graph_def(), [logits.op.name]
            )
            with open(os.path.join(directory, "frozen.pb"), "wb") as file:
                file.write(frozen.SerializeToString())
        else:
            folder = os.path.join(directory, "served")
            shutil.rmtree(folder, ignore_errors=True)
            images = graph.get_tensor_by_name("images:0")
            tf.saved_model.simple_save(session, folder, {"pictures": images}, {"scores": logits})
    np.savez_compressed(os.path.join(directory, "expected.npz"), **recorded)
    print(name, recorded["logits"][0])


def run_inference(name, prefix, batch, shadows=False):
    """Returns the logits of the inference graph at a checkpoint's values."""
    with tf.Graph().as_default(), tf.Session() as session:
        logits = build_inference(name)
        named = {each.op.name: each for each in tf.global_variables()}
        if shadows:
            for each in tf.trainable_variables():
                named[each.op.name + "/ExponentialMovingAverage"] = named.pop(each.op.name)
        tf.train.Saver(named).restore(session, prefix)
        return session.run(logits, {"images:0": batch})


if __name__ == "__main__":
    tf.logging.set_verbosity(tf.logging.ERROR)
    for form in sys.argv[1:] or sorted(FORMS) + list(WHOLE):
        (write_whole if form in WHOLE else write_form)(form)
