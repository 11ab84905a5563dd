"""Draws networks of slim, to see that no right migration is called wrong."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Mapping

import hypothesis
from hypothesis import strategies as st

from tests.mutants.nets import Net, migrate
from tests.mutants.training_graphs import fresh_graph, save, train

_SWITCH = "is_training:0"
ACTIVATIONS = ("relu", "relu6", "elu", "leaky_relu", "tanh", "sigmoid", None)
PENALTIES = (("l2_regularizer", (0.003,)), ("l1_regularizer", (0.002,)))
PENALTIES += (("l1_l2_regularizer", (0.001, 0.004)),)
_KEEP_SIZE = ("residual", "concat", "shared", "towers")
_CALLS = (
    "activation",
    "avg_pool2d",
    "batch_norm",
    "concat",
    "conv2d",
    "depthwise",
    "dropout",
    "max_pool2d",
    "pad",
    "residual",
    "separable_conv2d",
)


@dataclasses.dataclass(frozen=True)
class Step:
    """One call of slim, or of what stands between two.

    Attributes:
      call: 'conv2d', 'residual', ...
      arguments: plain values; a normalizer's and a regularizer's as names and numbers too.
    """

    call: str
    arguments: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class DrawnNet:
    """A network as plain data, which prints as what to build again.

    Attributes:
      image: height, width, channels.
      steps: in order.
      is_training: True, False, or None for a placeholder.
      exact: whether slimfix's own batch norms are asked for.
    """

    image: tuple[int, int, int]
    steps: tuple[Step, ...]
    is_training: bool | None
    exact: bool


_ones_twos = st.integers(1, 2)
_zeros_twos = st.integers(0, 2)
_pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
_paddings = st.sampled_from(("SAME", "VALID"))
_activations = st.sampled_from(ACTIVATIONS)
_normalizers = st.fixed_dictionaries(
    {
        "decay": st.one_of(st.sampled_from((0.9, 0.997, 0.999)), st.floats(0.5, 0.9999)),
        "epsilon": st.one_of(st.sampled_from((1e-3, 1e-5)), st.floats(1e-5, 1e-1)),
        "scale": st.booleans(),
        "center": st.booleans(),
        "fused": st.sampled_from((None, True, False)),
    }
)


@st.composite
def _convolution(draw: Callable, name: str, size: tuple[int, int], same: bool = False) -> dict:
    """Arguments that fit data of this size; with `same`, that keep the size."""
    kernel = draw(_pairs)
    padding = "SAME" if same else draw(_paddings)
    if padding == "VALID":
        kernel = tuple(min(pair) for pair in zip(kernel, size))
    arguments = {"kernel_size": list(kernel), "padding": padding}
    if not same:
        stride = draw(st.integers(1, 2))
        arguments["stride"] = stride if name == "separable_conv2d" else [stride, draw(_ones_twos)]
    if padding == "SAME" and name == "conv2d" and arguments.get("stride", [1, 1]) == [1, 1]:
        arguments["rate"] = draw(_ones_twos)
    arguments["activation_fn"] = draw(_activations)
    arguments["weights_regularizer"] = draw(st.one_of(st.none(), st.sampled_from(PENALTIES)))
    arguments["normalizer_params"] = draw(st.one_of(st.none(), _normalizers))
    return arguments


@st.composite
def _step(draw: Callable, call: str, size: tuple[int, int]) -> Step:
    if call == "conv2d":
        found = {**draw(_convolution(call, size)), "num_outputs": draw(st.integers(2, 6))}
    elif call in ("separable_conv2d", "depthwise"):
        outputs = draw(st.integers(2, 6)) if call == "separable_conv2d" else None
        more = {"num_outputs": outputs, "depth_multiplier": draw(_ones_twos)}
        found = {**draw(_convolution("separable_conv2d", size)), **more}
    elif call in ("max_pool2d", "avg_pool2d"):
        window = [min(pair) for pair in zip(draw(_pairs), size)]
        stride = [draw(_ones_twos), draw(_ones_twos)]
        found = {"kernel_size": window, "stride": stride, "padding": draw(_paddings)}
    elif call == "batch_norm":
        found = draw(_normalizers)
    elif call in ("residual", "concat"):
        found = draw(_convolution("conv2d", size, same=True))
        if call == "concat":
            found["num_outputs"] = draw(st.integers(1, 3))
    elif call == "activation":
        found = {"name": draw(st.sampled_from(ACTIVATIONS[:-1]))}
    elif call == "dropout":
        found = {"keep_prob": draw(st.sampled_from((0.5, 0.8)))}
    else:
        found = {"widths": [list(draw(st.tuples(_zeros_twos, _zeros_twos))) for _ in range(2)]}
    return Step(call, found)


def size_after(step: Step, size: tuple[int, int]) -> tuple[int, int]:
    """Returns the height and width that a step makes of these."""
    arguments = step.arguments
    if step.call == "resize":
        return tuple(arguments["size"])  # type: ignore[return-value]
    if step.call == "up":
        return (2 * size[0], 2 * size[1])
    if step.call == "pad":
        top_left = zip(size, arguments["widths"])
        return tuple(each + sum(pair) for each, pair in top_left)  # type: ignore[return-value]
    if "kernel_size" not in arguments or step.call in _KEEP_SIZE:
        return size
    strides = arguments.get("stride", 1)
    strides = strides if isinstance(strides, list) else [strides] * 2
    valid = arguments["padding"] == "VALID"
    lost = [kernel - 1 if valid else 0 for kernel in arguments["kernel_size"]]
    return tuple(-(-(each - less) // stride) for each, less, stride in zip(size, lost, strides))


@st.composite
def drawn_nets(draw: Callable) -> DrawnNet:
    """Three to six different steps on an image, then a fully connected layer."""
    image = (draw(st.integers(5, 11)), draw(st.integers(5, 11)), draw(st.integers(1, 4)))
    size, steps = image[:2], []
    count = draw(st.integers(3, 6))
    for call in draw(st.permutations(_CALLS))[:count]:
        steps.append(draw(_step(call, size)))
        size = size_after(steps[-1], size)
    is_training = draw(st.sampled_from((None, True, False)))
    return DrawnNet(image, tuple(steps), is_training, draw(st.booleans()))


def migrate_drawn(drawn: DrawnNet, folder: str) -> Net:
    """Builds a training graph of the network, saves it in a folder and migrates it."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    with fresh_graph() as graph:
        images = tf.placeholder(tf.float32, [None, *drawn.image], name="images")
        is_training: Any = drawn.is_training
        if is_training is None:
            is_training = tf.placeholder(tf.bool, [], name=_SWITCH.partition(":")[0])
        with slim.arg_scope([slim.batch_norm, slim.dropout], is_training=is_training):
            net = images
            for index, step in enumerate(drawn.steps):
                net = build_step(step, net, f"step{index}")
            logits = slim.fully_connected(slim.flatten(net), 3, activation_fn=None, scope="logits")
        train(logits)
        prefix = save(graph, folder)
        ends = {"inputs": "images:0", "outputs": logits.name}
        return migrate("drawn", prefix, exact_batch_norm=drawn.exact, **ends)


def build_step(step: Step, net: Any, scope: str) -> Any:
    """Returns what a step makes of a tensor, in the default graph."""
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    arguments = {**step.arguments, "scope": scope}
    if "activation_fn" in arguments:
        arguments = _with_functions(arguments)
    if step.call == "residual":
        return net + slim.conv2d(net, num_outputs=net.shape.as_list()[-1], **arguments)
    if step.call == "concat":
        return tf.concat([net, slim.conv2d(net, **arguments)], 3)
    if step.call == "activation":
        return getattr(tf.nn, step.arguments["name"])(net)
    if step.call == "shared":
        arguments["num_outputs"] = net.shape.as_list()[-1]
        return slim.conv2d(slim.conv2d(net, **arguments), reuse=True, **arguments)
    if step.call == "towers":
        one, other = (slim.conv2d(net, **{**arguments, "scope": scope + end}) for end in "ab")
        return one - other
    if step.call == "resize":
        return tf.image.resize_bilinear(net, arguments["size"])
    if step.call == "up":
        return slim.conv2d_transpose(net, stride=2, **arguments)
    if step.call == "pad":
        return tf.pad(net, [[0, 0], *step.arguments["widths"], [0, 0]])
    call = "separable_conv2d" if step.call == "depthwise" else step.call
    return getattr(slim, call)(net, **arguments)


def _with_functions(arguments: Mapping[str, Any]) -> dict[str, Any]:
    import tensorflow.compat.v1 as tf

    from slimfix import slim

    found = dict(arguments)
    name, penalty = found["activation_fn"], found.get("weights_regularizer")
    found["activation_fn"] = getattr(tf.nn, name) if name else None
    if penalty is not None:
        found["weights_regularizer"] = getattr(slim, penalty[0])(*penalty[1])
    if found.get("normalizer_params") is not None:
        found["normalizer_fn"] = slim.batch_norm
    return found


def for_each_drawn(count: int, do: Callable[[DrawnNet], None]) -> None:
    """Draws networks, the same ones every time, and does something with each.

    Hypothesis likes to draw one again with other numbers: of such, only the first counts.
    """
    seen: set[tuple[str, ...]] = set()

    @hypothesis.settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(drawn_nets())
    def draw(drawn: DrawnNet) -> None:
        calls = tuple(step.call for step in drawn.steps)
        hypothesis.assume(calls not in seen)
        seen.add(calls)
        do(drawn)

    draw()
