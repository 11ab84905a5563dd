"""Records what a network computes, where it lives: in inference, in training, step by step."""

from __future__ import annotations

import os
import platform
from typing import Any, Callable, Mapping, Sequence

import numpy as np

import slimfix
from slimfix.errors import UsageError, naming
from slimfix.network.checked import CheckedNetwork, check_network
from slimfix.network.checks import check_fed
from slimfix.network.importing import check_constants
from slimfix.network.network import Network
from slimfix.network.reading import Reading
from slimfix.network.resolve import resolve_as
from slimfix.network.sources import Source
from slimfix.network.variable_checks import check_variables
from slimfix.network.weights import Weights
from slimfix.paths import as_path
from slimfix.reference.feeds import (
    Data,
    Feeds,
    cut_feeds,
    draw_feeds,
    find_batch_size,
    read_data,
    read_specs,
)
from slimfix.reference.optimizers import Optimizer, check_optimizer
from slimfix.reference.original import Original, graph_takes
from slimfix.reference.recordable import check_trains, find_tensors, why_not_trained
from slimfix.reference.recording import (
    Recording,
    check_target,
    read_recording,
    write_recording,
)
from slimfix.reference.run_training import run_training, take_steps
from slimfix.reference.trained_network import TrainedNetwork, find_layers
from slimfix.reference.windows import split_windows
from slimfix.reference.worth import check_worth

LEVELS = ("L1", "L2", "L3", "L4")
# Of few samples some channel has next to no variance, and what it computes is rounding enlarged.
BATCH_SIZE = 8
_MOMENTUM = Optimizer("momentum", 0.01)


def record(
    checkpoint: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    meta: str | os.PathLike[str] | None = None,
    inputs: str | Sequence[str] = (),
    outputs: str | Sequence[str] = (),
    *,
    frozen_graph: str | os.PathLike[str] | None = None,
    saved_model: str | os.PathLike[str] | None = None,
    network: str | Callable[..., Any] | None = None,
    network_kwargs: Mapping[str, Any] | None = None,
    input_shape: Sequence[int | None] = (),
    values: str | None = None,
    allow_ops: str | Sequence[str] = (),
    batch_norm: str | None = None,
    data: np.ndarray | Data | str | os.PathLike[str] | None = None,
    levels: str | Sequence[str] = (),
    optimizer: str = "momentum",
    learning_rate: float = 0.01,
    steps: int = 100,
    batch_size: int = BATCH_SIZE,
    overwrite: bool = False,
    progress: bool | None = None,
) -> Recording:
    """Writes what a TensorFlow 1 network computes, in float32 and on the TensorFlow at hand.

    What TensorFlow 1.15 computed in the legacy environment is what a migrated model is held
    against elsewhere. Whatever is random is drawn from fixed seeds, and dropout drops nothing.

    Args:
      checkpoint: checkpoint prefix; None for a frozen graph or a SavedModel.
      output: .npz file to write; its folder exists.
      meta, inputs, outputs, frozen_graph, saved_model, network, network_kwargs, input_shape,
        values, allow_ops, batch_norm: where the network is, as of `slimfix.migrate`.
      data: value by tensor name, or that of the only input, or the path of an .npz or .npy file of
        such; None to draw inputs. The first axis counts samples.
      levels: of 'L1' (every tensor between inputs and outputs in inference; recorded always),
        'L2' (the same in training, and every statistic after one step of the update ops), 'L3'
        (gradients of the outputs for random cotangents) and 'L4' (optimizer steps); () for the
        first three, or for L1 where the network does not train.
      optimizer: of L4: 'sgd', 'momentum', 'adam' or 'rmsprop', with TensorFlow 1's defaults.
      learning_rate: of L4.
      steps: of L4, in turns on four batches (fewer where `data` has no more).
      batch_size: samples that are drawn, where the graph does not say; of L4 also those that each
        batch takes of `data`.
      overwrite: whether a recording at `output` is replaced.
      progress: whether a bar shows the steps; if None, where standard error is a terminal.
    Returns: Recording, as read back from the file.
    Raises:
      UsageError: a file, name, level or number is wrong, the data do not fit, or nothing would show
        on what they give; the network does not train and a level needs it to; or something is at
        `output`.
      UnsafeGraphError: the outputs need ops that do more than compute, not in `allow_ops`.
      OutputError: the disk is full, or another run wrote `output` meanwhile.
      MigrationError: the graph is no function of its inputs, or the checkpoint is another's.
      UnsupportedEnvironmentError: this TensorFlow has no kernel for an op, or for its gradient.
    """
    if output is None:
        raise UsageError("record() needs an output")
    source = Source(
        checkpoint,
        meta,
        frozen_graph,
        saved_model,
        network,
        network_kwargs,
        input_shape,
        allow_ops,
        batch_norm,
    )
    return record_network(
        source,
        as_path(output, "output file"),
        inputs,
        outputs,
        values,
        data,
        levels.split(",") if isinstance(levels, str) else levels,
        check_optimizer(optimizer, learning_rate),
        steps,
        batch_size,
        overwrite=overwrite,
        progress=progress,
    )


def record_network(
    source: Source,
    path: str,
    inputs: str | Sequence[str] = (),
    outputs: str | Sequence[str] = (),
    values: str | None = None,
    data: np.ndarray | Data | str | os.PathLike[str] | None = None,
    levels: Sequence[str] = (),
    optimizer: Optimizer = _MOMENTUM,
    steps: int = 100,
    batch_size: int = BATCH_SIZE,
    batches: int = 4,
    overwrite: bool = False,
    progress: bool | None = None,
) -> Recording:
    """Writes a recording of a network.

    Args, returns, raises: as of `record`; and `batches`: how many the steps take in turns.
    """
    check_target(path, overwrite)
    _check(levels, steps=steps, batch_size=batch_size, batches=batches)
    file = None
    if isinstance(data, (str, os.PathLike)):
        file = as_path(data, "data file")
        data = read_data(file)
    checked = check_network(source, inputs, outputs, values)
    with naming(checked.network.source):
        settings = (levels, optimizer, steps, batch_size, batches, progress)
        found = _record(checked, data, file, *settings)
    write_recording(Recording(path=path, versions=_versions(), **found), overwrite)
    return read_recording(path)


def _record(
    checked: CheckedNetwork,
    data: np.ndarray | Data | None,
    data_file: str | None,
    levels: Sequence[str],
    optimizer: Optimizer,
    steps: int,
    batch_size: int,
    batches: int,
    progress: bool | None,
) -> dict[str, Any]:
    """Returns what a `Recording` holds of a network."""
    opened, reading, weights = checked.network, checked.reading, checked.weights
    trained = _trained(opened, reading, weights)
    reason = why_not_trained(opened.meta_graph, find_layers(trained), reading.variables)
    levels = levels or (LEVELS[:1] if reason else LEVELS[:3])
    check_trains(reason, [level for level in LEVELS[1:] if level in levels])
    check_constants(reading.resolved)
    with naming(data_file, "Data"):
        feeds = _find_feeds(trained, reading, data, batch_size, batches)
    found: dict[str, Any] = dict(_run_levels(trained, reading, weights, feeds, levels))
    trajectory = None
    if "L4" in levels:
        trajectory = take_steps(trained, feeds.batches, optimizer, steps, progress)
    more = {"switches": reading.resolved.switches, "inputs": feeds.inputs}
    return {**found, **more, "trajectory": trajectory}


def _run_levels(
    network: TrainedNetwork,
    reading: Reading,
    weights: Weights,
    feeds: Feeds,
    levels: Sequence[str],
) -> dict[str, dict[str, np.ndarray]]:
    """Returns the maps of a `Recording` for all levels but the last."""
    inference = {**reading.resolved.switches, **feeds.inputs}
    tensors = find_tensors(network.view, reading.resolved, network.outputs)
    found = {"tensors": _run(network, inference, tensors, training=False)}
    check_worth(feeds.inputs, {name: found["tensors"][name] for name in network.outputs})
    if set(levels) <= {"L1"}:
        return found
    tensors = _find_training_tensors(network, reading, weights)
    if "L2" in levels:
        training = {**network.switches, **feeds.inputs}
        found["training"] = _run(network, training, tensors, training=True)
    if "L2" in levels or "L3" in levels:
        found.update(run_training(network, feeds.inputs, levels))
    return found


def _check(levels: Sequence[str], **counts: int) -> None:
    unknown = [level for level in levels if level not in LEVELS]
    if unknown:
        raise UsageError(f"levels has '{unknown[0]}'; want some of {', '.join(LEVELS)}")
    for name, number in counts.items():
        if number < 1:
            raise UsageError(f"{name} is {number}; want at least 1")


def _trained(network: Network, reading: Reading, weights: Weights) -> TrainedNetwork:
    return TrainedNetwork(
        network.view,
        network.meta_graph,
        weights.read,
        reading.signature.inputs,
        reading.signature.outputs,
        reading.resolved.training_switches,
    )


def _find_feeds(
    network: TrainedNetwork,
    reading: Reading,
    data: np.ndarray | Data | None,
    batch_size: int,
    batches: int,
) -> Feeds:
    view, outputs = network.view, network.outputs
    specs = read_specs(view, network.inputs)

    def takes(drawn: Data) -> bool:
        feeds = {**reading.resolved.switches, **drawn}
        return graph_takes(view, network.read, feeds, outputs)

    if data is not None:
        return cut_feeds(specs, data, takes, batch_size, batches)
    size = find_batch_size(view, outputs) or batch_size
    return draw_feeds(specs, view, takes, size, batches)


def _find_training_tensors(
    network: TrainedNetwork, reading: Reading, weights: Weights
) -> list[str]:
    """Returns the tensors of training, whose variables the checkpoint has to hold."""
    view, outputs = network.view, network.outputs
    resolved = resolve_as(view, network.inputs, outputs, reading.joined, network.switches)
    check_fed(resolved)
    layers = [layer for layer in find_layers(network) if layer.mode != "inference"]
    moved = {name for layer in layers for name in layer.statistics if name in view}
    check_variables(view, sorted({*resolved.variables.values(), *moved}), weights)
    return find_tensors(view, resolved, outputs)


def _run(
    network: TrainedNetwork, feeds: Mapping[str, Any], tensors: Sequence[str], training: bool
) -> dict[str, np.ndarray]:
    """Returns the floating-point ones among some tensors."""
    original = Original(network.view, network.read, feeds, tensors, False, training)
    windows = split_windows(([name], original.size(name)) for name in tensors)
    return {
        name: value
        for window in original.run(windows)
        for name, value in window.items()
        if value.dtype.kind == "f" or name in network.outputs
    }


def _versions() -> dict[str, str]:
    import tensorflow as tf

    return {
        "numpy": np.__version__,
        "python": platform.python_version(),
        "slimfix": slimfix.__version__,
        "tensorflow": tf.__version__,
    }
