"""Level L0 too: what decides training, as the saved model has it, against what was planned.

Inference cannot tell a wrong momentum, dropout rate or regularizer: no output shows it.
"""

from __future__ import annotations

from typing import Any

from slimfix.migration.build import layers_by_name
from slimfix.migration.records import ModelPlan
from slimfix.parity.result import SettingsParity

_REGULARIZER = "_regularizer"


def compare_settings(model: Any, plan: ModelPlan) -> SettingsParity:
    """Returns which settings of a loaded model are not those that its plan gives.

    Args:
      model: read back from disk.
      plan: what it was built from.
    """
    compared = 0
    different: list[str] = []
    layers = layers_by_name(model)
    for record in plan.layers:
        if record.target.startswith("ops."):
            continue
        found = layers[record.name].get_config()
        for key, planned in {"trainable": True, **record.config}.items():
            compared += 1
            actual = found.get(key)
            if _plain(actual, key) != _plain(planned, key):
                different.append(f"'{record.name}' {key}: planned {planned!r}; saved {actual!r}")
    return SettingsParity(compared, tuple(different))


def _plain(value: Any, key: str) -> Any:
    """Returns a setting in one form: tuples as lists, a regularizer as its class and factors."""
    if key.endswith(_REGULARIZER) and value is not None:
        factors = {name: float(factor) for name, factor in value["config"].items()}
        return value["class_name"], factors
    if isinstance(value, (list, tuple)):
        return [_plain(item, "") for item in value]
    return value
