"""TensorFlow 1's own distributed runtime: one parameter server and two workers, of which some die.

The learning rate is 0, so that float64 NumPy knows the statistics after any number of updates.
"""

import glob
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

PROGRAM = os.path.join(os.path.dirname(__file__), "distributed_worker.py")
DEADLINE = 60.0  # Seconds for one answer; most take milliseconds, an import of TensorFlow some.
DECAY = 0.9
INPUTS = np.random.RandomState(8).normal(1.5, 2.0, size=[2, 7, 6]).astype(np.float32)
WEIGHTS = np.linspace(-0.9, 1.1, 24).reshape(6, 4).astype(np.float32)
BATCHES = INPUTS.astype(np.float64) @ WEIGHTS.astype(np.float64)  # What each worker normalises.


class Task:
    """One process of the cluster."""

    def __init__(self, job, index, cluster, folder):
        self.name = f"{job}{index}"
        self.log = os.path.join(folder, f"{self.name}-{time.monotonic()}.log")
        command = [sys.executable, PROGRAM, job, str(index), json.dumps(cluster)]
        path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                universal_newlines=True,
                env=dict(os.environ, PYTHONPATH=path, CUDA_VISIBLE_DEVICES=""),
            )
        self._answers = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            self._answers.put(json.loads(line))
        self._answers.put(None)

    def send(self, *command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def answer(self):
        try:
            found = self._answers.get(timeout=DEADLINE)
        except queue.Empty:
            found = None
        if found is None:
            with open(self.log) as log:
                tail = log.read()[-3000:]
            code = self.process.poll()
            state = f"did not answer in {DEADLINE} s" if code is None else f"ended with {code}"
            pytest.fail(f"{self.name} {state}; its log ends with:\n{tail}")
        return found

    def ask(self, *command):
        self.send(*command)
        found = self.answer()
        assert "error" not in found, f"{self.name}: {command}: {found['error']}"
        return found

    def start(self, mode, folder, batch):
        """Builds the network and the session that trains it on one of INPUTS."""
        numbers = {"decay": DECAY, "weights": WEIGHTS.tolist(), "batch": INPUTS[batch].tolist()}
        self.ask("start", dict(numbers, mode=mode, folder=folder))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()


class Cluster:
    """The parameter server and both workers; whichever is asked for and dead is started again."""

    def __init__(self, folder):
        self.folder = folder
        self.addresses = {"ps": free_addresses(1), "worker": free_addresses(2)}
        self._tasks = {}
        keys = [("ps", 0), ("worker", 0), ("worker", 1)]
        for key in keys:
            self._start(*key)
        for key in keys:
            self._tasks[key].answer()

    def _start(self, job, index):
        self._tasks[job, index] = Task(job, index, self.addresses, self.folder)

    def worker(self, index):
        key = ("worker", index)
        if self._tasks[key].process.poll() is not None:
            self._start(*key)
            self._tasks[key].answer()
        return self._tasks[key]

    def close(self):
        for task in self._tasks.values():
            task.kill()


def free_addresses(number):
    """Returns addresses on loopback with ports that are free now."""
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    started = Cluster(str(tmp_path_factory.mktemp("logs")))
    try:
        yield started
    finally:
        started.close()


class Statistics:
    """What moving statistics are after updates from known batches, in float64."""

    def __init__(self, mean=0.0, variance=1.0):
        self.mean, self.variance = mean, variance

    def after(self, *workers):
        """The statistics after one update from the batch of each of these workers, in turn."""
        mean, variance = self.mean, self.variance
        for index in workers:
            batch = BATCHES[index]
            mean = DECAY * mean + (1 - DECAY) * batch.mean(axis=0)
            variance = DECAY * variance + (1 - DECAY) * batch.var(axis=0, ddof=1)
        return Statistics(mean, variance)

    def is_found(self, found):
        """Tells mean and variance apart, for a process may die between their updates."""
        return tuple(
            np.allclose(found[name], wanted, rtol=1e-5, atol=1e-5)
            for name, wanted in (("moving_mean", self.mean), ("moving_variance", self.variance))
        )


def test_the_comparison_can_fail():
    wanted = Statistics().after(0, 1, 1, 0)

    def found(statistics):
        return {"moving_mean": statistics.mean, "moving_variance": statistics.variance}

    assert wanted.is_found(found(wanted)) == (True, True)
    others = [(0, 1, 1), (0, 1, 1, 0, 0), (0, 1, 0, 1), (0, 1, 0, 0), (0, 0, 1, 1, 0)]
    assert [wanted.is_found(found(Statistics().after(*each))) for each in others] == [
        (False, False)
    ] * 5


def test_statistics_are_right_though_workers_die(cluster, tmp_path):
    """Asynchronous training; the workers take turns, so that the order of the updates is known."""
    folder = str(tmp_path)
    for index in (0, 1):
        cluster.worker(index).start("async", folder, batch=index)
    history = [Statistics()]  # By global step.

    def take_turns(*workers):
        for index in workers:
            cluster.worker(index).ask("step", 1)
            history.append(history[-1].after(index))
        assert_right(cluster.worker(0).ask("read"))

    def assert_right(found):
        assert found["global_step"] == len(history) - 1
        assert history[-1].is_found(found) == (True, True), found

    take_turns(0, 1, 1, 0, 0, 1)

    # A worker dies amid its steps; nobody else's are lost, and of its own at most half the last.
    taken = len(history) - 1
    cluster.worker(1).send("step", 60)
    while cluster.worker(0).ask("read")["global_step"] < taken + 5:
        pass
    cluster.worker(1).kill()
    found = read_at_rest(cluster.worker(0))
    steps = found["global_step"] - taken
    near = [history[-1].after(*[1] * number) for number in (steps - 1, steps, steps + 1)]
    means, variances = zip(*(each.is_found(found) for each in near))
    assert (sum(means), sum(variances)) == (1, 1), (steps, found)
    history += [None] * (steps - 1)
    history.append(Statistics(near[means.index(True)].mean, near[variances.index(True)].variance))

    take_turns(0, 0)
    cluster.worker(1).start("async", folder, batch=1)
    take_turns(1, 0, 1)

    # The chief dies; when it is back the statistics are those of its last checkpoint.
    cluster.worker(0).kill()
    cluster.worker(1).ask("step", 1)
    saved = read_checkpoint(folder)
    del history[saved["global_step"] + 1 :]
    assert_right(saved)
    cluster.worker(0).start("async", folder, batch=0)
    assert cluster.worker(0).ask("read") == dict(saved, did="read")
    take_turns(1, 0)
    cluster.worker(0).ask("close")
    assert_right(read_checkpoint(folder))
    assert glob.glob(os.path.join(folder, "events*"))


def test_synchronous_replicas_update_once_each_for_each_step(cluster, tmp_path):
    """Both workers run at once: either update may see the other's, or the value from before."""
    folder = str(tmp_path)
    for index in (0, 1):
        cluster.worker(index).start("sync", folder, batch=0)
    target = Statistics().after(*[0] * 2000)
    one_by_one, together = DECAY**2, 1 - 2 * (1 - DECAY)

    def rest_of(found):
        """How far the statistics still have to go, one channel a number."""
        return found["moving_mean"] - target.mean, found["moving_variance"] - target.variance

    def step_together(restart=False):
        """Returns by which factors one step brings each statistic nearer."""
        before = cluster.worker(0).ask("read")
        cluster.worker(0).send("step", 1)
        if restart:
            cluster.worker(1).kill()
            cluster.worker(1).start("sync", folder, batch=0)
        cluster.worker(1).ask("step", 1)
        assert "error" not in cluster.worker(0).answer()
        after = cluster.worker(0).ask("read")
        assert after["global_step"] == before["global_step"] + 1
        return [np.divide(*pair) for pair in zip(rest_of(after), rest_of(before))]

    for number in range(7):
        for factors in step_together(restart=number == 3):
            near = [np.allclose(factors, each, rtol=1e-4) for each in (one_by_one, together)]
            assert sum(near) == 1, factors
    cluster.worker(0).ask("close")
    assert read_checkpoint(folder)["global_step"] == 7


def test_the_chief_stops_where_updates_are_lost(cluster, tmp_path):
    chief = cluster.worker(0)
    chief.start("lost", str(tmp_path), batch=0)
    chief.send("step", 5)
    error = chief.answer()["error"]
    assert error.startswith("StatisticsError: Training does not keep the moving statistics of 1 of")
    assert "'net/BatchNorm': moving_mean did not move in 3 steps; values all 0" in error


def read_at_rest(task):
    """What a task reads once two reads agree: what a dead worker had sent has arrived."""
    found = None
    while True:
        before, found = found, task.ask("read")
        if found == before:
            return found
        time.sleep(0.2)


def read_checkpoint(folder):
    """The statistics in the newest checkpoint of a folder, as a worker reads them."""
    import tensorflow.compat.v1 as tf

    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(folder))
    statistics = ("moving_mean", "moving_variance")
    found = {name: reader.get_tensor(f"net/BatchNorm/{name}").tolist() for name in statistics}
    return dict(found, global_step=int(reader.get_tensor("global_step")))
