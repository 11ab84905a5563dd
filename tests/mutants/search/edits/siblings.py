"""Another class in the place of a layer's or an operation's."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.mutants.search.edits.registry import Change, Make, Scene, quoted, register_all

_ACTIVATIONS = {
    "leaky_relu": ("layers.LeakyReLU", {"negative_slope": 0.01}),
    "elu": ("layers.ELU", {}),
    "selu": ("ops.selu", {}),
    "gelu": ("ops.gelu", {}),
    "silu": ("ops.silu", {}),
    "softplus": ("layers.Activation", {"activation": "softplus"}),
    "relu": ("layers.ReLU", {}),
    "relu6": ("ops.relu6", {}),
    "relu_capped_far": ("layers.ReLU", {"max_value": 1e5}),
    "sigmoid": ("ops.sigmoid", {}),
    "hard_sigmoid": ("ops.hard_sigmoid", {}),
    "tanh": ("ops.tanh", {}),
    "hard_tanh": ("ops.hard_tanh", {}),
    "softmax": ("layers.Softmax", {}),
    "log_sigmoid": ("ops.log_sigmoid", {}),
    "abs": ("ops.abs", {}),
    "sparse_plus": ("ops.sparse_plus", {}),
}
_OF_ACTIVATIONS = (
    *("ReLU", "LeakyReLU", "ELU", "relu", "relu6", "elu", "tanh", "sigmoid", "leaky_relu"),
    *("Activation", "softmax", "Softmax"),
)
_RANDOM = {
    "spatial_dropout": ("layers.SpatialDropout2D", {"rate": 0.5}),
    "gaussian_dropout": ("layers.GaussianDropout", {"rate": 0.5}),
    "alpha_dropout": ("layers.AlphaDropout", {"rate": 0.5}),
    "noise": ("layers.GaussianNoise", {"stddev": 0.5}),
}
_SUMS = {
    "subtract": ("layers.Subtract", {}),
    "multiply": ("layers.Multiply", {}),
    "average": ("layers.Average", {}),
    "maximum": ("layers.Maximum", {}),
    "minimum": ("ops.minimum", {}),
    "add": ("layers.Add", {}),
}
_OF_TWO = ("Add", "Subtract", "add", "subtract", "Multiply")
_OF_CONSTANTS = ("add", "subtract", "multiply", "divide", "true_divide")


def _replacing(kinds: tuple[str, ...], name: str, target: Any, config: dict, shows: bool) -> Make:
    def make(scene: Scene) -> Change:
        two = kinds is _OF_TWO
        found = [n for n in scene.sketch.of(*kinds) if (len(n.inputs) == 2) is two]
        node = scene.one_of([n for n in found if (n.target, dict(n.config)) != (target, config)])
        settings = dict(config)
        if "rate" in node.config and "rate" in config:
            settings["rate"] = node.config["rate"]
        new = dataclasses.replace(node, target=target, config=settings)
        causes = (quoted(node), "in place of", "times those of", "another order")
        text = f"{target} for '{node.name}' ({node.kind})"
        return Change(scene.sketch.replaced(node, new), text, causes, shows=shows)

    return make


def _of_pools(scene: Scene) -> Change:
    node = scene.node("MaxPooling2D", "AveragePooling2D")
    other = "MaxPooling2D" if node.kind == "AveragePooling2D" else "AveragePooling2D"
    new = dataclasses.replace(node, target=f"layers.{other}")
    causes = ("in place of",)
    return Change(scene.sketch.replaced(node, new), f"{other} for '{node.name}'", causes)


def _of_constants(scene: Scene) -> Change:
    """Another operation with the same constant."""
    found = [n for n in scene.sketch.of(*_OF_CONSTANTS) if len(n.inputs) == 1]
    node = scene.one_of(found)
    other = scene.one_of(sorted({"add", "subtract", "multiply"} - {node.kind}))
    new = dataclasses.replace(node, target=f"ops.{other}")
    causes = (quoted(node), "in place of", "times those of")
    return Change(scene.sketch.replaced(node, new), f"{other} for '{node.name}'", causes)


def _of_means(scene: Scene) -> Change:
    node = scene.node("GlobalAveragePooling2D", "mean")
    if node.kind == "mean":
        new = dataclasses.replace(node, target="ops.max")
    else:
        new = dataclasses.replace(node, target="layers.GlobalMaxPooling2D")
    causes = ("(max|average|mean) in place of", quoted(node))
    return Change(scene.sketch.replaced(node, new), f"max for '{node.name}'", causes)


def _of_batch_norms(scene: Scene) -> Change:
    """Layer normalisation with the same beta and gamma: its moving statistics are lost."""
    node = scene.node("BatchNormalization", "SlimBatchNormalization")
    kept = {k: v for k, v in node.values.items() if k in ("gamma", "beta")}
    new = dataclasses.replace(
        node,
        target="layers.LayerNormalization",
        config={
            "epsilon": node.config["epsilon"],
            "scale": "gamma" in kept,
            "center": "beta" in kept,
        },
        values=kept,
    )
    text = f"LayerNormalization for '{node.name}'"
    return Change(scene.sketch.replaced(node, new), text, (quoted(node), "in place of"))


register_all(
    "siblings",
    {
        **{
            f"activation_is_{name}": _replacing(_OF_ACTIVATIONS, name, target, config, True)
            for name, (target, config) in _ACTIVATIONS.items()
        },
        **{
            f"dropout_is_{name}": _replacing(("Dropout",), name, target, config, False)
            for name, (target, config) in _RANDOM.items()
        },
        **{
            f"sum_is_{name}": _replacing(_OF_TWO, name, target, config, True)
            for name, (target, config) in _SUMS.items()
        },
        "pool_of_the_other_kind": _of_pools,
        "constant_of_another_operation": _of_constants,
        "mean_is_max": _of_means,
        "batch_norm_is_layer_norm": _of_batch_norms,
    },
)
