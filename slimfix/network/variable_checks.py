"""Checks that a checkpoint holds the variables that a graph reads."""

from __future__ import annotations

from typing import Sequence

from slimfix import names
from slimfix.checkpoint import Checkpoint
from slimfix.errors import CheckpointMismatchError, explain
from slimfix.graphdef.view import GraphView
from slimfix.network.weights import Weights


def check_variables(view: GraphView, variables: Sequence[str], weights: Weights) -> None:
    """Raises if the checkpoint lacks a variable that the function reads, or holds another shape.

    Args:
      view: the graph; gives the shapes that it declares.
      variables: names of the variables that the function reads.
      weights: what was saved.
    Raises: CheckpointMismatchError: names every variable concerned, and the likely cause.
    """
    checkpoint = weights.checkpoint
    missing = [name for name in variables if name not in weights]
    if missing:
        raise _missing(missing, len(variables), checkpoint)
    wrong = []
    for name in variables:
        declared = view.nodes[name].attr("shape") if name in view else None
        saved = weights.spec(name)
        if declared is not None and None not in declared and tuple(declared) != saved.shape:
            wrong.append(f"'{name}': checkpoint {saved}; graph [{','.join(map(str, declared))}]")
    if wrong:
        raise CheckpointMismatchError(
            explain(
                f"{len(wrong)} of {len(variables)} variables have another shape in checkpoint "
                f"prefix '{checkpoint.prefix}' than in the graph",
                wrong,
                cause="the .meta belongs to another model, or to another version of this one.",
                fix="name the .meta that was saved with this checkpoint with --meta.",
            )
        )


def _missing(missing: Sequence[str], count: int, checkpoint: Checkpoint) -> CheckpointMismatchError:
    items = []
    for name in missing:
        near = names.near_names(name, list(checkpoint.variables), count=1)
        hint = f"; the checkpoint has '{near[0]}'" if near else ""
        if near == [name]:
            hint = "; what the checkpoint has under that name is, by the graph's Saver, another's"
        items.append(f"'{name}'{hint}")
    if all(names.is_statistic_name(name) for name in missing):
        items = [f"'{name}'" for name in missing]
        cause = (
            "it was saved with Saver(tf.trainable_variables()), which drops every moving_mean and "
            "moving_variance; they are not trainable variables."
        )
        fix = (
            "save again from the training process with slimfix.build_saver(), or use another "
            "checkpoint of the run. The values are not in this one."
        )
    else:
        cause = "the .meta belongs to another model than the checkpoint."
        fix = "name the .meta that was saved with this checkpoint with --meta."
    return CheckpointMismatchError(
        explain(
            f"{len(missing)} of {count} variables that the network reads are not in checkpoint "
            f"prefix '{checkpoint.prefix}'",
            items,
            cause=cause,
            fix=fix,
        )
    )
