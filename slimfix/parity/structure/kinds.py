"""What is known of the kinds of steps: which numbers can tell apart, and which only structure can.

A linear or smooth step shows what it is on any inputs; one with a bound, such as a ReLU with a
maximum, may do so only beyond all that were tried.
"""

from __future__ import annotations

from slimfix.parity.structure.steps import Step

_ACTIVATIONS = ("sigmoid", "tanh", "softplus", "silu", "gelu", "exponential", "exp", "log")
_PIECEWISE = ("relu", "elu", "selu", "hard_sigmoid", "hard_silu", "abs", "sign", "floor", "ceil")
_ELEMENTWISE = {*_ACTIVATIONS, *_PIECEWISE, "cast", "negative", "square", "sqrt", "rsqrt"}
_OF_TWO = ("add", "subtract", "multiply", "divide", "true_divide", "maximum", "minimum")
# Whose two inputs may change places.
COMMUTATIVE = ("add", "multiply", "maximum", "minimum")

_LINEAR = {
    *("Dense", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D"),
    *("SeparableConv1D", "SeparableConv2D", "Conv1DTranspose", "Conv2DTranspose"),
    *("Conv3DTranspose", "EinsumDense", "BatchNormalization", "SlimBatchNormalization"),
    *("AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "UpSampling1D", "UpSampling2D"),
    *("UpSampling3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Cropping1D"),
    *("Cropping2D", "Cropping3D", "Concatenate", "Normalization", "Reshape", "Flatten"),
    *("RepeatVector", "Dot"),
    *("add", "subtract", "multiply", "divide", "true_divide", "negative", "mean", "sum", "cast"),
    *("conv", "conv_transpose", "depthwise_conv", "separable_conv", "matmul", "tensordot"),
    *("einsum", "dot", "pad", "average_pool", "concatenate", "stack", "unstack", "split", "tile"),
    *("get_item", "take", "repeat", "reshape", "transpose", "squeeze", "expand_dims", "resize"),
    *("flip", "roll", "moveaxis", "broadcast_to", "batch_normalization"),
}
_MOVES = {"transpose", "reshape", "Reshape", "Flatten", "squeeze", "expand_dims", "moveaxis"}
_SMOOTH = {
    *_ACTIVATIONS,
    *("softmax", "log_softmax", "square", "sqrt", "rsqrt", "power", "logsumexp"),
    *("LayerNormalization", "GroupNormalization", "UnitNormalization", "var", "std"),
    *("expm1", "log1p", "sin", "cos"),
}
# Of these, the form may be another where values agree: they have no bound that inputs may miss.
_POOLS = {"MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "max_pool", "max"}


def is_elementwise(step: Step) -> bool:
    """Tells whether a step does the same with each element, whatever the shape."""
    if step.kind == "dropout":
        return isinstance(step.settings, tuple) and step.settings[1] is None
    if step.kind in _OF_TWO:
        shapes = {value.shape for value in step.reads}
        number = len(step.reads) == 2 or isinstance(step.settings, float)
        return len(shapes) == 1 and number
    return step.kind in _ELEMENTWISE


def is_smooth(step: Step) -> bool:
    """Tells whether values of any inputs show what a step computes."""
    return not step.is_opaque and step.kind in _LINEAR | _SMOOTH | _POOLS


def moves_data(step: Step) -> bool:
    """Tells whether a step computes nothing, but puts what it reads in another order."""
    return step.kind in _MOVES


def is_pool(step: Step) -> bool:
    """Tells whether a step takes the largest of some."""
    return step.kind in _POOLS


def is_stateful(step: Step) -> bool:
    """Tells whether each call in training moves something."""
    return step.kind in ("BatchNormalization", "SlimBatchNormalization")
