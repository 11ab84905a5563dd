"""A session hook that proves, while a network trains, that its moving statistics are kept."""

# A hook must be a subclass of TensorFlow's: this module loads it, and itself loads on first use.
from __future__ import annotations

from typing import Any, Sequence

import tensorflow.compat.v1 as tf

from slimfix.errors import StatisticsError, UsageError, count, explain
from slimfix.graph.layers import view_graph
from slimfix.graphdef.batch_norm import find_batch_norm_layers
from slimfix.training.update_faults import refuse_unread
from slimfix.watching.layer_watch import LayerWatch, plan_watches
from slimfix.watching.session_runs import op_names, reads_more
from slimfix.watching.statistic_faults import explain_faults


class BatchNormHook(tf.train.SessionRunHook):
    """Stops training when a moving statistic stands still, or is not finite or negative.

    For tf.train.MonitoredTrainingSession, MonitoredSession and tf.estimator. A static check of the
    train op cannot see what runs; this one reads the values. A layer counts from the first step
    that computes it in training mode. After `check_steps` steps, after as many again and so on,
    and once more at the end:

    - each moving_mean and moving_variance of it has changed since the last check, or since the
      session was created (and restored, where it was), in at least one element, bit for bit; but
      for one whose updates rounding loses, such as the mean 0 of dead channels;
    - each statistic, those of zero_debias and renorm too, is finite, and a variance not negative;
    - those in `frozen_scopes` have not changed at all since the session was created.

    A layer with a constant is_training=False need not move. Nor does one in runs that compute it
    with its switch off, or that do not compute it; nor one whose switch a session cannot fetch, for
    it is made inside a branch or a function.

    Given a place for summaries, it writes for each layer, every `summary_steps` runs, the scalars
    `<scope>/drift_max`, `drift_mean`, `variance_ratio_min` and `variance_ratio_max`, with the
    formulas of slimfix.watching.drift.Drift, and histograms of both statistics. The batch's
    values are of the step just run, the moving ones are read right after it, its updates included;
    with asynchronous workers also what the others have added by then. Give it to one process, as
    tf's own SummarySaverHook: in `chief_only_hooks` or `training_chief_hooks`.

    It fetches nothing but in the first step after a check, and in those that it summarises;
    checks and summaries read the statistics in a run of their own.

    Args:
      check_steps: at least 1; how many global steps, and runs of this session, lie between checks.
      summary_steps: at least 1; how many runs of this session that compute a layer lie between its
        summaries.
      summary_dir: a folder for TensorBoard; its FileWriter is shared with tf's hooks.
      summary_writer: a tf.summary.FileWriter, in place of summary_dir.
      frozen_scopes: scopes of the batch norms whose statistics must not move, as those given to
        create_train_op.
    Raises:
      UsageError: a count is below 1, or both places for summaries are given. From `begin`: a
        frozen scope holds no batch norm, or the graph has no global step; from `end`: the session
        counted no step.
      StatisticsError: from `after_run` and `end`, so from the session: all that is wrong.
      UpdateOpsError: from `before_run`: a run calls a function that may hide a batch norm.
    """

    def __init__(
        self,
        check_steps: int = 100,
        summary_steps: int = 100,
        summary_dir: str | None = None,
        summary_writer: Any = None,
        frozen_scopes: str | Sequence[str] = (),
    ):
        for name, value in (("check_steps", check_steps), ("summary_steps", summary_steps)):
            if value < 1:
                raise UsageError(f"{name} is {value}; it must be at least 1.")
        if summary_dir is not None and summary_writer is not None:
            raise UsageError("Give summary_dir or summary_writer, not both.")
        self._check_steps = check_steps
        self._summary_steps = summary_steps
        self._summary_dir = summary_dir
        self._writer = summary_writer
        self._frozen_scopes = frozen_scopes

    def begin(self) -> None:
        """Finds the layers of the default graph; adds an op to read each resource variable."""
        step = tf.train.get_global_step()
        if step is None:
            raise UsageError(
                explain(
                    "BatchNormHook counts global steps, and the graph has no global step",
                    fix="call tf.train.get_or_create_global_step() before the train op is built.",
                )
            )
        self._view = view_graph()
        layers = find_batch_norm_layers(self._view)
        self._watches = plan_watches(self._view, layers, self._frozen_scopes)
        variables = {name for watch in self._watches for name in watch.variables}
        statistics = {name: _read(name) for name in sorted(variables)}
        self._reads = {"statistics": statistics, "step": step}
        self._known_runs: dict[Any, list[LayerWatch]] = {}  # By what is fetched and fed.
        if self._summary_dir is not None:
            self._writer = tf.summary.FileWriterCache.get(self._summary_dir)

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Reads what the statistics start from, after they were initialised or restored."""
        values, step = self._read_now(session)
        for watch in self._watches:
            watch.begin(values, step)
        self._first_step = step

    def before_run(self, run_context: Any) -> Any:
        """Asks for the batch's statistics of the layers where they are wanted."""
        self._computed = self._find_computed(run_context.original_args)
        self._fetched = [
            watch
            for watch in self._computed
            if self._is_summary_due(watch) or (watch.batch is None and not watch.frozen)
        ]
        if not self._fetched:
            return None
        return tf.train.SessionRunArgs([watch.fetches for watch in self._fetched])

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Writes and checks what is due."""
        due, summarised = [], []
        for watch, fetched in zip(self._fetched, run_values.results or ()):
            if watch.note_batch(fetched) and self._is_summary_due(watch):
                summarised.append((watch, fetched["batch"]))
        for watch in self._computed:
            watch.count_run()
            if watch.runs >= self._check_steps and watch.is_started:
                due.append(watch)
        if due or summarised:
            values, step = self._read_now(run_context.session)
            self._summarise(summarised, values, step)
            self._check(due, values, step, at_least=self._check_steps)

    def end(self, session: Any) -> None:
        """Checks what has run since the last check, and all frozen layers."""
        started = [watch for watch in self._watches if watch.is_started]
        if started:
            values, step = self._read_now(session)
            self._check(started, values, step, at_least=1)
            self._refuse_uncounted([watch for watch in started if watch.batch is not None], step)

    def _refuse_uncounted(self, trained: Sequence[LayerWatch], step: int) -> None:
        """Raises where layers ran in training mode and no step was counted: nothing was proved."""
        if trained and step == self._first_step:
            raise UsageError(
                explain(
                    f"BatchNormHook proved nothing of {count(len(trained), 'batch-norm layer')} "
                    f"that ran in training mode: the global step is still {step}",
                    cause="the train op was built without a global step.",
                    fix="hand tf.train.get_global_step() to optimizer.minimize, or build the op "
                    "with slimfix.create_train_op.",
                )
            )

    def _read_now(self, session: Any) -> tuple[dict[str, Any], int]:
        found = session.run(self._reads)
        return found["statistics"], int(found["step"])

    def _find_computed(self, arguments: Any) -> list[LayerWatch]:
        fetched, fed = op_names(arguments.fetches), op_names(list(arguments.feed_dict or ()))
        if (fetched, fed) not in self._known_runs:
            nodes = self._view.ancestors(fetched, stop=lambda node: node.name in fed)
            refuse_unread(self._view, nodes)
            self._known_runs[fetched, fed] = [
                watch
                for watch in self._watches
                if nodes.intersection(watch.layer.normalise_ops)
                and not reads_more(self._view, nodes, watch.batch_tensors.values())
            ]
        return self._known_runs[fetched, fed]

    def _is_summary_due(self, watch: LayerWatch) -> bool:
        return self._writer is not None and watch.summary_in <= 0 and watch.can_be_summarised

    def _summarise(
        self,
        batches: Sequence[tuple[LayerWatch, dict[str, Any]]],
        values: dict[str, Any],
        step: int,
    ) -> None:
        if not batches:
            return
        summaries = []
        for watch, batch in batches:
            summaries += watch.summarise(values, batch)
            watch.summary_in = self._summary_steps - 1
        self._writer.add_summary(tf.Summary(value=summaries), step)
        self._writer.flush()  # A check may end the program next.

    def _check(
        self, watches: Sequence[LayerWatch], values: dict[str, Any], step: int, at_least: int
    ) -> None:
        ready = [watch for watch in watches if watch.frozen or step - watch.since >= at_least]
        faults = [fault for watch in ready for fault in watch.find_faults(values, step)]
        if faults:
            raise StatisticsError(explain_faults(faults, len(self._watches)))
        for watch in watches:
            if watch in ready:
                watch.pass_check(values, step)
            else:  # Runs that took no step do not count.
                watch.runs = step - watch.since


def _read(variable: str) -> Any:
    """Returns a tensor of a variable's value, on the device of the variable."""
    op = tf.get_default_graph().get_operation_by_name(variable)
    if op.type != "VarHandleOp":
        return op.outputs[0]
    with tf.device(None), tf.device(op.device):
        return tf.raw_ops.ReadVariableOp(
            resource=op.outputs[0], dtype=op.get_attr("dtype"), name="BatchNormHook/read"
        )
