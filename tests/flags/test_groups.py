"""The flag groups: names, defaults, ranges, and that no import registers any."""

import subprocess
import sys

import pytest
from absl import flags as absl_flags

from slimfix import flags

# As tensorflow/models:research/slim has them, and slim.batch_norm its own.
GROUPS = {
    "define_batch_norm_flags": {"batch_norm_decay": 0.999, "batch_norm_epsilon": 0.001},
    "define_checkpoint_flags": {
        "checkpoint_path": None,
        "checkpoint_exclude_scopes": None,
        "ignore_missing_vars": False,
    },
    "define_deployment_flags": {
        "master": "",
        "task": 0,
        "num_clones": 1,
        "clone_on_cpu": False,
        "worker_replicas": 1,
        "num_ps_tasks": 0,
        "sync_replicas": False,
        "replicas_to_aggregate": 1,
    },
    "define_evaluation_flags": {
        "eval_dir": "/tmp/tfmodel/",
        "batch_size": 100,
        "max_num_batches": None,
    },
    "define_fine_tuning_flags": {"trainable_scopes": None},
    "define_learning_rate_flags": {
        "learning_rate": 0.01,
        "learning_rate_decay_type": "exponential",
        "end_learning_rate": 0.0001,
        "learning_rate_decay_factor": 0.94,
        "num_epochs_per_decay": 2.0,
    },
    "define_moving_average_flags": {"moving_average_decay": None},
    "define_optimizer_flags": {
        "optimizer": "rmsprop",
        "weight_decay": 0.00004,
        "adadelta_rho": 0.95,
        "adagrad_initial_accumulator_value": 0.1,
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "opt_epsilon": 1.0,
        "ftrl_learning_rate_power": -0.5,
        "ftrl_initial_accumulator_value": 0.1,
        "ftrl_l1": 0.0,
        "ftrl_l2": 0.0,
        "momentum": 0.9,
        "rmsprop_momentum": 0.9,
        "rmsprop_decay": 0.9,
    },
    "define_training_flags": {
        "train_dir": "/tmp/tfmodel/",
        "batch_size": 32,
        "max_number_of_steps": None,
        "log_every_n_steps": 10,
        "save_interval_secs": 600,
        "save_summaries_secs": 600,
    },
}


def parse(group, *arguments):
    values = absl_flags.FlagValues()
    getattr(flags, group)(values)
    values(["tool", *arguments])
    return values


@pytest.mark.parametrize("group", GROUPS)
def test_names_and_defaults(group):
    values = parse(group)
    assert values.flag_values_dict() == GROUPS[group]
    assert all(values[name].help for name in GROUPS[group])


def test_every_group_is_listed():
    assert {name for name in flags.__all__ if name.startswith("define_")} == set(GROUPS)


@pytest.mark.parametrize("value", ["-0.1", "1", "1.5", "nan"])
@pytest.mark.parametrize(
    "group, name",
    [
        ("define_batch_norm_flags", "batch_norm_decay"),
        ("define_moving_average_flags", "moving_average_decay"),
        ("define_optimizer_flags", "rmsprop_decay"),
    ],
)
def test_a_decay_is_at_least_0_and_below_1(group, name, value):
    with pytest.raises(absl_flags.IllegalFlagValueError, match="at least 0 and below 1"):
        parse(group, f"--{name}={value}")


@pytest.mark.parametrize(
    "group, argument",
    [
        ("define_batch_norm_flags", "--batch_norm_epsilon=-1"),
        ("define_deployment_flags", "--task=-1"),
        ("define_deployment_flags", "--num_clones=0"),
        ("define_evaluation_flags", "--max_num_batches=0"),
        ("define_learning_rate_flags", "--learning_rate=-0.1"),
        ("define_learning_rate_flags", "--learning_rate_decay_type=step"),
        ("define_optimizer_flags", "--optimizer=lamb"),
        ("define_optimizer_flags", "--ftrl_learning_rate_power=0.5"),
        ("define_training_flags", "--batch_size=0"),
        ("define_training_flags", "--log_every_n_steps=0"),
    ],
)
def test_what_is_out_of_range_is_refused(group, argument):
    with pytest.raises(absl_flags.IllegalFlagValueError):
        parse(group, argument)


def test_a_group_defined_twice_is_refused():
    values = parse("define_checkpoint_flags")
    with pytest.raises(absl_flags.DuplicateFlagError, match="checkpoint_path"):
        flags.define_checkpoint_flags(values)


def test_a_flag_of_another_module_is_refused():
    values = absl_flags.FlagValues()
    absl_flags.DEFINE_string("trainable_scopes", None, "Mine.", flag_values=values)
    with pytest.raises(absl_flags.DuplicateFlagError, match="trainable_scopes"):
        flags.define_fine_tuning_flags(values)


PROGRAM = """
import sys
from absl import app, flags
before = set(flags.FLAGS)
from slimfix import flags as slim_flags
assert set(flags.FLAGS) == before
assert "tensorflow" not in sys.modules
slim_flags.define_checkpoint_flags()
slim_flags.define_optimizer_flags()
app.run(lambda argv: print(flags.FLAGS.checkpoint_path))
"""


def test_the_groups_are_the_flags_of_the_tool(tmp_path):
    """So --help lists them, and absl parses them into FLAGS."""
    tool = tmp_path / "tool.py"
    tool.write_text("import os, sys\nsys.path.insert(0, os.getcwd())\n" + PROGRAM)
    run = [sys.executable, str(tool)]
    assert subprocess.check_output([*run, "--checkpoint_path=a/b"], text=True) == "a/b\n"
    helped = subprocess.run([*run, "--help"], stdout=subprocess.PIPE, text=True)
    assert "--checkpoint_path:" in helped.stdout
    assert "--rmsprop_decay:" in helped.stdout
