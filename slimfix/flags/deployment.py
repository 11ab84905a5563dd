"""Flags of the machines and devices that train together."""

from __future__ import annotations

from typing import Any, Callable

from absl import flags

flags.disclaim_key_flags()


def define_deployment_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines --master, --task, and the numbers of clones, workers and parameter servers."""
    flags.DEFINE_string("master", "", "Address of the TensorFlow master.", flag_values=flag_values)
    for name, default, lowest, help_text in (
        ("task", 0, 0, "Number of this worker; 0 is the chief."),
        ("num_clones", 1, 1, "Copies of the network on this worker, one on each of its devices."),
        ("worker_replicas", 1, 1, "Number of workers."),
        ("num_ps_tasks", 0, 0, "Number of parameter servers; 0 keeps variables on the worker."),
        ("replicas_to_aggregate", 1, 1, "Gradients that make one synchronised step."),
    ):
        flags.DEFINE_integer(name, default, help_text, lower_bound=lowest, flag_values=flag_values)
    flags.DEFINE_boolean(
        "clone_on_cpu", False, "Whether clones run on the CPU.", flag_values=flag_values
    )
    flags.DEFINE_boolean(
        "sync_replicas", False, "Whether workers step together.", flag_values=flag_values
    )


def clone_devices(flag_values: flags.FlagValues = flags.FLAGS) -> list[str]:
    """Returns the device of each clone on this worker, for tf.device."""
    job = f"/job:worker/task:{flag_values.task}" if flag_values.num_ps_tasks else ""
    return [
        job + ("/device:CPU:0" if flag_values.clone_on_cpu else f"/device:GPU:{clone}")
        for clone in range(flag_values.num_clones)
    ]


def build_device_setter(
    flag_values: flags.FlagValues = flags.FLAGS,
) -> Callable[[Any], str] | None:
    """Returns what tf.device takes to put variables on the parameter servers; None without any."""
    import tensorflow.compat.v1 as tf

    return tf.train.replica_device_setter(
        ps_tasks=flag_values.num_ps_tasks,
        worker_device=f"/job:worker/task:{flag_values.task}",
        merge_devices=True,
    )


def synchronise(optimizer: Any, flag_values: flags.FlagValues = flags.FLAGS) -> Any:
    """Returns the optimizer, or with --sync_replicas the one that steps when all gradients are in.

    Its hook, `make_session_run_hook(is_chief=task == 0)`, belongs into the session.
    """
    import tensorflow.compat.v1 as tf

    if not flag_values.sync_replicas:
        return optimizer
    return tf.train.SyncReplicasOptimizer(
        optimizer,
        replicas_to_aggregate=flag_values.replicas_to_aggregate,
        total_num_replicas=flag_values.worker_replicas,
    )
