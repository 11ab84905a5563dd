"""A small network, in TensorFlow and in NumPy float64, and the data that go through it."""

import numpy as np

RANDOM = np.random.RandomState(11)
DATA = (RANDOM.normal(size=(37, 5)) * [0.5, 3.0, 1.0, 0.2, 8.0] + [1, -2, 0.5, 30, 4]).astype("f4")
SIZES = (8, 8, 13, 5, 3)  # Uneven batches of 37 examples.
WIDTHS = (6, 4, 3)  # Of the layers.
EPSILON = 0.002
DECAY = 0.9
VALUES = {
    "weights": [RANDOM.normal(size=s).astype("f4") for s in ((5, 6), (6, 4), (4, 3))],
    "gamma": [RANDOM.uniform(0.5, 2.0, size=n).astype("f4") for n in WIDTHS],
    "beta": [RANDOM.normal(size=n).astype("f4") for n in WIDTHS],
    "moving_mean": [RANDOM.normal(size=n).astype("f4") for n in WIDTHS],
    "moving_variance": [RANDOM.uniform(0.3, 3.0, size=n).astype("f4") for n in WIDTHS],
}


def cut(data=DATA, sizes=SIZES):
    """Returns the data as arrays of these sizes."""
    return np.split(data, np.cumsum(sizes)[:-1])


def build(slim, x, is_training, layers=3, keep_prob=None, **arguments):
    """Returns the output of fully connected layers, each with slim.batch_norm and relu.

    With keep_prob, dropout that shares the switch follows each of them.
    """
    import tensorflow.compat.v1 as tf

    net = x
    for index in range(layers):
        net = slim.fully_connected(
            net,
            WIDTHS[index],
            activation_fn=tf.nn.relu,
            normalizer_fn=slim.batch_norm,
            normalizer_params={
                "is_training": is_training,
                "scale": True,
                "epsilon": EPSILON,
                "decay": DECAY,
                **arguments,
            },
            scope=f"fc{index}",
        )
        if keep_prob is not None:
            net = slim.dropout(net, keep_prob, is_training=is_training)
    return net


def load(session):
    """Initialises all variables, and gives them their made-up values where they have some."""
    import tensorflow.compat.v1 as tf

    session.run(tf.global_variables_initializer())
    for variable in tf.global_variables():
        scope, _, kind = variable.op.name.rpartition("/")
        if kind in VALUES and scope.startswith("fc"):
            variable.load(VALUES[kind][int(scope[2])], session)


def read(session, *kinds):
    """Returns arrays by variable name, of all variables or of those with these last parts."""
    import tensorflow.compat.v1 as tf

    chosen = [
        variable
        for variable in tf.global_variables()
        if not kinds or variable.op.name.rpartition("/")[2] in kinds
    ]
    return dict(zip((each.op.name for each in chosen), session.run(chosen)))


def in_inference(data=DATA, layers=3):
    """Returns (mean, variance) of each layer's input where all before it use such as theirs."""
    net, found = data.astype(np.float64), []
    for index in range(layers):
        net = net @ VALUES["weights"][index]
        found.append((net.mean(axis=0), net.var(axis=0)))
        net = normalise(net, *found[-1], index)
    return found


def in_training(batches, layers=3):
    """Returns (mean, variance) of each layer's input where all before it use the batch's."""
    nets, found = [batch.astype(np.float64) for batch in batches], []
    for index in range(layers):
        nets = [net @ VALUES["weights"][index] for net in nets]
        whole = np.concatenate(nets)
        found.append((whole.mean(axis=0), whole.var(axis=0)))
        nets = [normalise(net, net.mean(axis=0), net.var(axis=0), index) for net in nets]
    return found


def normalise(net, mean, variance, index):
    """Batch norm and relu, as Ioffe and Szegedy have it, algorithm 1."""
    normal = (net - mean) / np.sqrt(variance + EPSILON)
    return np.maximum(normal * VALUES["gamma"][index] + VALUES["beta"][index], 0)


def statistics(found, index):
    """Returns (moving mean, moving variance) of layer `index` among values by name."""
    scope = f"fc{index}/BatchNorm/"
    return found[scope + "moving_mean"], found[scope + "moving_variance"]
