"""A train op that runs the update ops of batch norm, or refuses to be built."""

from __future__ import annotations

from typing import Any, Callable, List, Sequence, Tuple

from slimfix import compat
from slimfix.graph.update_ops import verify_update_ops

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
    Returns: scalar tensor of the dtype of total_loss; also added to the collection TRAIN_OP.
    Raises: UpdateOpsError: a batch norm that the loss depends on would not be updated.
    """
    import tensorflow.compat.v1 as tf

    if update_ops is None:
        update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    verify_update_ops(total_loss, update_ops)
    if global_step is _GRAPH_STEP:
        global_step = tf.train.get_or_create_global_step()
    if variables_to_train is None:
        variables_to_train = tf.trainable_variables()
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
