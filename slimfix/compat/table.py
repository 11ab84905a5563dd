"""The table of what broke under tf-slim 1.1.0: names that TensorFlow moved, and where they are now.

`missing_since` was found by looking into the installed TensorFlow 1.15.5, 2.12.1, 2.13.1, 2.14.1,
2.15.1, 2.16.2, 2.18.1 and 2.21.0. `tests/test_compat.py` reads tf-slim's source and checks that no
name is left out, and that no entry stands for nothing.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Callable

from slimfix.compat import sliced_by_list


@dataclasses.dataclass(frozen=True)
class Reader:
    """A tf-slim module that reads a moved name.

    Attributes:
      slim_module: the module of tf-slim.
      alias: what it calls the TensorFlow module there.
      needed_by: its functions that read the name.
    """

    slim_module: str
    alias: str
    needed_by: str


@dataclasses.dataclass(frozen=True)
class MovedName:
    """A name that tf-slim reads from a private TensorFlow module, and where it is now.

    Attributes:
      module: the TensorFlow module that tf-slim reads it from.
      name: what it reads there.
      missing_since: the first TensorFlow release in which it is no longer found there.
      homes: where it has been since, 'module:attribute', the newest first.
      readers: the tf-slim modules that read it.
    """

    module: str
    name: str
    missing_since: str
    homes: tuple[str, ...]
    readers: tuple[Reader, ...]


@dataclasses.dataclass(frozen=True)
class Replaced:
    """A name that tf-slim finds, but that no longer does what tf-slim expects of it.

    Attributes:
      slim_module, alias, name: where tf-slim reads it: '<alias>.<submodule>.<name>'.
      submodule: the module between the two.
      broken_since: the first release, and of which package, in which it fails.
      is_needed: whether it fails with the installed one.
      value: what tf-slim's module gets in its place.
      needed_by: the functions of tf-slim that read it.
    """

    slim_module: str
    alias: str
    submodule: str
    name: str
    broken_since: str
    is_needed: Callable[[], bool]
    value: Any
    needed_by: str


REPLACED = (
    Replaced(
        "tf_slim.ops.variables",
        "tf",
        "train",
        "NewCheckpointReader",
        broken_since="NumPy 1.23",
        is_needed=sliced_by_list.is_needed,
        value=sliced_by_list.read_checkpoint,
        needed_by="assign_from_checkpoint, of a partitioned variable",
    ),
)

MOVED_NAMES = (
    MovedName(
        "tensorflow.python.layers.normalization",
        "BatchNormalization",
        missing_since="2.13",
        homes=(
            "tf_keras.src.legacy_tf_layers.normalization:BatchNormalization",
            "keras.src.legacy_tf_layers.normalization:BatchNormalization",  # 2.13 to 2.15
        ),
        readers=(
            Reader(
                "tf_slim.layers.layers",
                "normalization_layers",
                "batch_norm, where it uses the core layer",
            ),
        ),
    ),
    MovedName(
        "tensorflow.python.framework.ops",
        "IndexedSlices",
        missing_since="2.13",
        homes=("tensorflow:IndexedSlices",),
        readers=(
            Reader("tf_slim.layers.optimizers", "ops", "optimize_loss, adaptive_clipping_fn"),
            Reader("tf_slim.learning", "ops", "clip_gradient_norms, multiply_gradients"),
            Reader(
                "tf_slim.training.training",
                "ops",
                "add_gradients_summaries, clip_gradient_norms, multiply_gradients",
            ),
        ),
    ),
    MovedName(
        "tensorflow.python.ops.array_ops",
        "stack",
        missing_since="2.13",
        homes=("tensorflow:stack",),
        readers=(
            Reader("tf_slim.data.tfexample_decoder", "array_ops", "Tensor, SparseTensor"),
            Reader("tf_slim.layers.layers", "array_ops", "legacy_fully_connected, rank 3 and up"),
            Reader(
                "tf_slim.metrics.metric_ops",
                "array_ops",
                "streaming_*_at_thresholds, streaming_concat",
            ),
        ),
    ),
    MovedName(
        "tensorflow.python.ops.array_ops",
        "unstack",
        missing_since="2.13",
        homes=("tensorflow:unstack",),
        readers=(
            Reader("tf_slim.layers.layers", "array_ops", "legacy_fully_connected, rank 3 and up"),
        ),
    ),
    MovedName(
        "tensorflow.python.ops.control_flow_ops",
        "Assert",
        missing_since="2.14",
        homes=("tensorflow.compat.v1:Assert",),
        readers=(
            Reader("tf_slim.metrics.histogram_ops", "control_flow_ops", "auc_using_histogram"),
        ),
    ),
    MovedName(
        "tensorflow.python.ops.control_flow_ops",
        "case",
        missing_since="2.14",
        homes=("tensorflow.compat.v1:case",),
        readers=(Reader("tf_slim.data.tfexample_decoder", "control_flow_ops", "Image"),),
    ),
    MovedName(
        "tensorflow.python.ops.control_flow_ops",
        "cond",
        missing_since="2.14",
        homes=("tensorflow.compat.v1:cond",),
        readers=(
            Reader("tf_slim.data.tfexample_decoder", "control_flow_ops", "BackupHandler"),
            Reader(
                "tf_slim.layers.utils", "control_flow_ops", "smart_cond: is_training as a tensor"
            ),
            Reader(
                "tf_slim.metrics.metric_ops",
                "control_flow_ops",
                "streaming_dynamic_auc, streaming_concat",
            ),
        ),
    ),
    MovedName(
        "tensorflow.python.ops.control_flow_ops",
        "while_loop",
        missing_since="2.14",
        homes=("tensorflow.compat.v1:while_loop",),
        readers=(Reader("tf_slim.losses.metric_learning", "control_flow_ops", "cluster_loss"),),
    ),
    MovedName(
        "tensorflow.python.ops.variable_scope",
        "variable",
        missing_since="2.14",
        homes=("tensorflow.compat.v1:Variable",),
        readers=(
            Reader("tf_slim.ops.variables", "variable_scope", "local_variable, global_variable"),
        ),
    ),
    MovedName(
        "tensorflow.python.framework.ops",
        "Tensor",
        missing_since="2.15",
        homes=("tensorflow:Tensor",),
        readers=(
            Reader(
                "tf_slim.layers.optimizers", "ops", "optimize_loss: a learning rate as a tensor"
            ),
            Reader("tf_slim.layers.rev_block_lib", "framework_ops", "recompute_grad"),
            Reader(
                "tf_slim.layers.utils",
                "ops",
                "constant_value: fused and legacy batch_norm, dropout",
            ),
            Reader("tf_slim.learning", "ops", "multiply_gradients"),
        ),
    ),
)
