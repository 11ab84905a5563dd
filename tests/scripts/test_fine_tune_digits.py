"""scripts/fine_tune_digits.py, run as a user runs it, from the checkpoint of TensorFlow 1.15.5."""

import os
import re
import subprocess
import sys

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(CHECKOUT, "scripts", "fine_tune_digits.py")
DIGITS = os.path.join(CHECKOUT, "tests", "golden", "digits")
GOOD = os.path.join(DIGITS, "good", "model.ckpt")
TRAINABLE_ONLY = os.path.join(DIGITS, "trainable_only", "model.ckpt")


def run_script(directory, *options, checkpoint=GOOD):
    """Returns what the script prints, run outside the checkout without it on the path."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [
            sys.executable,
            SCRIPT,
            "--train_dir=" + str(directory / "tuned"),
            "--checkpoint_path=" + checkpoint,
            *options,
        ],
        cwd=str(directory),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read(prefix):
    import tensorflow.compat.v1 as tf

    reader = tf.train.load_checkpoint(prefix)
    return {name: reader.get_tensor(name) for name, _ in tf.train.list_variables(prefix)}


def test_trains_the_scopes_that_it_is_told_and_nothing_else(tmp_path):
    done = run_script(
        tmp_path,
        "--checkpoint_exclude_scopes=digits/logits",
        "--trainable_scopes=digits/fc4, digits/logits",
        "--max_number_of_steps=150",
    )
    assert done.returncode == 0, done.stdout[-3000:]
    accuracy = dict(re.findall(r"test accuracy (before|after): ([\d.]+)%", done.stdout))
    assert float(accuracy["before"]) < 30  # The logits are new.
    assert float(accuracy["after"]) > 90
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("digits/")]
    assert lines == [
        ["digits/conv1/BatchNorm", "stay", "stay", "none", "moving"],
        ["digits/sepconv2/BatchNorm", "stay", "stay", "stay", "moving"],
        ["digits/fc4/BatchNorm", "move", "move", "move", "by", "'is_training:0'"],
    ]
    prefix = str(tmp_path / "tuned" / "model.ckpt-150")
    assert f"checkpoint: {prefix}\n" in done.stdout
    before, after = read(GOOD), read(prefix)
    model = [name for name in before if name.startswith("digits/") and "Momentum" not in name]
    moved = {name for name in model if before[name].tobytes() != after[name].tobytes()}
    assert moved == {name for name in model if name.startswith(("digits/fc4/", "digits/logits/"))}
    assert len(moved) < len(model)


def test_without_scopes_it_trains_and_restores_everything(tmp_path):
    done = run_script(tmp_path, "--max_number_of_steps=2", "--learning_rate=0.0001")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "test accuracy before: 99.44%" in done.stdout
    before, after = read(GOOD), read(str(tmp_path / "tuned" / "model.ckpt-2"))
    for name in ("digits/conv1/BatchNorm/moving_mean", "digits/conv3/weights"):
        assert before[name].tobytes() != after[name].tobytes()


def test_missing_statistics_are_never_ignored(tmp_path):
    done = run_script(tmp_path, "--ignore_missing_vars", checkpoint=TRAINABLE_ONLY)
    assert done.returncode != 0
    assert "'digits/fc4/BatchNorm/moving_variance'" in done.stdout


@pytest.mark.parametrize(
    "options, text",
    [
        (["--trainable_scopes=digits/fc"], "'digits/fc'; near: 'digits/fc4'"),
        (["--batch_norm_decay=1"], "--batch_norm_decay must be at least 0 and below 1."),
        (["--checkpoint_path="], "No checkpoint is named"),
    ],
)
def test_wrong_flags_are_refused(tmp_path, options, text):
    done = run_script(tmp_path, *options)
    assert done.returncode != 0
    assert text in done.stdout
