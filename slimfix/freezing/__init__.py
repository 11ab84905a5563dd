"""Freezes batch norm for fine-tuning: in a built TensorFlow 1 graph, or in a Keras 3 model."""

from __future__ import annotations

from typing import Any, Sequence

from slimfix.errors import UsageError, explain
from slimfix.freezing.record import FreezeRecord


def freeze_batch_norm(
    target: Any | None = None,
    *,
    scopes: str | Sequence[str] | None = None,
    statistics: bool = True,
    affine: bool = True,
) -> FreezeRecord:
    """Keeps batch norm as it is while the rest trains, and tells what will move and what will not.

    Call it when the network is built, and before the train op is (TensorFlow 1), or before `fit`
    (Keras). Everything is checked first: where this raises, nothing was changed.

    In a TensorFlow 1 graph the update ops of the statistics leave every collection that holds
    them, and beta and gamma leave TRAINABLE_VARIABLES. A built graph cannot be switched to another
    mode: a layer in training mode goes on normalising with the batch's statistics, and the record
    says so. Build its scope with is_training=False to normalise with the frozen ones. A list of
    update ops that was taken from the collection before the freeze still holds them.

    In a Keras 3 model, a layer whose statistics are frozen normalises with them in training too:
    it is in inference mode, as `layer.trainable = False` has meant since Keras 2.1.3. With
    affine=False its beta and gamma go on training. With statistics=False beta and gamma stay, the
    layer normalises with the batch's statistics, and they move. Hand over the model that is fitted:
    of a model around it the compiled train step is not seen.

    Args:
      target: tf.Graph (the default graph if None), or a Keras 3 model or layer.
      scopes: the batch norms to freeze, a list or one; all of them if None. A scope is the
        beginning of a name, in whole parts: 'block1' holds 'block1/conv1/BatchNorm' and not
        'block10/BatchNorm'. Names are those of scopes in a graph, of layers in Keras, where
        'net/conv1' and 'net__conv1', as slimfix.migrate calls it, are the same, and the name of a
        nested model holds all of its layers.
      statistics: freezes moving_mean, moving_variance, and those of zero_debias and renorm.
      affine: freezes beta and gamma.
    Returns: FreezeRecord of every batch norm of the target; print it.
    Raises:
      UsageError: a scope matches no batch norm, the target holds none, or is of another kind.
      FreezeError: something that was built already goes on moving what is to be frozen.
    """
    if not (statistics or affine):
        raise UsageError(
            explain(
                "Nothing to freeze: statistics and affine are both False",
                fix="leave one of them at True.",
            )
        )
    if scopes is not None and not scopes:
        raise UsageError(
            explain("scopes is empty", fix="name scopes, or leave it out for every batch norm.")
        )
    import tensorflow.compat.v1 as tf

    if target is None or isinstance(target, tf.Graph):
        from slimfix.freezing.in_graph import freeze_in_graph

        return freeze_in_graph(target or tf.get_default_graph(), scopes, statistics, affine)

    from slimfix.freezing.in_keras import freeze_in_keras

    return freeze_in_keras(target, scopes, statistics, affine)
