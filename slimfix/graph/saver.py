"""A Saver that holds every moving statistic of the graph, or refuses to be built."""

from __future__ import annotations

from typing import Any, Iterator, Sequence

from slimfix import names
from slimfix.errors import SaverError, explain
from slimfix.graph.layers import find_batch_norm_layers


def build_saver(
    var_list: Sequence[Any] | dict[str, Any] | None = None,
    *,
    reshape: bool = False,
    sharded: bool = False,
    max_to_keep: int | None = 5,
    keep_checkpoint_every_n_hours: float = 10000.0,
    name: str | None = None,
    restore_sequentially: bool = False,
    allow_empty: bool = False,
    write_version: int = 2,
    pad_step_number: bool = False,
    save_relative_paths: bool = False,
    filename: str | None = None,
) -> Any:
    """Returns a tf.train.Saver that holds the moving statistics of every batch norm.

    `Saver(tf.trainable_variables())` loses them, and the network that is restored from it then
    normalises with a mean of 0 and a variance of 1.

    Args:
      var_list: variables, or a dict from checkpoint name to variable. All global variables,
        saveable objects and model variables if None.
      others: as tf.train.Saver takes them. Not taken are saver_def, builder and defer_build,
        which leave the list of variables to be decided elsewhere or later.
    Returns: tf.train.Saver.
    Raises: SaverError: a statistic of a batch norm of the default graph is not in var_list, or
      with no var_list is in no collection.
    """
    import tensorflow.compat.v1 as tf

    if var_list is None:
        var_list = _all_saveables()
    _verify_statistics(var_list)
    return tf.train.Saver(
        var_list,
        reshape=reshape,
        sharded=sharded,
        max_to_keep=max_to_keep,
        keep_checkpoint_every_n_hours=keep_checkpoint_every_n_hours,
        name=name,
        restore_sequentially=restore_sequentially,
        allow_empty=allow_empty,
        write_version=write_version,
        pad_step_number=pad_step_number,
        save_relative_paths=save_relative_paths,
        filename=filename,
    )


def _all_saveables() -> list[Any]:
    import tensorflow.compat.v1 as tf

    keys = tf.GraphKeys
    found: dict[str, Any] = {}
    for key in (keys.GLOBAL_VARIABLES, keys.SAVEABLE_OBJECTS, keys.MODEL_VARIABLES):
        for item in tf.get_collection(key):
            found.setdefault(item.name, item)
    return list(found.values())


def _verify_statistics(var_list: Sequence[Any] | dict[str, Any]) -> None:
    items = var_list.values() if isinstance(var_list, dict) else var_list
    held = {variable for item in items for variable in _variable_names(item)}
    statistics = _find_statistics()
    missing = [variable for variable in statistics if variable not in held]
    if missing:
        raise SaverError(
            explain(
                f"The Saver would leave out {len(missing)} of {len(statistics)} batch-norm "
                "statistics",
                [f"'{variable}': of '{statistics[variable]}'" for variable in missing],
                cause="moving statistics are not trainable, so that tf.trainable_variables() does "
                "not list them, nor does slim.get_model_variables() list those of zero_debias "
                "and renorm.",
                fix="call build_saver() without var_list, or add the variables named above to it.",
            )
        )


def _variable_names(item: Any) -> Iterator[str]:
    """Yields the names of the variables that one entry of a var_list stands for."""
    parts = item if isinstance(item, (list, tuple)) or hasattr(item, "as_tensor") else [item]
    for part in parts:
        yield names.split_tensor_name(part.op.name)[0]


def _find_statistics() -> dict[str, str]:
    """Returns the statistics of the default graph: variable name to the layer's scope."""
    import tensorflow.compat.v1 as tf

    found = {}
    for layer in find_batch_norm_layers():
        for variable in (layer.moving_mean, layer.moving_variance, *layer.extras):
            if variable:
                found[variable] = layer.scope
    keys = tf.GraphKeys
    for key in (keys.GLOBAL_VARIABLES, keys.MODEL_VARIABLES, keys.MOVING_AVERAGE_VARIABLES):
        for variable in tf.get_collection(key):
            if names.is_statistic_name(variable.op.name):
                found.setdefault(variable.op.name, names.parent_scope(variable.op.name))
    return found
