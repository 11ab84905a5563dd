"""scripts/train_digits.py, run as a user runs it."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(CHECKOUT, "scripts", "train_digits.py")
DATA = os.path.join(CHECKOUT, "tests", "golden", "digits", "digits.npz")
DECAY = 0.95  # As digits_net has it.


def run_script(directory, *options):
    """Returns what the script prints, run outside the checkout without it on the path."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.check_output(
        [sys.executable, SCRIPT, "--train_dir=" + str(directory), *options],
        cwd=str(directory),
        env=environment,
        universal_newlines=True,
    )


def test_trains_saves_and_says_what_comes_next(tmp_path):
    import tensorflow.compat.v1 as tf

    printed = run_script(tmp_path)
    prefix = str(tmp_path / "model.ckpt-1000")
    accuracy = re.search(r"test accuracy with the moving statistics: ([\d.]+)%", printed)
    # 96.4 to 98.9, by seed and processor; 42 where the statistics stand still.
    assert float(accuracy.group(1)) > 95
    assert f"checkpoint: {prefix}\n" in printed
    assert f"next: slimfix migrate --checkpoint={prefix} --output_dir={tmp_path}" in printed
    stored = dict(tf.train.list_variables(prefix))
    assert stored["digits/conv1/BatchNorm/moving_mean"] == [12]
    assert stored["digits/conv1/weights/Momentum"] == [3, 2, 1, 12]
    assert os.path.exists(prefix + ".meta")


def convolve_conv1(images, weights):
    """Returns conv1 before its batch norm, float64: kernel [3, 2], SAME, which pads 1 1 and 0 1."""
    padded = np.pad(images, [(0, 0), (1, 1), (0, 1)], mode="constant")
    return sum(
        padded[:, row : row + 8, column : column + 8, np.newaxis] * weights[row, column, 0]
        for row in range(3)
        for column in range(2)
    )


def test_statistics_follow_the_closed_form(tmp_path):
    """With a learning rate of 0 the weights stand still, so that NumPy can say what comes out."""
    import tensorflow.compat.v1 as tf

    run_script(tmp_path, "--learning_rate=0", "--steps=3", "--batch_size=16", "--seed=4")
    reader = tf.train.load_checkpoint(str(tmp_path / "model.ckpt-3"))
    weights = reader.get_tensor("digits/conv1/weights").astype(np.float64)
    images = np.load(DATA)["train_images"] / 16.0
    random = np.random.RandomState(4)
    mean, variance = np.zeros(12), np.ones(12)
    for _ in range(3):
        batch = convolve_conv1(images[random.choice(len(images), 16, replace=False)], weights)
        mean = DECAY * mean + (1 - DECAY) * batch.mean(axis=(0, 1, 2))
        variance = DECAY * variance + (1 - DECAY) * batch.var(axis=(0, 1, 2), ddof=1)
    scope = "digits/conv1/BatchNorm/"
    np.testing.assert_allclose(reader.get_tensor(scope + "moving_mean"), mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(reader.get_tensor(scope + "moving_variance"), variance, rtol=1e-5)


@pytest.mark.parametrize("option", ["--steps=0", "--batch_size=-1"])
def test_wrong_flags_are_refused(tmp_path, option):
    with pytest.raises(subprocess.CalledProcessError):
        run_script(tmp_path, option)
