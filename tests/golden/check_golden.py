"""Checks tests/golden/ in a fresh process, against float64 NumPy and against its own .meta files.

Nothing is shared with the programs that wrote the data. Runs on TensorFlow 1.15 and on
TensorFlow 2: python tests/golden/check_golden.py
"""

import glob
import hashlib
import json
import os

import numpy as np
import tensorflow.compat.v1 as tf

HERE = os.path.dirname(os.path.abspath(__file__))
# Largest error, in units of the largest expected value, for data of order one in float32.
TOLERANCE = 1e-5


def check_recording(directory):
    """Checks the digests and reruns the .meta with its checkpoint; returns the largest error."""
    recorded = np.load(os.path.join(directory, "recording.npz"))
    header = json.loads(str(recorded["recording"]))
    prefix = os.path.join(directory, header["checkpoint_prefix"])
    digest = hashlib.sha256()
    for key in sorted(set(recorded.files) - {"recording"}):
        array = recorded[key]
        for part in (key, str(array.dtype), str(array.shape)):
            digest.update(part.encode("utf-8"))
        digest.update(np.ascontiguousarray(array).tobytes())
    if digest.hexdigest() != header["sha256"]:
        raise ValueError(f"{directory}: the arrays do not match their sha256.")
    with open(prefix + ".meta", "rb") as meta:
        if hashlib.sha256(meta.read()).hexdigest() != header["meta_sha256"]:
            raise ValueError(f"{directory}: the .meta does not match meta_sha256.")
    with tf.Graph().as_default(), tf.Session() as session:
        saver = tf.train.import_meta_graph(read_meta(prefix + ".meta"))
        session.run(tf.global_variables_initializer())
        saver.restore(session, prefix)
        feed = {name: recorded["input/" + name] for name in header["inputs"]}
        feed.update(header["switches"])
        names = [key[len("tensor/") :] for key in recorded.files if key.startswith("tensor/")]
        if not set(header["outputs"]) <= set(names):
            raise ValueError(f"{directory}: an output is not recorded.")
        values = session.run(names, feed)
    return max(
        relative_error(value, recorded["tensor/" + name]) for name, value in zip(names, values)
    )


def check_as_saved(directory):
    """Reruns the .meta as it was saved, on one sample and on three; returns the largest error."""
    prefix = os.path.join(directory, "model.ckpt")
    expected = np.load(os.path.join(directory, "expected.npz"))
    errors = []
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.import_meta_graph(read_meta(prefix + ".meta")).restore(session, prefix)
        for size in (1, 3):
            feed = {"images:0": expected[f"images_{size}"]}
            value = session.run("output:0", feed)
            errors.append(relative_error(value, expected[f"batch_{size}"]))
    return max(errors)


def read_meta(path):
    """Returns the MetaGraphDef without `_output_shapes`.

    TensorFlow 1.15 wrote [0] there for two outputs of FusedBatchNormGradV3; TensorFlow 2 infers
    [channels] and refuses to import the graph.
    """
    meta = tf.MetaGraphDef()
    with open(path, "rb") as content:
        meta.ParseFromString(content.read())
    for node in meta.graph_def.node:
        node.attr.pop("_output_shapes", None)
    return meta


def check_micro(directory):
    """Returns the largest error of one micro network against the NumPy closed form."""
    name = os.path.basename(directory)
    recorded = np.load(os.path.join(directory, "recording.npz"))
    training = np.load(os.path.join(directory, "training.npz"))
    reader = tf.train.load_checkpoint(os.path.join(directory, "model.ckpt"))
    full = {key.split("/")[-1]: key for key in reader.get_variable_to_shape_map()}
    state = {role: reader.get_tensor(key).astype(np.float64) for role, key in full.items()}
    weights = state["weights"].reshape(-1, 4)
    gamma, beta = state.get("gamma", np.ones(4)), state.get("beta", np.zeros(4))
    fused = not any(word in name for word in ("unfused", "renorm", "batch_weights"))
    # TensorFlow 1.15 raises a smaller epsilon of the fused op to 1.001e-5.
    epsilon = 1.001e-5 if "epsilon_1e5" in name else 1e-3
    decay = (
        0.97
        if name in ("rank4_scale", "rank4_unfused_scale", "rank2_scale", "rank2_zero_debias")
        else 0.9
    )

    hidden = patches(recorded["input/x:0"]).dot(weights)
    expected = normalize(hidden, state["moving_mean"], state["moving_variance"] + epsilon)
    output = recorded["tensor/" + json.loads(str(recorded["recording"]))["outputs"][0]]
    errors = [relative_error(output.reshape(-1, 4), expected * gamma + beta)]

    cotangent = training["cotangent"].reshape(-1, 4).astype(np.float64)
    share = np.full((len(cotangent), 1), 1.0 / len(cotangent))
    if "batch_weights" in name:
        share = np.repeat([0.4, 1.7, 0.9, 2.3], len(cotangent) // 4)[:, np.newaxis]
        share = share / share.sum()
    for step in (1, 2, 3):
        key = f"step{step}/"
        rows = patches(training[key + "input"])
        hidden = rows.dot(weights)
        mean = (share * hidden).sum(0)
        variance = (share * (hidden - mean) ** 2).sum(0)
        stretch, shift = np.ones(4), np.zeros(4)
        if "const_inference" in name:
            mean, variance = state["moving_mean"], state["moving_variance"]
        if "renorm" in name:
            stretch = np.sqrt(variance + epsilon) / state["renorm_stddev"]
            shift = (mean - state["renorm_mean"]) / state["renorm_stddev"]
        unit = normalize(hidden, mean, variance + epsilon)
        slope = cotangent * gamma * stretch
        if "const_inference" not in name:
            slope = slope - share * (slope.sum(0) + unit * (slope * unit).sum(0))
        slope = slope / np.sqrt(variance + epsilon)
        expected = {
            "output": (unit * stretch + shift) * gamma + beta,
            "gradient/x:0": fold(slope.dot(weights.T), training[key + "input"].shape),
            "gradient/" + full["weights"]: rows.T.dot(slope),
        }
        if "beta" in full:
            expected["gradient/" + full["beta"]] = cotangent.sum(0)
        if "gamma" in full:
            expected["gradient/" + full["gamma"]] = (cotangent * (unit * stretch + shift)).sum(0)
        if "const_inference" not in name:
            # The fused op stores the unbiased variance.
            count = len(hidden)
            stored = variance * count / (count - 1) if fused else variance
            state = update(state, mean, stored, decay, epsilon)
        for role in set(full) - {"weights", "beta", "gamma"}:
            expected["variable/" + full[role]] = state[role]
        written = {item[len(key) :] for item in training.files if item.startswith(key)}
        if written - {"input"} != set(expected):
            raise ValueError(
                "{}: keys differ: {}".format(
                    directory, sorted((written - {"input"}) ^ set(expected))
                )
            )
        errors += [
            relative_error(training[key + item].reshape(value.shape), value)
            for item, value in ((item, np.asarray(value)) for item, value in expected.items())
        ]
    return max(errors)


def update(state, mean, variance, decay, epsilon):
    """Returns the statistics after one training step."""

    def move(role, value, rate=decay):
        return state[role] * rate + value * (1 - rate)

    after = dict(
        state,
        moving_mean=move("moving_mean", mean),
        moving_variance=move("moving_variance", variance),
    )
    if "biased" in state:
        after["local_step"] = state["local_step"] + 1
        after["biased"] = move("biased", mean)
        after["moving_mean"] = after["biased"] / (1 - decay ** after["local_step"])
    if "renorm_mean" in state:
        stddev = np.sqrt(variance + epsilon)
        after["renorm_mean"] = move("renorm_mean", mean, 0.99)
        after["renorm_stddev"] = move("renorm_stddev", stddev, 0.99)
        after["moving_stddev"] = move("moving_stddev", stddev)
        after["moving_variance"] = np.maximum(after["moving_stddev"] ** 2 - epsilon, 0)
    return after


def normalize(hidden, mean, variance):
    """Returns hidden with the mean taken off, over the root of the variance."""
    return (hidden - mean) / np.sqrt(variance)


def windows(shape):
    """Returns, for each [3, 2] VALID window of an [n, h, w, c] array, its row and column."""
    return [(row, column) for row in range(shape[1] - 2) for column in range(shape[2] - 1)]


def patches(x):
    """Returns what the weights multiply: float64 [rows, inputs], image by image."""
    x = x.astype(np.float64)
    if x.ndim == 2:
        return x
    cut = [x[:, r : r + 3, c : c + 2].reshape(len(x), -1) for r, c in windows(x.shape)]
    return np.stack(cut, axis=1).reshape(len(x) * len(cut), -1)


def fold(slopes, shape):
    """Returns the transpose of `patches`: a gradient of that shape."""
    if len(shape) == 2:
        return slopes
    total = np.zeros(shape)
    slopes = slopes.reshape((shape[0], -1, 3, 2, shape[3]))
    for index, (row, column) in enumerate(windows(shape)):
        total[:, row : row + 3, column : column + 2] += slopes[:, index]
    return total


def relative_error(value, expected):
    """Returns the largest difference, in units of the largest expected value."""
    if np.shape(value) != np.shape(expected):
        raise ValueError(f"Shapes differ: {np.shape(value)} and {np.shape(expected)}.")
    difference = np.asarray(value, np.float64) - np.asarray(expected, np.float64)
    return np.abs(difference).max() / np.abs(expected).max()


def main():
    """Checks every directory, prints one line for each, and fails if an error is too large."""
    digits = np.load(os.path.join(HERE, "digits", "digits.npz"))
    failed = []
    for meta in sorted(glob.glob(os.path.join(HERE, "*", "*", "model.ckpt.meta"))):
        directory = os.path.dirname(meta)
        kind = os.path.basename(os.path.dirname(directory))
        if kind == "forms":  # What they give was recorded of another graph, built for inference.
            continue
        errors = [check_as_saved(directory) if kind == "as_saved" else check_recording(directory)]
        note = ""
        if kind == "micro":
            errors.append(check_micro(directory))
        elif kind == "digits":
            recorded = np.load(os.path.join(directory, "recording.npz"))
            correct = recorded["test/logits"].argmax(axis=1) == digits["test_labels"]
            note = f"test accuracy {correct.mean():.4f}"
            if correct.mean() != recorded["test/accuracy"]:
                failed.append(directory)
        print(os.path.basename(directory), *[f"{error:.1e}" for error in errors], note)
        if max(errors) > TOLERANCE:
            failed.append(directory)
    if failed:
        raise SystemExit("Checks failed: {}".format(", ".join(failed)))


if __name__ == "__main__":
    main()
