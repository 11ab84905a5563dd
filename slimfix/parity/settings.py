"""Level L0 too: the layers of a model and their settings, against what was planned.

Inference cannot tell a wrong momentum, dropout rate or regularizer: no output shows it.
"""

from __future__ import annotations

from typing import Any, Iterator

from slimfix.migration.build import layer_dtype, layers_by_name, make_operation
from slimfix.migration.records import LayerRecord, ModelPlan
from slimfix.parity.result import SettingsParity

_REGULARIZER = "_regularizer"
# What decides neither what a layer computes nor how it trains: how its weights began, its name.
_IDLE = ("name", "dtype", "seed")
_IDLE_ENDS = ("_initializer",)


def compare_settings(model: Any, plan: ModelPlan) -> SettingsParity:
    """Returns which layers of a model are not those of its plan, and which of their settings.

    Each layer is compared in all settings that Keras keeps of it, planned ones and defaults. A
    model that has no layer of any planned name was made by other hands: nothing is compared then.

    Args:
      model: keras.Model.
      plan: what it is to be.
    """
    layers = layers_by_name(model)
    planned = {r.name: r for r in plan.layers if not r.target.startswith("ops.")}
    if planned and not planned.keys() & layers.keys():
        return SettingsParity(0, ())
    compared = 0
    different: list[str] = []
    dtype = layer_dtype(plan)
    wanted_by: dict[str, dict[str, Any]] = {}  # Many layers of a network are made alike.
    for name, record in planned.items():
        compared += 1
        kind = record.target.rpartition(".")[2]
        if name not in layers:
            different.append(f"'{name}' ({kind}): planned; not in the model")
            continue
        found = layers[name]
        if type(found).__name__ != kind:
            different.append(f"'{name}': planned {kind}; saved {type(found).__name__}")
            continue
        alike = f"{record.target} {record.config!r}"
        if alike not in wanted_by:
            layer: Any = make_operation(record, dtype)
            wanted_by[alike] = layer.get_config()
        wanted = wanted_by[alike]
        for key, value, actual in _settings(record, wanted, found.get_config()):
            compared += 1
            if _plain(actual, key) != _plain(value, key):
                different.append(f"'{name}' {key}: planned {value!r}; saved {actual!r}")
    inputs = {tensor.name for tensor in model.inputs}
    extra = [n for n in layers if n not in planned and n not in inputs and not _is_planned(plan, n)]
    different += [f"'{name}' ({type(layers[name]).__name__}): not planned" for name in extra]
    return SettingsParity(compared + len(extra), tuple(different))


def _is_planned(plan: ModelPlan, name: str) -> bool:
    """Operations may be listed among the layers of a model."""
    return any(record.name == name for record in plan.layers)


def _settings(
    record: LayerRecord, wanted: dict[str, Any], found: dict[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """Yields the name of each setting, what was planned, and what was saved."""
    yield "trainable", record.config.get("trainable", True), found.get("trainable")
    # Some settings Keras keeps only where they are not the default: activity_regularizer.
    for key in dict.fromkeys([*record.config, *wanted, *found]):
        idle = key in _IDLE or key.endswith(_IDLE_ENDS)
        if key != "trainable" and not idle:
            yield key, record.config.get(key, wanted.get(key)), found.get(key)


def _plain(value: Any, key: str) -> Any:
    """Returns a setting in one form: tuples as lists, a regularizer as its class and factors."""
    if key.endswith(_REGULARIZER) and value is not None:
        factors = {name: float(factor) for name, factor in value["config"].items()}
        return value["class_name"], factors
    if isinstance(value, (list, tuple)):
        return [_plain(item, "") for item in value]
    return value
