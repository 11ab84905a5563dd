"""Accuracy in inference mode, to say what a recalibration did for it."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

import numpy as np

from slimfix import names
from slimfix.errors import UsageError, explain
from slimfix.graphdef.batch_norm import find_batch_norm_layers
from slimfix.graphdef.view import GraphView
from slimfix.recalibration.arrays import by_tensor_name, cut_batches
from slimfix.recalibration.checks import read_switches
from slimfix.recalibration.feeds import DATA_OPS, refuse_unfed
from slimfix.recalibration.variables import switched
from slimfix.running import run_session
from slimfix.scopes import format_near

LABELS = "labels"


@dataclasses.dataclass(frozen=True)
class Exam:
    """A test set, ready to run.

    Attributes:
      output: tensor name of the logits.
      batches: feed dicts.
      labels: integers [examples].
      switches: values that put the layers in inference mode, by tensor name.
    """

    output: str
    batches: list[dict[str, np.ndarray]]
    labels: np.ndarray
    switches: dict[str, bool]


def plan_exam(
    view: GraphView, test_data: Mapping[str, np.ndarray], output: str, batch_size: int
) -> Exam:
    """Returns the exam. Raises UsageError if the data do not fit the graph.

    Args:
      view: the graph.
      test_data: arrays by tensor name, and 'labels'.
      output: tensor name of the logits.
      batch_size: examples per run.
    """
    output = names.join_tensor_name(*names.split_tensor_name(output))
    start = names.split_tensor_name(output)[0]
    if start not in view:
        raise UsageError(f"The graph has no tensor '{output}'" + format_near(start, view.nodes))
    if LABELS not in test_data:
        raise UsageError(f"The test data have no array '{LABELS}', only {sorted(test_data)}")
    needed = view.ancestors([start])
    layers = [
        layer for layer in find_batch_norm_layers(view) if needed.intersection(layer.normalise_ops)
    ]
    fixed = [layer for layer in layers if layer.mode == "training"]
    if fixed:
        raise UsageError(
            explain(
                f"Cannot measure accuracy: {len(fixed)} of {len(layers)} batch norms have no "
                "inference mode",
                [f"'{layer.scope}': always in training mode" for layer in fixed],
                fix="leave out the test data.",
            )
        )
    inputs = {name: array for name, array in test_data.items() if name != LABELS}
    fed = by_tensor_name(inputs, list(view.nodes))
    switches = read_switches(layers, training=False)
    refuse_unfed(view, [output], [*fed, *switches], DATA_OPS)
    # The rest is cut off the graph: what feeds only a loss, for one.
    fed = {key: array for key, array in fed.items() if names.split_tensor_name(key)[0] in needed}
    labels = np.asarray(test_data[LABELS])
    if labels.dtype.kind not in "iu":
        raise UsageError(f"'{LABELS}' holds {labels.dtype}; wanted are integers, one an example")
    cut = cut_batches({**fed, LABELS: labels}, batch_size)
    batches = [{name: batch[name] for name in fed} for batch in cut]
    return Exam(output, batches, labels, switches)


def take_exam(session: Any, view: GraphView, exam: Exam) -> float:
    """Returns the share of examples whose largest logit is that of their label.

    Raises: UsageError: the output is not [examples, classes].
    """
    with switched(session, view, exam.switches) as switches:
        feeds = [{**batch, **switches} for batch in exam.batches]
        parts = [run_session(session, exam.output, feed) for feed in feeds]
    logits = np.concatenate(parts)
    if logits.shape[:-1] != exam.labels.shape:
        raise UsageError(
            f"'{exam.output}' gives {list(logits.shape)} for {LABELS} {list(exam.labels.shape)}; "
            "wanted are logits [examples, classes]"
        )
    return float(np.mean(logits.argmax(axis=-1) == exam.labels))
