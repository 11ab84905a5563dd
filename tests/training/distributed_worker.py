"""One task of a TensorFlow 1 cluster: a parameter server, or a worker that obeys its parent.

Run as `python distributed_worker.py JOB TASK CLUSTER`, CLUSTER being JSON. Each line on standard
input is a command, a JSON list; each gets a JSON object as answer. It ends when its parent does.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading

import numpy as np
import tensorflow.compat.v1 as tf

from slimfix import BatchNormHook, build_saver, create_train_op, slim

SCOPE = "net/BatchNorm"


def build(task, cluster, mode, batch, weights, decay):
    """Returns (train op, hook of the synchronous optimizer or None) of a net that stays as it is.

    With a learning rate of 0 the moving statistics follow a closed form.
    """
    # An update of a resource variable is whole, whoever else writes; of the others it is not.
    (tf.enable_resource_variables if mode == "sync" else tf.disable_resource_variables)()
    with tf.device(tf.train.replica_device_setter(cluster=cluster, worker_device=device(task))):
        y = slim.fully_connected(
            tf.constant(batch),
            len(weights[0]),
            weights_initializer=tf.constant_initializer(np.array(weights)),
            normalizer_fn=slim.batch_norm,
            normalizer_params={"decay": decay},
            activation_fn=tf.sigmoid,
            scope="net",
        )
        loss = tf.reduce_mean(tf.square(y - 0.3))
        optimizer = tf.train.GradientDescentOptimizer(0.0)
        if mode == "lost":
            return optimizer.minimize(loss, tf.train.get_or_create_global_step()), None
        if mode == "async":
            return create_train_op(loss, optimizer), None
        optimizer = tf.train.SyncReplicasOptimizer(optimizer, 2, total_num_replicas=2)
        train_op = create_train_op(loss, optimizer)
        # No tokens to begin with, or the first step would wait for nobody.
        return train_op, optimizer.make_session_run_hook(task == 0, num_tokens=0)


def device(task):
    return f"/job:worker/task:{task}"


class Training:
    """A network and the session that trains it."""

    def __init__(self, task, cluster, target, folder, **network):
        with tf.Graph().as_default():
            self.train_op, synchronous = build(task, cluster, **network)
            statistics = ("moving_mean", "moving_variance")
            by_name = {each.op.name: each for each in tf.global_variables()}
            self.reads = {name: by_name[f"{SCOPE}/{name}"] for name in statistics}
            self.reads["global_step"] = tf.train.get_global_step()
            self.session = tf.train.MonitoredTrainingSession(
                master=target,
                is_chief=task == 0,
                checkpoint_dir=folder,
                scaffold=tf.train.Scaffold(saver=build_saver()),
                hooks=[synchronous] if synchronous else [],
                chief_only_hooks=[
                    BatchNormHook(check_steps=3, summary_steps=2, summary_dir=folder)
                ],
                save_checkpoint_steps=5,
                save_checkpoint_secs=None,
                save_summaries_steps=None,
                save_summaries_secs=None,
                log_step_count_steps=None,
                # Without filters a worker waits for all others, the dead one too.
                config=tf.ConfigProto(device_filters=["/job:ps", device(task)]),
                max_wait_secs=60,
                # The thread that aggregates gradients waits for some that never come.
                stop_grace_period_secs=1,
            )

    def step(self):
        self.session.run(self.train_op)

    def read(self):
        def now(step_context):
            return step_context.session.run(self.reads)

        values = self.session.run_step_fn(now)
        return {name: np.asarray(value).tolist() for name, value in values.items()}

    def close(self):
        self.session.close()


def obey(task, cluster, server, commands):
    training = None
    while True:
        command, *arguments = commands.get()
        answer = {"did": command}
        try:
            if command == "start":
                training = Training(task, cluster, server.target, **arguments[0])
            elif command == "step":
                for _ in range(arguments[0]):
                    training.step()
            elif command == "read":
                answer.update(training.read())
            elif command == "close":
                training.close()
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"
        tell(answer)


def listen_to_parent():
    """Returns a queue of commands; where the parent is gone this process ends, busy or not."""
    commands = queue.Queue()

    def listen():
        for line in iter(sys.stdin.readline, ""):
            commands.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    return commands


def tell(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main():
    job, task, cluster = (
        sys.argv[1],
        int(sys.argv[2]),
        tf.train.ClusterSpec(json.loads(sys.argv[3])),
    )
    if hasattr(tf, "disable_v2_behavior"):
        tf.disable_v2_behavior()
    server = tf.train.Server(cluster, job_name=job, task_index=task)
    tell({"did": "listen"})
    obey(task, cluster, server, listen_to_parent())


if __name__ == "__main__":
    main()
