"""Every way in which slim builds and switches batch norm, as one program for both TensorFlows.

`make_behaviour.py` runs it with TensorFlow 1.15 and tf.contrib.slim and records what comes out;
the tests run it with slimfix.slim and compare.
"""

import collections
import zlib

import numpy as np

STEPS = 5
RECORDED_STEPS = (1, 5)
SWITCHES = ("bool", "placeholder", "variable")
CHANNELS = 4

# Arguments of slim.batch_norm that lead into each of its code paths. Rank 4 unless it says 2.
PATHS = {
    "core": {},
    "core_unfused": {"fused": False},
    "fused_rank2": {},
    "fused_updates_none": {"updates_collections": None},
    "fused_zero_debias": {"zero_debias_moving_mean": True},
    "fused_zero_debias_rank2": {"zero_debias_moving_mean": True},
    "legacy": {"batch_weights": [0.4, 1.7, 0.9, 2.3]},
    "legacy_updates_none": {"updates_collections": None, "fused": False},
    "legacy_zero_debias": {"zero_debias_moving_mean": True, "fused": False},
    "renorm": {"renorm": True},
    "renorm_rank2": {"renorm": True},
    # The fused op has no NCHW kernel on the CPU, on either TensorFlow.
    "core_unfused_nchw": {"fused": False, "data_format": "NCHW"},
    "legacy_nchw": {"batch_weights": [0.4, 1.7, 0.9, 2.3], "data_format": "NCHW"},
}
REUSED = ("core", "core_unfused", "fused_rank2", "legacy", "fused_zero_debias")
CASES = tuple(f"{path}/{switch}" for path in PATHS for switch in SWITCHES) + tuple(
    f"{path}/{switch}/reuse" for path in REUSED for switch in SWITCHES
)

# Initial values: all distinct, none 0 or 1, in an order that a permutation would disturb.
VALUES = {
    "beta": [-0.7, -0.2, 0.35, 0.85],
    "gamma": [0.6, 0.9, 1.4, 1.95],
    "moving_mean": [-0.45, -0.15, 0.25, 0.65],
    "moving_variance": [0.5, 0.8, 1.2, 1.7],
    "moving_stddev": [0.72, 0.91, 1.11, 1.32],
    "renorm_mean": [-0.33, -0.12, 0.17, 0.48],
    "renorm_stddev": [0.83, 1.04, 1.26, 1.49],
    "biased": [-0.28, -0.09, 0.14, 0.38],
    "local_step": 6.0,
}

Network = collections.namedtuple("Network", "x output is_training")


def run_case(slim, case):
    """Trains one case and returns what it did, by name.

    Args:
      slim: the slim module to build with.
      case: one of CASES.
    Returns: dict from name to NumPy array: 'variables' (names and shapes), 'update_ops' (their
      number), and for each recorded step 'step<k>/output', 'step<k>/gradient/<name>' and
      'step<k>/statistic/<name>'; 'inference' is the output in inference mode after the last step,
      where the case can be switched.
    """
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        network = _build(slim, case)
        _load_values(session)
        return _train(session, network, case)


def _build(slim, case):
    import tensorflow.compat.v1 as tf

    path, switch = case.split("/")[:2]
    is_training = {
        "bool": lambda: True,
        "placeholder": lambda: tf.placeholder(tf.bool, [], name="is_training"),
        "variable": lambda: tf.get_variable("is_training", initializer=True, trainable=False),
    }[switch]()
    x = tf.placeholder(tf.float32, _batch_shape(path), name="x")
    arguments = {"scale": True, "decay": 0.9, "is_training": is_training, "scope": "bn"}
    arguments.update(PATHS[path])
    output = slim.batch_norm(x, **arguments)
    if case.endswith("reuse"):
        output += slim.batch_norm(tf.square(x), reuse=True, **arguments)
    return Network(x, output, is_training)


def _batch_shape(path):
    if path.endswith("rank2"):
        return [5, CHANNELS]
    return [4, CHANNELS, 5, 3] if path.endswith("nchw") else [4, 5, 3, CHANNELS]


def _load_values(session):
    import tensorflow.compat.v1 as tf

    session.run(tf.global_variables_initializer())
    for variable in tf.global_variables():
        role = variable.op.name.split("/")[-1]
        if role in VALUES:
            variable.load(np.array(VALUES[role], np.float32), session)


def _train(session, network, case):
    import tensorflow.compat.v1 as tf

    trainable = {variable.op.name: variable for variable in tf.trainable_variables()}
    statistics = {
        variable.op.name: variable
        for variable in tf.global_variables()
        if variable.op.name not in trainable and variable.op.name != "is_training"
    }
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    cotangent = _numbers(case, "cotangent", network.output.shape.as_list())
    targets = dict(trainable, **{"x": network.x})
    names = sorted(targets)
    loss = tf.reduce_sum(network.output * cotangent)
    gradients = tf.gradients(loss, [targets[name] for name in names])
    found = {
        "variables": np.array(
            sorted(f"{v.op.name} {v.shape.as_list()}" for v in tf.global_variables())
        ),
        "update_ops": np.array(len(update_ops)),
    }
    for step in range(1, STEPS + 1):
        feed = _feed(network, case, step, True)
        # In training mode nothing here reads a statistic that the same run writes. The second
        # call of a reused layer writes what the first one writes: in one run they would race.
        calls = 2 if case.endswith("reuse") else 1
        first = len(update_ops) // calls
        output, slopes, _ = session.run([network.output, gradients, update_ops[:first]], feed)
        session.run(update_ops[first:], feed)
        if step in RECORDED_STEPS:
            found[f"step{step}/output"] = output
            for name, slope in zip(names, slopes):
                found[f"step{step}/gradient/{name}"] = slope
            for name, value in session.run(statistics).items():
                found[f"step{step}/statistic/{name}"] = value
    if hasattr(network.is_training, "op"):
        if "variable" in case:
            network.is_training.load(False, session)
        found["inference"] = session.run(network.output, _feed(network, case, 0, False))
    return found


def _feed(network, case, step, is_training):
    feed = {network.x: _numbers(case, step, network.x.shape.as_list()) * (1 + 0.2 * step) + 0.1}
    if "placeholder" in case:
        feed[network.is_training] = is_training
    return feed


def _numbers(case, part, shape):
    """The same normal numbers for all switches of a path: they must not change the result."""
    seed = zlib.crc32(f"{case.split('/')[0]} {part}".encode())
    return np.random.RandomState(seed).normal(size=shape).astype(np.float32)
