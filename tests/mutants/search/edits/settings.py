"""One setting of one layer or operation, of those that its class has."""

from __future__ import annotations

import dataclasses
import random
from typing import Any, Callable

from tests.mutants.search.edits.registry import (
    L2,
    L4,
    Change,
    DoesNotApply,
    Make,
    Scene,
    quoted,
    register_all,
)
from tests.mutants.search.sketch import Node

_KERNELS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "Dense")
_NORMS = ("BatchNormalization", "SlimBatchNormalization")
_POOLS = ("MaxPooling2D", "AveragePooling2D")


def _regularizer(name: str, **factors: float) -> dict[str, Any]:
    return {"class_name": name, "config": factors, "module": "keras.regularizers"}


def _other_penalty(value: Any, draw: random.Random) -> Any:
    if not value:
        return _regularizer("L2", l2=draw.choice((1e-3, 0.02)))
    factors = {key: 2 * factor for key, factor in value["config"].items()}
    return draw.choice((_regularizer(value["class_name"], **factors), _regularizer("L1", l1=7e-4)))


def _other_pair(value: Any, draw: random.Random) -> Any:
    pair = [value, value] if isinstance(value, int) else list(value)
    place = draw.randrange(len(pair))
    pair[place] = draw.choice([n for n in (1, 2, 3) if n != pair[place]])
    return tuple(pair)


def _other_pads(value: Any, draw: random.Random) -> Any:
    pads = [list(pair) for pair in value]
    pair = draw.choice(pads)
    place = draw.randrange(2)
    if draw.random() < 0.5 and pair[place]:  # The same size, other pixels.
        pair[place], pair[1 - place] = pair[place] - 1, pair[1 - place] + 1
    else:
        pair[place] += 1
    return tuple(map(tuple, pads))


def _times(*factors: float) -> Callable[[Any, random.Random], Any]:
    return lambda value, draw: value * draw.choice(factors)


def _one_of(*choices: Any) -> Callable[[Any, random.Random], Any]:
    return lambda value, draw: draw.choice([each for each in choices if each != value])


def _turned(value: Any, _: random.Random) -> Any:
    return not value


@dataclasses.dataclass(frozen=True)
class _Setting:
    """How a setting changes.

    Attributes:
      kinds: classes that have it.
      change: gives another value.
      default: where the plan does not say.
      causes: beside its name.
      levels: beside L0.
      shows: whether inference may show it.
    """

    kinds: tuple[str, ...]
    change: Callable[[Any, random.Random], Any]
    default: Any = None
    causes: tuple[str, ...] = ()
    levels: frozenset = frozenset()
    shows: bool = True


_OF_TRAINING = {"shows": False}
_WINDOWS = (*_POOLS, "Conv2D", "DepthwiseConv2D", "SeparableConv2D")
_SETTINGS = {
    "strides": _Setting(_WINDOWS, _other_pair, (1, 1), ("strides", "phase", "padding")),
    "padding": _Setting(_WINDOWS, _one_of("same", "valid"), "valid", ("padding", "phase")),
    "dilation_rate": _Setting(_WINDOWS[2:], _other_pair, (1, 1), ("dilation", "padding")),
    "pool_size": _Setting(_POOLS, _other_pair, (2, 2), ("pool", "padding", "average")),
    "epsilon": _Setting(_NORMS, _times(2.0, 10.0, 1.01, 0.0, -1.0), 1e-3, ("epsilon",)),
    "rate": _Setting(("Dropout",), _times(0.5, 1.1, 1.001), 0.5, **_OF_TRAINING),
    "noise_shape": _Setting(("Dropout",), _one_of("per sample", "per channel"), **_OF_TRAINING),
    "negative_slope": _Setting(("LeakyReLU", "ReLU"), _one_of(0.01, 0.3, 0.2001), 0.0, ("slope",)),
    "max_value": _Setting(("ReLU",), _one_of(6.0, 6.5, 1e4, 1e8), None, ("relu",)),
    "threshold": _Setting(("ReLU",), _one_of(1e-3, 0.5), 0.0, ("relu", "activation")),
    "alpha": _Setting(("ELU",), _one_of(0.5, 1.0001), 1.0, ("elu", "activation")),
    "activation": _Setting(
        _KERNELS, _one_of("relu", "relu6", "tanh", "sigmoid", "elu"), None, ("activation",)
    ),
    "axis": _Setting(("Concatenate",), _one_of(1, 2), -1, ("axis", "in place of")),
    "trainable": _Setting(_KERNELS, _turned, True, (), frozenset({L4}), False),
    "kernel_constraint": _Setting(
        ("Conv2D", "Dense"), _one_of("non_neg", "max_norm"), **_OF_TRAINING
    ),
    "bias_constraint": _Setting(("Conv2D", "Dense"), _one_of("non_neg"), **_OF_TRAINING),
    "activity_regularizer": _Setting(_KERNELS, _other_penalty, **_OF_TRAINING),
}


def _setting(key: str, setting: _Setting) -> Make:
    def make(scene: Scene) -> Change:
        found = scene.sketch.of(*setting.kinds)
        node = scene.one_of([n for n in found if key != "bias_constraint" or "bias" in n.values])
        before = node.config.get(key, setting.default)
        after = setting.change(before, scene.draw)
        if key == "noise_shape":
            shape = scene.sketch.shape(node.inputs[0])
            last = 1 if after == "per sample" else shape[-1]
            after = (None, *(1 for _ in shape[2:]), last)
        changed = _configured(scene, node, **{key: after})
        causes = (key, f"{quoted(node)}", *setting.causes)
        text = f"'{node.name}' ({node.kind}) {key} {after!r} for {before!r}"
        return Change(changed, text, causes, setting.levels, setting.shows)

    return make


def _configured(scene: Scene, node: Node, **config: Any) -> Any:
    return scene.sketch.mapped(lambda n: n.with_config(**config) if n.name == node.name else n)


def _momentum(scene: Scene) -> Change:
    if not scene.trains:
        raise DoesNotApply
    node = scene.node(*_NORMS)
    before = node.config["momentum"]
    after = scene.one_of((1 - before, 0.99, before * 0.999, 0.0))
    text = f"'{node.name}' momentum {after} for {before}"
    changed = _configured(scene, node, momentum=after)
    return Change(changed, text, ("momentum|decay",), frozenset({L2}), shows=False)


def _penalty(scene: Scene) -> Change:
    """One that is there, changed; or one that is not, added."""
    weighted = [
        (n, f"{name}_regularizer")
        for n in scene.sketch.of(*_KERNELS, *_NORMS)
        for name in n.values
        if not name.startswith("moving")
        and n.config.get("trainable", True)
        and not (n.kind == "SeparableConv2D" and name == "kernel")
    ]
    node, key = scene.one_of(weighted)
    after = _other_penalty(node.config.get(key), scene.draw)
    text = f"'{node.name}' {key} {after['class_name']} {after['config']}"
    changed = _configured(scene, node, **{key: after})
    return Change(changed, text, (), frozenset({L4}), shows=False)


def _weight_lost(scene: Scene) -> Change:
    """use_bias, center or scale off."""
    flags = {"use_bias": "bias", "center": "beta", "scale": "gamma"}
    found = [
        (n, flag, name)
        for n in scene.sketch.of(*_KERNELS, *_NORMS)
        for flag, name in flags.items()
        if name in n.values
    ]
    node, flag, name = scene.one_of(found)

    def without(each: Node) -> Node:
        if each.name != node.name:
            return each
        drop = {f"{name}_regularizer", f"{name}_constraint"}
        config = {k: v for k, v in each.config.items() if k not in drop}
        values = {k: v for k, v in each.values.items() if k != name}
        return dataclasses.replace(each, config={**config, flag: False}, values=values)

    causes = (name, quoted(node))
    return Change(scene.sketch.mapped(without), f"'{node.name}' without {name}", causes)


def _weight_added(scene: Scene) -> Change:
    """A neutral one: the same function until a step is taken."""
    flags = {"use_bias": "bias", "center": "beta", "scale": "gamma"}
    has = {"use_bias": _KERNELS, "center": _NORMS, "scale": _NORMS}
    found = [
        (n, flag)
        for n in scene.sketch.nodes
        for flag, name in flags.items()
        if n.kind in has[flag] and name not in n.values
    ]
    node, flag = scene.one_of(found)
    text = f"'{node.name}' with a neutral {flags[flag]}"
    return Change(_configured(scene, node, **{flag: True}), text, (flags[flag],), shows=False)


def _pads(scene: Scene) -> Change:
    node = scene.node("ZeroPadding2D")
    after = _other_pads(node.config["padding"], scene.draw)
    text = f"'{node.name}' padding {after} for {node.config['padding']}"
    causes = ("padding", "phase", quoted(node), "reads another")
    return Change(_configured(scene, node, padding=after), text, causes)


def _constant(scene: Scene) -> Change:
    """A number among the arguments of an operation."""
    found = [
        (n, key)
        for n in scene.sketch.nodes
        for key, value in n.config.items()
        if not n.is_layer and isinstance(value, float) and value
    ]
    node, key = scene.one_of(found)
    after = node.config[key] * scene.one_of((2.0, 1.001, -1.0))
    text = f"'{node.name}' ({node.kind}) {key} {after} for {node.config[key]}"
    causes = (quoted(node), "times those of", "in place of", key)
    return Change(_configured(scene, node, **{key: after}), text, causes)


register_all(
    "settings",
    {
        **{f"setting_{key}": _setting(key, setting) for key, setting in _SETTINGS.items()},
        "setting_momentum": _momentum,
        "setting_penalty": _penalty,
        "setting_padding_of_pad": _pads,
        "setting_constant": _constant,
        "weight_lost": _weight_lost,
        "weight_added": _weight_added,
    },
)
