"""slimfix: train, save and migrate TensorFlow 1 networks with slim batch norm, without surprises.

Public names load on first use, so that `import slimfix` costs no TensorFlow import.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

__version__ = "0.1.0.dev0"

# Public name -> the module that defines it.
_PUBLIC = {
    "slim": "slimfix.compat",
    "enable_slim": "slimfix.compat",
    "create_train_op": "slimfix.training.train_op",
    "with_update_ops": "slimfix.training.train_op",
    "verify_train_op": "slimfix.training.update_ops",
    "BatchNormHook": "slimfix.watching.hook",
    "build_saver": "slimfix.saving.saver",
    "verify_checkpoint": "slimfix.saving.checkpoint_proof",
    "restore": "slimfix.restoring.restore",
    "find_batch_norm_layers": "slimfix.graph.layers",
    "freeze_batch_norm": "slimfix.freezing",
    "recalibrate": "slimfix.recalibration.session",
    "recalibrate_checkpoint": "slimfix.recalibration.from_files",
    "record": "slimfix.reference.record",
    "SlimfixError": "slimfix.errors",
}
# These need Keras 3, and so Python 3.10.
_KERAS_3 = {
    "migrate": "slimfix.migrating",
    "verify_parity": "slimfix.verifying",
    "SlimBatchNormalization": "slimfix.layers.batch_norm",
}
_HAS_KERAS_3 = sys.version_info >= (3, 10)

__all__ = ["__version__", *_PUBLIC, *(_KERAS_3 if _HAS_KERAS_3 else ())]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    module = _PUBLIC.get(name) or _KERAS_3.get(name)
    if module is None:
        raise AttributeError(f"module 'slimfix' has no attribute '{name}'")
    if name in _KERAS_3 and not _HAS_KERAS_3:
        raise _unsupported(name)
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _unsupported(name: str) -> Exception:
    from slimfix.errors import UnsupportedEnvironmentError, explain

    return UnsupportedEnvironmentError(
        explain(
            f"slimfix.{name} needs Keras 3, which this Python {sys.version.split()[0]} cannot have",
            cause="this is the legacy environment, where slimfix trains, saves and repairs only.",
            fix="copy the checkpoint and its .meta to an environment with Python 3.10 or later, "
            "and there: pip install slimfix",
        )
    )
