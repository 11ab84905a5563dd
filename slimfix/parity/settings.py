"""Level L0 too: the layers of a model and their settings, against what was planned.

Inference cannot tell a wrong momentum, dropout rate or regularizer: no output shows it.
"""

from __future__ import annotations

from typing import Any, Collection, Iterator, Mapping

import numpy as np

from slimfix.migration.build import make_operation, random_state
from slimfix.migration.records import LayerRecord, ModelPlan
from slimfix.names import is_statistic_name
from slimfix.parity.dataflow import Dataflow
from slimfix.parity.matching import Matches
from slimfix.parity.rows import SettingsParity

_REGULARIZER = "_regularizer"
# What decides neither what a layer computes nor how it trains: how its weights began, its name.
_IDLE = ("name", "seed")
_IDLE_ENDS = ("_initializer",)
_OF_TRAINING = ("trainable", "momentum")


def compare_settings(
    flow: Dataflow, plan: ModelPlan, matches: Matches, allowed: Collection[str] = ()
) -> SettingsParity:
    """Returns which layers of a model are not those of its plan, and which of their settings.

    Each layer is compared in all settings that Keras keeps of it, planned ones and defaults. A
    model that calls some layers otherwise was made by other hands: what it computes shows in its
    outputs, and of these layers only what decides training is compared, layer by layer where
    weights say which is which, and all dropouts together.

    Args:
      flow: of the model.
      plan: what it is to be.
      matches: which weight of the model holds which variable.
      allowed: names of layers that the model may have beside those planned.
    """
    layers = {name: each for name, each in flow.layers.items() if name not in allowed}
    planned = {r.name: r for r in plan.layers if not r.target.startswith("ops.")}
    compared = 0
    different: list[str] = []
    has_names_of_its_own = bool(planned) and not planned.keys() & layers.keys()
    has_names_of_its_own |= any(held.layer not in planned for held in matches.held)
    if has_names_of_its_own:
        of_training = _compare_training(flow, plan, matches, allowed)
        compared, different = of_training.compared, list(of_training.different)
        planned = {name: record for name, record in planned.items() if name in layers}
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
        alike = f"{record.target} {record.dtype} {record.config!r}"
        if alike not in wanted_by:
            layer: Any = make_operation(record)
            wanted_by[alike] = live_config(layer)
        wanted = wanted_by[alike]
        for key, value, actual in _settings(record, wanted, live_config(found)):
            compared += 1
            if _plain(actual, key) != _plain(value, key):
                different.append(f"'{name}' {key}: planned {value!r}; saved {actual!r}")
    if has_names_of_its_own:
        return SettingsParity(compared, tuple(different))
    extra = [name for name in layers if name not in planned and not _is_planned(plan, name)]
    different += [f"'{name}' ({type(layers[name]).__name__}): not planned" for name in extra]
    return SettingsParity(compared + len(extra), tuple(different))


def _compare_training(
    flow: Dataflow, plan: ModelPlan, matches: Matches, allowed: Collection[str]
) -> SettingsParity:
    """Compares what decides training alone, of layers whose names are their own, but of those that
    are allowed: nobody but who wrote them knows theirs."""
    holders = {held.record.variable: held.layer for held in matches.held}
    compared = 0
    different: list[str] = []
    for record in plan.layers:
        name = next((holders[w.variable] for w in record.weights if w.variable in holders), None)
        if name is None or name == record.name or name in allowed:
            continue
        wanted = {"trainable": True, **record.config}
        found = live_config(flow.layers[name])
        for key in dict.fromkeys([*wanted, *found]):
            if key in _OF_TRAINING or key.endswith((_REGULARIZER, "_constraint")):
                compared += 1
                planned, actual = wanted.get(key), found.get(key)
                if _plain(planned, key) != _plain(actual, key):
                    line = f"'{name}' {key}: planned {planned!r}; model {actual!r}"
                    different.append(line)
    wanted_drops = [r.config for r in plan.layers if "rate" in r.config]
    found_drops = [
        call.operation.get_config()
        for call in flow.calls
        if random_state(call.operation) is not None
    ]
    pairs = [sorted(map(_drop_text, drops)) for drops in (wanted_drops, found_drops)]
    compared += len(pairs[0])
    if pairs[0] != pairs[1]:
        texts = [", ".join(each) or "none" for each in pairs]
        different.append(f"dropouts: planned {texts[0]}; model {texts[1]}")
    return SettingsParity(compared, tuple(different))


def find_frozen(model: Any, flow: Dataflow, matches: Matches) -> tuple[str, ...]:
    """Returns a line for each weight that the model does not train although its layer is trained:
    frozen by itself, or with a model that it is in."""
    trained = {id(weight) for weight in model.trainable_weights}
    return tuple(
        f"'{held.path}' trainable: planned True; model False"
        for held in matches.held
        if flow.layers[held.layer].trainable
        and not is_statistic_name(held.record.variable)
        and id(held.weight) not in trained
    )


def find_equal_seeds(flow: Dataflow) -> tuple[str, ...]:
    """Returns a line for each layer that draws the numbers of another: they have one mask."""
    import keras

    drawing: dict[bytes, list[str]] = {}
    states: set[int] = set()
    for name, operation in flow.operations.items():
        state = random_state(operation)
        if state is not None and id(state) not in states:
            states.add(id(state))
            value = keras.ops.convert_to_numpy(state).tobytes()
            drawing.setdefault(value, []).append(name)
    return tuple(
        f"'{first}' seed: the same as of '{other}', so that both draw the same numbers"
        for first, *others in drawing.values()
        for other in others
    )


def live_config(layer: Any) -> dict[str, Any]:
    """Returns the settings of a layer as Keras uses them.

    Penalties and constraints are those of the weights: one that is set on the layer after it was
    built is in its configuration, and ignored.
    """
    import keras

    config: dict[str, Any] = {**layer.get_config(), "dtype": layer.dtype_policy.name}
    weights = {weight.name: weight for weight in layer.weights}
    for kind, room in (("regularizer", keras.regularizers), ("constraint", keras.constraints)):
        for key in [key for key in config if key.endswith(f"_{kind}")]:
            stem = key[: -len(f"_{kind}")]
            names = [stem, f"{stem}_kernel", *(["kernel"] if stem == "depthwise" else [])]
            for name in [name for name in names if name in weights][:1]:
                used = getattr(weights[name], kind)
                config[key] = None if used is None else room.serialize(used)
    return config


def _drop_text(config: Mapping[str, Any]) -> str:
    shape = config.get("noise_shape")
    rate = np.float32(config.get("rate", config.get("stddev", 0.0)))
    return f"rate {rate}" + (f" on {tuple(shape)}" if shape else "")


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
        return _plain_penalty(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item, "") for item in value]
    if isinstance(value, float):  # As a float32 layer has it.
        return float(np.float32(value))
    return value


def _plain_penalty(value: Any) -> Any:
    """Returns a regularizer as what it adds: L1(s) is L1L2(s, 0)."""
    if not isinstance(value, Mapping):  # A function that was registered.
        return repr(value)
    factors = {name: _plain(factor, "") for name, factor in value["config"].items()}
    is_keras = value.get("registered_name") is None
    if is_keras and value["class_name"] in ("L1", "L2", "L1L2"):
        return factors.get("l1", 0.0), factors.get("l2", 0.0)
    return value["class_name"], value.get("registered_name"), factors
