"""A train op that runs the update ops of batch norm, or refuses to be built."""

from __future__ import annotations

from typing import Any, Callable, List, Sequence, Tuple

from slimfix import compat
from slimfix.errors import UsageError, explain
from slimfix.training.towers import combine_updates
from slimfix.training.update_faults import op_name, refuse_no_op
from slimfix.training.update_ops import Plan

_GRAPH_STEP = object()  # Stands for the graph's own global step; None means to count no steps.
_GATE_OP = 1  # tf.train.Optimizer.GATE_OP, without importing TensorFlow.

_GradientsAndVariables = List[Tuple[Any, Any]]


def create_train_op(
    total_loss: Any,
    optimizer: Any,
    global_step: Any = _GRAPH_STEP,
    update_ops: Sequence[Any] | None = None,
    variables_to_train: Sequence[Any] | None = None,
    clip_gradient_norm: float = 0,
    summarize_gradients: bool = False,
    gate_gradients: int = _GATE_OP,
    aggregation_method: int | None = None,
    colocate_gradients_with_ops: bool = False,
    gradient_multipliers: dict[Any, Any] | None = None,
    check_numerics: bool = True,
    *,
    transform_grads_fn: Callable[[_GradientsAndVariables], _GradientsAndVariables] | None = None,
    frozen_scopes: str | Sequence[str] = (),
    towers: str | None = None,
) -> Any:
    """Returns a tensor that, when run, takes one training step and gives the loss of that step.

    Takes the place of `slim.learning.create_train_op`, which only logs a warning where update
    ops are left out. The update ops run once for each step, beside the gradients and not before
    them. Everything is checked first: where this raises, the graph is as it was.

    Args:
      total_loss: the loss, a scalar tensor.
      optimizer: a tf.train.Optimizer.
      global_step: the variable to count steps in, or None to count none; the graph's own global
        step, made if there is none, where left out.
      update_ops: what to run with each step; the collection UPDATE_OPS if None.
      variables_to_train: the trainable variables if None.
      clip_gradient_norm: the largest norm of each gradient; 0 does not clip.
      summarize_gradients: adds a summary for each gradient.
      gate_gradients, aggregation_method, colocate_gradients_with_ops: see tf.train.Optimizer.
      gradient_multipliers: from variable, or variable name, to the factor for its gradient.
      check_numerics: the step fails if the loss is infinite or not a number.
      transform_grads_fn: from (gradient, variable) pairs to such pairs, after multiplying and
        clipping; as in tf-slim's training.create_train_op.
      frozen_scopes: scopes of the batch norms whose statistics the step must not move, such as
        those of the generator in the step of the discriminator. Their updates are left out of
        UPDATE_OPS, and that none runs is proved.
      towers: where a batch norm is built several times on the same statistics, 'first', 'all' or
        'merge' give each statistic one update: by the first tower's batch, by each in turn, or by
        all of them as one batch. None runs the update ops as they are, in no order.
    Returns: scalar tensor of the dtype of total_loss; also added to the collection TRAIN_OP.
    Raises:
      UpdateOpsError: a batch norm that the loss depends on would not be updated, a frozen one
        would be, or the towers' updates cannot be combined or run anyhow.
      UsageError: a scope holds no batch norm, there is no such policy for towers, or nothing is to
        be trained, or what is to be trained is not trainable.
    """
    import tensorflow.compat.v1 as tf

    refuse_no_op(total_loss)
    variables_to_train = _choose_trained(variables_to_train)
    update_ops = _prepare(total_loss, update_ops, frozen_scopes, towers)
    if global_step is _GRAPH_STEP:
        global_step = tf.train.get_or_create_global_step()
    gradients = optimizer.compute_gradients(
        total_loss,
        variables_to_train,
        gate_gradients=gate_gradients,
        aggregation_method=aggregation_method,
        colocate_gradients_with_ops=colocate_gradients_with_ops,
    )
    learning = compat.slim.learning
    if gradient_multipliers:
        with tf.name_scope("multiply_grads"):
            gradients = learning.multiply_gradients(gradients, gradient_multipliers)
    if clip_gradient_norm > 0:
        with tf.name_scope("clip_grads"):
            gradients = learning.clip_gradient_norms(gradients, clip_gradient_norm)
    if transform_grads_fn:
        gradients = transform_grads_fn(gradients)
    if summarize_gradients:
        with tf.name_scope("summarize_grads"):
            learning.add_gradients_summaries(gradients)
    applied = optimizer.apply_gradients(gradients, global_step=global_step)
    with tf.name_scope("train_op"):
        if check_numerics:
            total_loss = tf.check_numerics(total_loss, "LossTensor is inf or nan")
        with tf.control_dependencies([applied, *update_ops]):
            train_op = tf.identity(total_loss)
    tf.add_to_collection(tf.GraphKeys.TRAIN_OP, train_op)
    return train_op


def with_update_ops(
    train_op: Any,
    update_ops: Sequence[Any] | None = None,
    *,
    frozen_scopes: str | Sequence[str] = (),
    towers: str | None = None,
) -> Any:
    """Returns a train op that does what `train_op` does and runs the update ops in the same step.

    For programs that have a train op already, from `optimizer.minimize` or another library. The
    updates run beside the step and not before it. What the train op runs already runs once. All
    is checked first: where this raises, the graph is as it was.

    Args:
      train_op: op or tensor that takes one training step.
      update_ops, frozen_scopes, towers: as of `create_train_op`.
    Returns: tf.Operation, or a tensor of the value of `train_op` if that is a tensor.
    Raises: as `create_train_op`.
    """
    import tensorflow.compat.v1 as tf

    update_ops = _prepare(train_op, update_ops, frozen_scopes, towers)
    with train_op.graph.as_default(), tf.name_scope("train_op_with_updates"):
        if isinstance(train_op, tf.Operation):
            return tf.group(train_op, *update_ops)
        with tf.control_dependencies(update_ops):
            return tf.identity(train_op)


def _prepare(
    root: Any,
    update_ops: Sequence[Any] | None,
    frozen_scopes: str | Sequence[str],
    towers: str | None,
) -> list[Any]:
    """Returns the update ops to run beside `root`, the train op or the loss, once it is proved."""
    plan = Plan.read(root)
    chosen = plan.select(update_ops, frozen_scopes)
    plan.prove(frozen_scopes, [op_name(item) for item in chosen])
    if towers is None:
        return chosen
    in_place = plan.view.ancestors([plan.root])
    return combine_updates(plan.graph, plan.view, plan.layers, chosen, in_place, towers)


def _choose_trained(variables: Sequence[Any] | None) -> list[Any]:
    import tensorflow.compat.v1 as tf

    trainable = tf.trainable_variables()
    chosen = trainable if variables is None else list(variables)
    names = {variable.op.name for variable in trainable}
    fixed = [each for each in chosen if not (each.trainable or each.op.name in names)]
    if fixed or not chosen:
        raise UsageError(
            explain(
                f"Cannot train {len(fixed)} of {len(chosen)} variables"
                if fixed
                else "There is no variable to train",
                [f"'{variable.op.name}': not trainable" for variable in fixed],
                cause="variables_to_train holds moving statistics or a step counter."
                if fixed
                else "variables_to_train is empty, or the graph has no trainable variable.",
                fix="choose among tf.trainable_variables().",
            )
        )
    return chosen
