"""What recalibration costs beside plain forward passes over the same batches, in one process.

    python benchmarks/recalibrate.py                     # the digits net; seconds
    python benchmarks/recalibrate.py --net=resnet_v1_50  # minutes

The peer is a forward pass in training mode, up to the last layer's output, without update ops. The
two take turns, round by round; the ratio is of the same round, and its median and quartiles are
printed. A call costs something once, for it adds ops to the graph: so two numbers of batches are
run, and their difference is the cost of a batch. Peak memory is that of the process, after the
forward passes and again after the recalibrations.
"""

import os
import resource
import sys
import time

import numpy as np
from absl import app, flags

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "scripts")]

FLAGS = flags.FLAGS
flags.DEFINE_enum("net", "digits", ["digits", "resnet_v1_50"], "Network to run.")
flags.DEFINE_enum("method", "one_pass", ["one_pass", "layer_by_layer"], "Method.")
flags.DEFINE_integer("rounds", 5, "Rounds.", lower_bound=3)
flags.DEFINE_integer("batches", 10, "Batches of the longer run.", lower_bound=3)
flags.DEFINE_integer("batch_size", 0, "Examples in a batch; 64 digits, 8 images if 0.")
flags.DEFINE_integer("image_size", 96, "Width and height of the images, for resnet.")


def build(slim):
    """Returns the placeholders and the output of the network."""
    import tensorflow.compat.v1 as tf

    is_training = tf.placeholder(tf.bool, [])
    if FLAGS.net == "digits":
        from digits_net import digits_net

        images = tf.placeholder(tf.float32, [None, 8, 8, 1])
        return images, is_training, digits_net(slim, images, is_training)[0]
    images = tf.placeholder(tf.float32, [None, FLAGS.image_size, FLAGS.image_size, 3])
    with slim.arg_scope(slim.nets.resnet_v1.resnet_arg_scope()):
        net, _ = slim.nets.resnet_v1.resnet_v1_50(images, 10, is_training=is_training)
    return images, is_training, net


def peak_mebibytes():
    """Returns the largest resident size that the process has had so far (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def seconds_of(function):
    """Returns how long a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main(argv):
    """Runs both in turns and prints the ratios."""
    if len(argv) > 1:
        raise app.UsageError(f"Too many arguments: {' '.join(argv[1:])}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow.compat.v1 as tf

    import slimfix
    from slimfix import slim

    tf.disable_v2_behavior()
    tf.disable_control_flow_v2()
    tf.logging.set_verbosity(tf.logging.ERROR)
    images, is_training, output = build(slim)
    size = FLAGS.batch_size or (64 if FLAGS.net == "digits" else 8)
    random = np.random.RandomState(5)
    shape = [size, *images.shape.as_list()[1:]]
    feeds = [{images: random.normal(size=shape).astype("f4")} for _ in range(FLAGS.batches)]

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())

        def forward():
            for feed in feeds:
                session.run(output.op, {**feed, is_training: True})

        def recalibrate(count):
            slimfix.recalibrate(session, feeds[:count], method=FLAGS.method, progress=False)

        forward()
        memory = [peak_mebibytes()]
        recalibrate(2)
        ratios, once = [], []
        for _ in range(FLAGS.rounds):
            plain = seconds_of(forward) / len(feeds)
            short, long = seconds_of(lambda: recalibrate(2)), seconds_of(lambda: recalibrate(None))
            each = (long - short) / (len(feeds) - 2)
            ratios.append(each / plain)
            once.append(short - 2 * each)
        memory.append(peak_mebibytes())
    low, middle, high = np.percentile(ratios, [25, 50, 75])
    print(
        f"TensorFlow {tf.__version__}, {FLAGS.net}, {FLAGS.method}, {len(feeds)} batches of "
        f"{shape}, {FLAGS.rounds} rounds; a forward pass takes {plain * 1e3:.0f} ms a batch"
    )
    print(f"a batch:  {middle:.2f} times a forward pass ({low:.2f} to {high:.2f})")
    print(f"a call:   {np.median(once):.2f} s once")
    print(f"memory:   {memory[0]:.0f} MiB at the peak of forward passes, {memory[1]:.0f} MiB after")


if __name__ == "__main__":
    app.run(main)
