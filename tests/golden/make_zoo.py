"""Writes the zoo: every net of tf.contrib.slim.nets, as an inference and as a training graph.

    export PYTHONPATH=.
    python3.7 tests/golden/make_zoo.py                               # into build/zoo; 4 GB
    python3.7 tests/golden/make_zoo.py build/zoo vgg_a resnet_v1_50  # these only
    python3.7 tests/golden/make_zoo.py build/some --sample=3 --seed=abc

Only tensorflow 1.15 and tf.contrib.slim are used. For each net, below the folder:

- `training/model.ckpt.*`: the checkpoint, optimizer slots and global_step included, and its .meta:
  is_training=True a constant, an input pipeline, one-hot labels, weight decay, summaries, train op;
- `inference/model.ckpt.meta`: the graph with is_training=False a constant, for that checkpoint;
- `inference/recording.npz`: inputs, outputs and end points of the inference graph, batch of 2;
- `net.json`: tensor names of both graphs' inputs and outputs.

Weights are drawn as He et al. do (arXiv 1502.01852); the moving statistics are those of one batch.
"""

import argparse
import collections
import json
import os
import time
import zlib

import numpy as np
import recording
import tensorflow as tf
import zoo_pipelines
from tensorflow.contrib import slim
from tensorflow.contrib.slim import nets

from tests import sampling

RECORDED_BYTES = 12 << 20  # Of end points, before compression.

Net = collections.namedtuple("Net", "build arg_scope height width classes pipeline train")


def _momentum(loss):
    return slim.learning.create_train_op(loss, tf.train.MomentumOptimizer(0.01, 0.9))


def _rmsprop(loss):
    """With the settings and the decaying rate that Inception was trained with."""
    step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(0.045, step, 2000, 0.94, staircase=True)
    tf.summary.scalar("learning_rate", rate)
    optimizer = tf.train.RMSPropOptimizer(rate, decay=0.9, momentum=0.9, epsilon=1.0)
    return slim.learning.create_train_op(loss, optimizer, summarize_gradients=True)


def _minimize(optimizer):
    def train(loss):
        step = tf.train.get_or_create_global_step()
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            return optimizer().minimize(loss, global_step=step)

    return train


_adam = _minimize(lambda: tf.train.AdamOptimizer(1e-3))
_descent = _minimize(lambda: tf.train.GradientDescentOptimizer(0.01))

_vgg, _alexnet, _overfeat = nets.vgg, nets.alexnet, nets.overfeat
_v1, _v2, _inception = nets.resnet_v1, nets.resnet_v2, nets.inception
_resnet_scope = nets.resnet_utils.resnet_arg_scope
_pipes = zoo_pipelines
NETS = {
    "alexnet_v2": Net(
        _alexnet.alexnet_v2,
        _alexnet.alexnet_v2_arg_scope,
        *(224, 224, 10),
        _pipes.placeholders,
        _momentum,
    ),
    "overfeat": Net(
        _overfeat.overfeat,
        _overfeat.overfeat_arg_scope,
        *(231, 231, 11),
        _pipes.shuffle_batch,
        _descent,
    ),
    "vgg_16": Net(
        _vgg.vgg_16, _vgg.vgg_arg_scope, *(224, 224, 12), _pipes.one_shot_iterator, _momentum
    ),
    "vgg_a": Net(_vgg.vgg_a, _vgg.vgg_arg_scope, *(224, 224, 13), _pipes.prefetch_queue, _descent),
    "inception_v1": Net(
        _inception.inception_v1,
        _inception.inception_v1_arg_scope,
        *(224, 224, 14),
        _pipes.initializable_iterator,
        _adam,
    ),
    "inception_v2": Net(
        _inception.inception_v2,
        _inception.inception_v2_arg_scope,
        *(224, 192, 15),
        _pipes.shuffle_batch,
        _rmsprop,
    ),
    "inception_v3": Net(
        _inception.inception_v3,
        _inception.inception_v3_arg_scope,
        *(299, 299, 16),
        _pipes.prefetch_queue,
        _rmsprop,
    ),
    "resnet_v1_50": Net(
        _v1.resnet_v1_50, _resnet_scope, *(224, 224, 17), _pipes.one_shot_iterator, _momentum
    ),
    "resnet_v1_101": Net(
        _v1.resnet_v1_101, _resnet_scope, *(193, 161, 18), _pipes.placeholders, _adam
    ),
    "resnet_v2_50": Net(
        _v2.resnet_v2_50, _resnet_scope, *(160, 192, 19), _pipes.prefetch_queue, _momentum
    ),
    "resnet_v2_101": Net(
        _v2.resnet_v2_101, _resnet_scope, *(129, 161, 21), _pipes.initializable_iterator, _rmsprop
    ),
}


def build_net(net, images, is_training):
    """Returns the logits, [batch, classes], and the end points."""
    with slim.arg_scope(net.arg_scope()):
        logits, end_points = net.build(images, net.classes, is_training=is_training)
    if logits.shape.ndims == 4:  # The resnets of this version leave [batch, 1, 1, classes].
        logits = tf.squeeze(logits, [1, 2], name="SpatialSqueeze")
    return logits, end_points


def outputs_of(logits, end_points):
    """Returns the names of the tensors that a user of the net wants."""
    found = [end_points[key] for key in ("Predictions", "predictions") if key in end_points]
    return [tensor.name for tensor in [logits, *found]]


def build_training(net):
    """Builds the training graph; returns its images and outputs."""
    images, labels = net.pipeline(net.height, net.width, net.classes)
    logits, end_points = build_net(net, images, is_training=True)
    tf.losses.softmax_cross_entropy(labels, logits, label_smoothing=0.1)
    if "AuxLogits" in end_points:
        tf.losses.softmax_cross_entropy(labels, end_points["AuxLogits"], weights=0.4)
    loss = tf.losses.get_total_loss()
    for name, tensor in end_points.items():
        tf.summary.histogram("activations/" + name, tensor)
        tf.summary.scalar("sparsity/" + name, tf.nn.zero_fraction(tensor))
    for variable in slim.get_model_variables():
        tf.summary.histogram(variable.op.name, variable)
    tf.summary.image("images", images)
    tf.summary.scalar("total_loss", loss)
    net.train(loss)
    tf.summary.merge_all()
    correct = tf.equal(tf.argmax(logits, 1), tf.argmax(labels, 1))
    tf.reduce_mean(tf.cast(correct, tf.float32), name="accuracy")
    return images, outputs_of(logits, end_points)


def draw(random, variable):
    """Returns a variable's value: weights as He et al., slots small and positive."""
    shape, role = variable.shape.as_list(), variable.op.name.split("/")[-1]
    if role == "weights":
        scale = np.sqrt(2.0 / np.prod(shape[:-1]))
        return random.standard_normal(shape, np.float32) * np.float32(scale)
    value = random.random(shape, np.float32)
    if role == "gamma":
        return np.float32(0.6) + np.float32(0.8) * value
    if role in ("beta", "biases"):
        return np.float32(0.4) * value - np.float32(0.2)
    return np.float32(1e-3) * (value + np.float32(0.1))


def fill(session, net, images, seed):
    """Gives every variable its value; the moving statistics are those of one drawn batch."""
    random = np.random.default_rng(seed)
    session.run(tf.global_variables_initializer())
    variables = {variable.op.name: variable for variable in tf.global_variables()}
    drawn = {"global_step": random.integers(1000, 9000)}  # Adam's powers of beta stay.
    drawn.update({n: draw(random, v) for n, v in variables.items() if v.shape.ndims})
    load(session, {variables[name]: value for name, value in drawn.items()})
    fused = [op for op in session.graph.get_operations() if op.type.startswith("FusedBatchNormV")]
    batch = random.standard_normal([8, net.height, net.width, 3], np.float32)
    moments = session.run([op.outputs[1:3] for op in fused], {images: batch})
    statistics = {}
    for op, (mean, variance) in zip(fused, moments):
        scope = op.inputs[2].op.name[: -len("/beta/read")]  # The op itself may lie elsewhere.
        statistics[scope + "/moving_mean"] = mean
        statistics[scope + "/moving_variance"] = variance
    names = {name for name in variables if name.endswith(("/moving_mean", "/moving_variance"))}
    if names != set(statistics):
        raise ValueError(f"No batch norm for {sorted(names ^ set(statistics))[:5]}")
    load(session, {variables[name]: value for name, value in statistics.items()})


def load(session, values):
    """Gives variables their values, all in one run."""
    feed = {variable.initializer.inputs[1]: value for variable, value in values.items()}
    session.run([variable.initializer for variable in values], feed)


def write_training(net, directory, seed):
    """Writes the checkpoint and its .meta; returns the names of input and outputs."""
    with tf.Graph().as_default(), tf.Session() as session:
        images, outputs = build_training(net)
        saver = tf.train.Saver()
        fill(session, net, images, seed)
        saver.save(session, os.path.join(directory, "model.ckpt"), write_state=False)
        return {"inputs": [images.name], "outputs": outputs}


def write_inference(net, directory, checkpoint, seed):
    """Writes the inference graph and its recording; returns the names of input and outputs."""
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.placeholder(tf.float32, [None, net.height, net.width, 3], name="input")
        logits, end_points = build_net(net, images, is_training=False)
        saver = tf.train.Saver()
        saver.restore(session, checkpoint)
        saver.export_meta_graph(os.path.join(directory, "model.ckpt.meta"))
        outputs = outputs_of(logits, end_points)
        batch = np.random.default_rng(seed).standard_normal([2, net.height, net.width, 3], "f4")
        recording.write_recording(
            directory,
            session,
            inputs={images.name: batch},
            outputs=outputs,
            switches={},
            tensors=small_tensors(session, end_points, outputs),
        )
        return {"inputs": [images.name], "outputs": outputs}


def small_tensors(session, end_points, outputs):
    """Returns the outputs and, the smallest first, end points up to RECORDED_BYTES of them."""
    found = {session.graph.get_tensor_by_name(name) for name in outputs}
    left = RECORDED_BYTES
    sizes = {
        tensor: 2 * 4 * int(np.prod(tensor.shape[1:].as_list())) for tensor in end_points.values()
    }
    for tensor in sorted(sizes, key=lambda tensor: (sizes[tensor], tensor.name)):
        left -= sizes[tensor]
        if left > 0:
            found.add(tensor)
    return sorted(found, key=lambda tensor: tensor.name)


def write_net(folder, name):
    """Writes one net of the zoo below `folder`."""
    start, net, seed = time.time(), NETS[name], zlib.crc32(name.encode("utf-8"))
    rooms = {room: os.path.join(folder, name, room) for room in ("training", "inference")}
    for room in rooms.values():
        os.makedirs(room, exist_ok=True)
    training = write_training(net, rooms["training"], seed)
    checkpoint = os.path.join(rooms["training"], "model.ckpt")
    inference = write_inference(net, rooms["inference"], checkpoint, seed + 1)
    with open(os.path.join(folder, name, "net.json"), "w") as file:
        json.dump({"training": training, "inference": inference}, file, indent=1)
    count = len(tf.train.list_variables(checkpoint))
    size = os.path.getsize(checkpoint + ".data-00000-of-00001") / 1e6
    recorded = os.path.getsize(os.path.join(rooms["inference"], "recording.npz")) / 1e6
    print(
        f"{name:<14} {count:4d} variables, {size:5.0f} MB; recording {recorded:4.1f} MB; "
        f"{time.time() - start:3.0f} s",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=os.path.join("build", "zoo"))
    parser.add_argument("nets", nargs="*", help="all if none is given")
    sampling.add_flags(parser, "nets")
    options = parser.parse_args()
    for name in sampling.choose(options.nets or list(NETS), options):
        write_net(options.folder, name)


if __name__ == "__main__":
    tf.logging.set_verbosity(tf.logging.ERROR)
    main()
