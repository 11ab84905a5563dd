"""What running the update ops costs: a train step, four ways, in one process.

    python benchmarks/train_step.py                  # a 20-layer net; a few minutes
    python benchmarks/train_step.py --net=resnet_v1_50

Prints, for each way, the time of a step as a ratio to the same round's step without any update:
the median ratio of all rounds, and its quartiles. The ways take turns step by step, in an order
drawn anew each round, so that whatever else the machine does hits all alike. The row 'no updates
again' is the same op as the reference: how far it is from 1 is the noise of the run.
"""

import os
import sys
import time

import numpy as np
from absl import app, flags

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

FLAGS = flags.FLAGS
flags.DEFINE_enum("net", "conv20", ["conv20", "resnet_v1_50"], "Network to train.")
flags.DEFINE_integer("rounds", 40, "Steps of each way.", lower_bound=3)
flags.DEFINE_integer("batch_size", 8, "Images in a step.", lower_bound=2)
flags.DEFINE_integer("image_size", 64, "Width and height of the images.", lower_bound=16)

REFERENCE = "no updates"


def build_loss(slim):
    """Returns the loss of the network in training mode, on images drawn once."""
    import tensorflow.compat.v1 as tf

    random = np.random.RandomState(5)
    shape = [FLAGS.batch_size, FLAGS.image_size, FLAGS.image_size, 3]
    images = tf.constant(random.normal(size=shape).astype(np.float32))
    labels = tf.constant(random.randint(10, size=FLAGS.batch_size))
    if FLAGS.net == "resnet_v1_50":
        with slim.arg_scope(slim.nets.resnet_v1.resnet_arg_scope()):
            net, _ = slim.nets.resnet_v1.resnet_v1_50(images, 10, is_training=True)
        logits = tf.reshape(net, [FLAGS.batch_size, 10])
    else:
        net = images
        with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm):
            for index in range(20):
                net = slim.conv2d(net, 32, [3, 3], stride=2 if index % 7 == 6 else 1)
        logits = slim.fully_connected(tf.reduce_mean(net, [1, 2]), 10, activation_fn=None)
    return tf.losses.sparse_softmax_cross_entropy(labels, logits)


def build_ways(slim, slimfix, loss):
    """Returns the train op of each way, and the seconds that it took to build, by name."""
    import tensorflow.compat.v1 as tf

    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    optimizer = tf.train.GradientDescentOptimizer(1e-6)

    def by_hand():
        with tf.control_dependencies(updates):
            return optimizer.minimize(loss)

    bare = optimizer.minimize(loss)
    builders = {
        REFERENCE: lambda: bare,
        "no updates again": lambda: bare,
        "slimfix.create_train_op": lambda: slimfix.create_train_op(loss, optimizer),
        "slimfix.with_update_ops": lambda: slimfix.with_update_ops(bare),
        "control dependencies by hand": by_hand,
        "slim.learning.create_train_op": lambda: slim.learning.create_train_op(loss, optimizer),
    }
    ways, seconds = {}, {}
    for name, build in builders.items():
        start = time.perf_counter()
        train_op = build()
        seconds[name] = time.perf_counter() - start
        ways[name] = getattr(train_op, "op", train_op)  # To fetch nothing: the step alone.
    return ways, seconds


def measure(session, ways):
    """Returns the seconds of each step, by way: one row a round."""
    random = np.random.RandomState(1)
    order = list(ways)
    for name in order:
        for _ in range(2):
            session.run(ways[name])
    seconds = {name: [] for name in ways}
    for _ in range(FLAGS.rounds):
        random.shuffle(order)
        for name in order:
            start = time.perf_counter()
            session.run(ways[name])
            seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}


def main(argv):
    """Builds the ways, measures them in turns and prints the ratios."""
    if len(argv) > 1:
        raise app.UsageError(f"Too many arguments: {' '.join(argv[1:])}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow.compat.v1 as tf

    import slimfix
    from slimfix import slim

    tf.disable_v2_behavior()
    tf.logging.set_verbosity(tf.logging.ERROR)
    ways, building = build_ways(slim, slimfix, build_loss(slim))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        seconds = measure(session, ways)
    reference = np.median(seconds[REFERENCE])
    print(
        f"TensorFlow {tf.__version__}, {FLAGS.net}, {FLAGS.batch_size} images of "
        f"{FLAGS.image_size}x{FLAGS.image_size}, {FLAGS.rounds} rounds; a step takes "
        f"{reference * 1e3:.0f} ms"
    )
    print(f"{'way':<32}{'step':>7}{'quartiles':>17}{'build':>10}")
    for name, values in seconds.items():
        low, middle, high = np.percentile(values / seconds[REFERENCE], [25, 50, 75])
        print(f"{name:<32}{middle:>7.3f}{f'{low:.3f}..{high:.3f}':>17}{building[name]:>9.2f}s")


if __name__ == "__main__":
    app.run(main)
