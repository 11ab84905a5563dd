"""Draws networks of slim by a seed, and migrates them."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

from tests.mutants.nets import Net, migrate
from tests.mutants.random_nets import ACTIVATIONS, PENALTIES, Step, build_step, size_after
from tests.mutants.training_graphs import fresh_graph, save, train

_CALLS = (
    *("conv2d", "conv2d", "residual", "concat", "separable_conv2d", "depthwise"),
    *("batch_norm", "activation", "avg_pool2d", "max_pool2d", "pad", "dropout"),
    *("shared", "towers", "resize", "up"),
)
_FIXED_SIZE = ("pad", "resize", "up")  # What open sizes do without.
_LARGEST = 24


@dataclasses.dataclass(frozen=True)
class SearchNet:
    """A network as plain data, which prints as what to build again.

    Attributes:
      image: height, width, channels; height and width None where the graph leaves them open.
      scaled: whether images are scaled and shifted first, as preprocessing does.
      steps: in order.
      hidden: (units, activation, keep_prob or None) of fully connected layers, batch-normalised.
      ending: 'softmax', 'sigmoid' or 'none'.
      two_outputs: whether the features are given out too.
      is_training: True, False, or None for a placeholder.
      exact: whether slimfix's own batch norms are asked for.
    """

    image: tuple[int | None, int | None, int]
    scaled: bool
    steps: tuple[Step, ...]
    hidden: tuple[tuple[int, str, float | None], ...]
    ending: str
    two_outputs: bool
    is_training: bool | None
    exact: bool


def draw_net(draw: random.Random) -> SearchNet:
    """Returns a network: three to six steps on an image, then fully connected layers."""
    is_open = draw.random() < 0.1
    height, width = draw.randint(5, 10), draw.randint(5, 10)
    size, steps = (height, width), []
    calls = [call for call in _CALLS if not (is_open and call in _FIXED_SIZE)]
    for call in draw.sample(calls, draw.randint(3, 4 if is_open else 6)):
        step = _draw_step(draw, call, size)
        after = (_LARGEST, _LARGEST) if is_open else size_after(step, size)
        if min(after) >= 1 and max(after) <= _LARGEST:
            steps.append(step)
            size = size if is_open else after
    hidden = [
        (draw.randint(3, 6), draw.choice(("relu", "tanh", "elu")), draw.choice((None, 0.5, 0.8)))
        for _ in range(draw.randint(0, 2))
    ]
    return SearchNet(
        image=(*((None, None) if is_open else (height, width)), draw.randint(1, 4)),
        scaled=draw.random() < 0.4,
        steps=tuple(steps),
        hidden=tuple(hidden),
        ending=draw.choice(("none", "none", "softmax", "sigmoid")),
        two_outputs=draw.random() < 0.25,
        is_training=draw.choice((None, None, True, False)),
        exact=draw.random() < 0.4,
    )


def _draw_step(draw: random.Random, call: str, size: tuple[int, int]) -> Step:
    if call in ("conv2d", "shared", "towers", "up"):
        same = call in ("shared", "towers")
        found = {**_convolution(draw, "conv2d", size, same), "num_outputs": draw.randint(2, 5)}
        if call == "up":
            found = {key: found[key] for key in ("num_outputs", "activation_fn", "kernel_size")}
    elif call in ("separable_conv2d", "depthwise"):
        outputs = draw.randint(2, 5) if call == "separable_conv2d" else None
        more = {"num_outputs": outputs, "depth_multiplier": draw.randint(1, 2)}
        found = {**_convolution(draw, "separable_conv2d", size, False), **more}
    elif call in ("max_pool2d", "avg_pool2d"):
        window = [min(draw.randint(2, 3), each) for each in size]
        stride = [draw.randint(1, 2), draw.randint(1, 2)]
        found = {"kernel_size": window, "stride": stride, "padding": _padding(draw)}
    elif call == "batch_norm":
        found = _normalizer(draw)
    elif call in ("residual", "concat"):
        found = _convolution(draw, "conv2d", size, True)
        if call == "concat":
            found["num_outputs"] = draw.randint(1, 3)
    elif call == "activation":
        found = {"name": draw.choice(ACTIVATIONS[:-1])}
    elif call == "dropout":
        found = {"keep_prob": draw.choice((0.5, 0.8))}
    elif call == "resize":
        found = {"size": [draw.randint(4, 12), draw.randint(4, 12)]}
    else:
        found = {"widths": [[draw.randint(0, 2), draw.randint(0, 2)] for _ in range(2)]}
    return Step(call, found)


def _convolution(draw: random.Random, name: str, size: tuple[int, int], same: bool) -> dict:
    kernel = [draw.randint(1, 3), draw.randint(1, 3)]
    padding = "SAME" if same else _padding(draw)
    if padding == "VALID":
        kernel = [min(pair) for pair in zip(kernel, size)]
    found: dict[str, Any] = {"kernel_size": kernel, "padding": padding}
    if not same:
        stride = draw.randint(1, 2)
        separable = name == "separable_conv2d"
        found["stride"] = stride if separable else [stride, draw.randint(1, 2)]
    if padding == "SAME" and name == "conv2d" and found.get("stride", [1, 1]) == [1, 1]:
        found["rate"] = draw.randint(1, 2)
    found["activation_fn"] = draw.choice(ACTIVATIONS)
    found["weights_regularizer"] = draw.choice((None, *PENALTIES))
    found["normalizer_params"] = draw.choice((None, _normalizer(draw)))
    return found


def _padding(draw: random.Random) -> str:
    return draw.choice(("SAME", "VALID"))


def _normalizer(draw: random.Random) -> dict:
    return {
        "decay": draw.choice((0.9, 0.95, 0.997, 0.999)),
        "epsilon": draw.choice((1e-3, 1e-5, 0.02)),
        "scale": draw.random() < 0.5,
        "center": draw.random() < 0.8,
        "fused": draw.choice((None, True, False)),
    }


def migrate_net(drawn: SearchNet, folder: str) -> Net:
    """Builds a training graph of the network, saves it in a folder and migrates it."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    with fresh_graph() as graph:
        images = tf.placeholder(tf.float32, [None, *drawn.image], name="images")
        is_training: Any = drawn.is_training
        if is_training is None:
            is_training = tf.placeholder(tf.bool, [], name="is_training")
        with slim.arg_scope([slim.batch_norm, slim.dropout], is_training=is_training):
            net = (images * 0.125) - 0.75 if drawn.scaled else images
            for index, step in enumerate(drawn.steps):
                net = build_step(step, net, f"step{index}")
            if drawn.image[0] is None:
                net = tf.reduce_mean(net, [1, 2], name="pooled")
            features = net = slim.flatten(net)
            for index, (units, activation, keep) in enumerate(drawn.hidden):
                act = getattr(tf.nn, activation)
                norm = slim.batch_norm if index == 0 else None
                net = slim.fully_connected(net, units, act, norm, scope=f"hidden{index}")
                features = net = net if keep is None else slim.dropout(net, keep)
            net = slim.fully_connected(net, 3, activation_fn=None, scope="logits")
            if drawn.ending != "none":
                net = getattr(tf.nn, drawn.ending)(net)
        outputs = [net, *([features] if drawn.two_outputs and features is not images else [])]
        train(*outputs)
        prefix = save(graph, folder)
        ends = {"inputs": "images:0", "outputs": [each.name for each in outputs]}
        return migrate("drawn", prefix, exact_batch_norm=drawn.exact, **ends)
