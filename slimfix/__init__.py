"""slimfix: train, save and migrate TensorFlow 1 networks with slim batch norm, without surprises.

Public names load on first use, so that `import slimfix` costs no TensorFlow import.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0.dev0"

# Public name -> the module that defines it.
_PUBLIC = {
    "slim": "slimfix.compat",
    "enable_slim": "slimfix.compat",
    "create_train_op": "slimfix.graph.train_op",
    "with_update_ops": "slimfix.graph.train_op",
    "verify_train_op": "slimfix.graph.update_ops",
    "BatchNormHook": "slimfix.graph.hook",
    "build_saver": "slimfix.graph.saver",
    "verify_checkpoint": "slimfix.graph.checkpoint_proof",
    "restore": "slimfix.graph.restore",
    "find_batch_norm_layers": "slimfix.graph.layers",
    "freeze_batch_norm": "slimfix.freezing",
    "recalibrate": "slimfix.graph.recalibration.session",
    "recalibrate_checkpoint": "slimfix.graph.recalibration.from_files",
    "migrate": "slimfix.pipeline",
    "verify_parity": "slimfix.parity",
    "SlimfixError": "slimfix.errors",
}

__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'slimfix' has no attribute '{name}'")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
