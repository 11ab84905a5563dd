"""Values that are not those of the checkpoint, or stand in the wrong place."""

from __future__ import annotations

import numpy as np

from slimfix.network.weights import RAW, SHADOW
from slimfix.parity.verdicts import Level
from tests.mutants.kinds.edits import (
    CONV,
    WITH_KERNEL,
    exchanged,
    first_changed,
    layers,
    shape_of,
    weight_of,
    weights,
)
from tests.mutants.kinds.registry import kind

L0, L1 = Level.WEIGHTS, Level.INFERENCE


def _kernels(net, *kinds):
    return weights(net, "kernel", *(kinds or WITH_KERNEL))


@kind(L0, L1)
def output_channels_swapped(net):
    def swap(value):
        return np.concatenate([value[..., 1::-1], value[..., 2:]], -1)

    return first_changed(net, _kernels(net), swap)


@kind(L0, L1)
def input_channels_swapped(net):
    def swap(value):
        return np.concatenate([value[..., 1::-1, :], value[..., 2:, :]], -2)

    return first_changed(net, _kernels(net), swap)


@kind(L0)
def one_weight_off_by_one_ulp(net):
    def nudge(value):
        nudged = value.copy()
        nudged.flat[-1] = np.nextafter(nudged.flat[-1], np.float32(9))
        return nudged

    return first_changed(net, _kernels(net), nudge)


@kind(L0, L1)
def kernel_flipped(net):
    """Convolution for cross-correlation."""
    return first_changed(net, _kernels(net, *CONV), lambda value: value[::-1, ::-1])


@kind(L0, L1)
def kernel_height_and_width_swapped(net):
    def turn(value):
        return value.swapaxes(0, 1) if value.shape[0] == value.shape[1] else value

    return first_changed(net, _kernels(net, *CONV), turn)


@kind(L0, L1)
def kernel_in_column_order(net):
    """Values written by rows and read by columns."""
    return first_changed(net, _kernels(net), lambda v: np.reshape(np.ravel(v, "F"), v.shape))


@kind(L0, L1)
def square_kernel_transposed(net):
    def transpose(value):
        return value.T if value.shape[0] == value.shape[1] else value

    return first_changed(net, _kernels(net, "Dense"), transpose)


@kind(L0, L1)
def transposed_convolution_in_and_out_mixed(net):
    def mix(value):
        return np.reshape(value.swapaxes(2, 3), value.shape)

    return first_changed(net, _kernels(net, "Conv2DTranspose"), mix)


@kind(L0, L1)
def depth_multiplier_before_channels(net):
    def mix(value):
        return np.reshape(value.swapaxes(2, 3), value.shape)

    found = [
        *weights(net, "depthwise_kernel", "SeparableConv2D"),
        *weights(net, "kernel", "DepthwiseConv2D"),
    ]
    return first_changed(net, found, mix)


@kind(L0, L1)
def kernels_of_two_layers_swapped(net):
    by_shape = {}
    for _, weight in _kernels(net):
        other = by_shape.setdefault(weight.shape, weight)
        if other.variable != weight.variable:
            return net.build(values=exchanged(net, weight, other))
    return None


@kind(L0, L1)
def bias_left_at_zero(net):
    return first_changed(net, weights(net, "bias"), np.zeros_like)


@kind(L0, L1)
def bias_of_another_layer(net):
    by_shape = {}
    for _, weight in weights(net, "bias"):
        other = by_shape.setdefault(weight.shape, weight)
        if other.variable != weight.variable:
            return net.build(values={weight.variable: net.migration.read(other.variable)})
    return None


@kind(L0, L1)
def classes_shifted_by_one(net):
    """1001 classes for 1000: the background's column moved to the end."""
    *_, logits = layers(net, "Dense")
    moved = {w.variable: np.roll(net.migration.read(w.variable), -1, -1) for w in logits.weights}
    return net.build(values=moved)


@kind(L0, L1)
def signs_lost(net):
    return first_changed(net, _kernels(net), np.abs)


@kind(L0, L1)
def rounded_to_float16(net):
    return first_changed(net, _kernels(net), lambda value: value.astype(np.float16))


@kind(L0, L1)
def rounded_to_bfloat16(net):
    def cut(value):
        return (value.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)

    return first_changed(net, _kernels(net), cut)


@kind(L0, L1)
def colours_reversed(net):
    """BGR for RGB in the layer that reads the images."""

    def reverse(value):
        return value[:, :, ::-1]

    inputs = net.migration.signature.inputs
    first = [pair for pair in _kernels(net, *CONV) if pair[0].inputs[0] in inputs]
    return first_changed(net, first, reverse)


@kind(L0, L1)
def parts_in_the_wrong_order(net):
    """A partitioned variable joined from its second part on."""
    return first_changed(net, _kernels(net), lambda value: np.roll(value, len(value) // 2, 0))


@kind(L0, L1)
def optimizer_slot_for_the_weight(net):
    checkpoint = net.migration.checkpoint
    for _, weight in _kernels(net):
        slot = f"{weight.variable}/Momentum"
        if slot in checkpoint.variables:
            return net.build(values={weight.variable: checkpoint.read(slot)})
    return None


@kind(L0, L1)
def raw_values_for_the_averages(net):
    return net.convert(values=RAW).model if _has_shadows(net) else None


@kind(L0, L1)
def averages_of_some_variables_only(net):
    """The averages of the kernels, and the raw values of all the rest."""
    if not _has_shadows(net):
        return None
    raw = net.convert(values=RAW).read
    kernels = {weight.variable for _, weight in _kernels(net)}
    rest = {w.variable for record in layers(net) for w in record.weights} - kernels
    return net.build(values={name: raw(name) for name in rest})


def _has_shadows(net):
    ending = "/ExponentialMovingAverage"
    found = any(name.endswith(ending) for name in net.migration.checkpoint.variables)
    return found and net.arguments.get("values") == SHADOW


@kind(L0, L1)
def embedding_rows_off_by_one(net):
    return first_changed(net, weights(net, "embeddings"), lambda value: np.roll(value, 1, 0))


@kind(L0, L1)
def dense_rows_in_channels_first_order(net):
    """The rows of a kernel behind a flatten, for data whose channels come first."""
    for flat in layers(net, "Flatten"):
        _, *sizes = shape_of(net, flat.inputs[0])
        for record in layers(net, "Dense"):
            kernel = weight_of(record, "kernel")
            if record.inputs == flat.outputs and len(sizes) == 3:
                value = net.migration.read(kernel.variable)
                moved = np.moveaxis(value.reshape(*sizes, -1), 2, 0)
                if not np.array_equal(moved.ravel(), value.ravel()):
                    return net.build(values={kernel.variable: moved.reshape(value.shape)})
    return None


@kind(L0, L1)
def kernel_never_loaded(net):
    """Keras's initial values."""
    import keras

    initial = keras.initializers.GlorotUniform(seed=5)
    return first_changed(net, _kernels(net), lambda value: np.asarray(initial(value.shape)))
