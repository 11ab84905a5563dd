"""A layer that multiplies by a kernel, as read from the graph, before anyone asks for its bias."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping

from slimfix import names
from slimfix.graphdef.view import Node
from slimfix.migration.converters.kernel import Kernel, regularizer
from slimfix.migration.planner import Planner
from slimfix.migration.records import LayerRecord, WeightRecord


@dataclasses.dataclass(frozen=True)
class Stage:
    """One Keras layer without weights, before or after the layer with the kernel."""

    target: str
    config: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Product:
    """What the graph computes from a tensor and a kernel.

    Attributes:
      source: tensor name of the data.
      target: of the layer that has the kernel.
      config: of that layer, without what tells of the bias.
      weights: of that layer, without the bias.
      channels: size of the last axis of the result.
      before: what the data goes through first, e.g. an explicit padding.
      after: what follows the layer; a bias for each channel may be added before it as well.
      takes_bias: whether the layer can have one.
    """

    source: str
    target: str
    config: Mapping[str, Any]
    weights: tuple[WeightRecord, ...]
    channels: int
    before: tuple[Stage, ...] = ()
    after: tuple[Stage, ...] = ()
    takes_bias: bool = True


def plan_product(planner: Planner, product: Product, end: Node, bias: Kernel | None) -> LayerRecord:
    """Returns the record whose output `end` makes; what comes before it becomes planned steps.

    Args:
      planner: holds the function.
      product: the layer.
      end: the node that gives the last result.
      bias: of one element for each channel; None for a layer without.
    """
    scope = names.parent_scope(product.weights[0].variable) or end.name
    config, weights = dict(product.config), product.weights
    if product.takes_bias:
        config["use_bias"] = bias is not None
    if bias is not None:
        config["bias_regularizer"] = regularizer(planner, bias)
        weights = (*weights, bias.record(planner, "bias", (product.channels,)))
    tensor = product.source
    for stage in product.before:
        tensor = _step(planner, stage, tensor, end, scope)
    if not product.after:
        return planner.layer(product.target, scope, [tensor], end, config, weights)
    tensor = planner.step(product.target, end, "product", [tensor], config, weights, scope)
    for stage in product.after[:-1]:
        tensor = _step(planner, stage, tensor, end, scope)
    last = product.after[-1]
    return planner.layer(last.target, _scope(scope, last), [tensor], end, last.config)


def _step(planner: Planner, stage: Stage, source: str, end: Node, scope: str) -> str:
    inner = _scope(scope, stage)
    return planner.step(stage.target, end, "stage", [source], stage.config, scope=inner)


def _scope(scope: str, stage: Stage) -> str:
    """Names a stage after what it does: 'conv1/ZeroPadding2D'."""
    return f"{scope}/{stage.target.rpartition('.')[2]}"
