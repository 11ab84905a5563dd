"""Level L1: the output of every layer, on both sides and in both precisions, a window at a time."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import Any, Iterable, Mapping, Sequence

import numpy as np

from slimfix import names
from slimfix.errors import ParityError, UsageError, explain
from slimfix.graphdef.control_flow import find_in_branches
from slimfix.migration.build import Probe
from slimfix.migration.conversion import Migration
from slimfix.migration.function import Function
from slimfix.parity import compare
from slimfix.parity.dataflow import Dataflow, Tensor
from slimfix.parity.keras_side import Inference, Playback, Training
from slimfix.parity.rounding import judge_by_rounding
from slimfix.parity.rows import LayerParity
from slimfix.parity.verdicts import Verdict
from slimfix.progress import show_progress
from slimfix.reference.original import Original
from slimfix.reference.windows import split_windows

_LOST = "NaN or infinite in float32, where the original is finite in float32 and in float64"


@dataclasses.dataclass(frozen=True)
class _Place:
    """A tensor that both sides have.

    Attributes:
      probe: the Keras operation that makes it.
      tensor: its name in the original graph; of an output, the name that was asked for.
      in_model: it in the Keras model; of an output, what the model gives for it.
      permutation: np.transpose(original, permutation) is the model's.
      recorded: names of the recorded tensors that are the same.
    """

    probe: Probe
    tensor: str
    in_model: Tensor
    permutation: tuple[int, ...] | None
    recorded: tuple[str, ...]


def compare_layers(
    flow: Dataflow,
    migration: Migration,
    feeds: Mapping[str, Any],
    keras_inputs: Mapping[str, np.ndarray],
    recorded: Mapping[str, np.ndarray],
    performers: Sequence[Inference | Training] = (Inference(False), Inference(True)),
    progress: bool | None = False,
    called: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[LayerParity], list[str]]:
    """Returns a row for each layer, in data-flow order, and a line for each wrong recorded tensor.

    Args:
      flow: of the model.
      migration: the graph it was made from.
      feeds: value by tensor name of the graph: inputs and switches.
      keras_inputs: the inputs by Keras name.
      recorded: value by tensor name of the graph, taken as the float32 original.
      performers: how the model is run in float32 and in float64; where it is in training mode, so
        is the graph.
      progress: whether to draw a bar; None for where standard error is a terminal.
      called: the model's own name of a planned layer, by the planned one.
    Returns: the rows and lines. What the model has no operation for is left out, but never an
      output.
    Raises:
      ParityError: an output of the model is none of its layers'.
      UsageError: the original computes no finite number somewhere, which hides what follows.
    """
    training = isinstance(performers[0], Training)
    tensors = flow.find_tensors(migration.probes, called)
    places = _find_places(flow, migration, recorded, training, tensors)
    known = {name for place in places for name in place.recorded}
    groups = [(place.tensor, *place.recorded) for place in places]
    groups += [(name,) for name in recorded if name not in known]
    fetches = [tensor for group in groups for tensor in group]
    exact, rerun = (
        Original(migration.view, migration.read, feeds, fetches, float64, training)
        for float64 in (True, False)
    )
    windows = split_windows((group, exact.size(group[0])) for group in groups)
    single, double = (
        Playback(flow, keras_inputs, [place.in_model for place in places], performer)
        for performer in performers
    )
    rows: list[LayerParity] = []
    wrong: list[str] = []

    def compare_window(
        window: Sequence[str], exact: Mapping[str, np.ndarray], rerun: Mapping[str, np.ndarray]
    ) -> None:
        """A function of its own, so that nothing is kept from one window to the next."""
        wrong.extend(_find_wrong(recorded, window, exact, rerun))
        while len(rows) < len(places) and places[len(rows)].tensor in window:
            place = places[len(rows)]
            _check_finite(place.tensor, exact[place.tensor])
            found = [recorded[name] for name in place.recorded]
            rows.append(
                _compare(
                    place,
                    _moved(exact[place.tensor], place),
                    [_moved(value, place) for value in (*found[:1], rerun[place.tensor])],
                    single.take(place.in_model),
                    double.take(place.in_model),
                )
            )

    exact_run, rerun_run = exact.run(windows), rerun.run(windows)
    label = "layers in training mode" if training else "layers"
    for window in show_progress(windows, label, progress, noun="windows"):
        compare_window(window, next(exact_run), next(rerun_run))
    return judge_by_rounding(rows, migration, feeds, training), wrong


def _find_places(
    flow: Dataflow,
    migration: Migration,
    recorded: Iterable[str],
    training: bool,
    found: Mapping[str, Tensor],
) -> list[_Place]:
    """Returns the places in data-flow order.

    The place of a layer that makes an output is that of the output itself. In training, what comes
    out of a conditional is compared in place of what inference computes inside of it.
    """
    function = migration.function
    outside = _find_outside(migration) if training else {}
    given: dict[str, list[tuple[str, Tensor]]] = {}
    for asked, symbolic in zip(migration.signature.outputs, flow.outputs):
        given.setdefault(function.aliases.get(asked, asked), []).append((asked, symbolic))
    places = []
    for probe in migration.probes:
        inner = [(probe.tensor, found[probe.tensor])] if probe.tensor in found else []
        for name, symbolic in given.pop(probe.tensor, inner):
            tensor = outside.get(name, name)
            if tensor is None:
                continue
            permutation = function.permutations.get(tensor)
            same = [
                name
                for name in recorded
                if (name == tensor or (not training and _is_alias(function, name, probe.tensor)))
                and function.permutations.get(name) == permutation
            ]
            same.sort(key=lambda name: name != tensor)
            places.append(_Place(probe, tensor, symbolic, permutation, tuple(same)))
    if given:
        unproved = [f"'{asked}'" for pairs in given.values() for asked, _ in pairs]
        raise ParityError(explain("Some outputs are those of no layer that is compared", unproved))
    return places


def _is_alias(function: Function, name: str, tensor: str) -> bool:
    return function.aliases.get(name, name) == tensor


def _find_outside(migration: Migration) -> dict[str, str | None]:
    """Returns by tensor that is made inside a conditional what hands it out; None for nothing."""
    tensors = [probe.tensor for probe in migration.probes]
    nodes = {tensor: names.split_tensor_name(tensor)[0] for tensor in tensors}
    inside = set(find_in_branches(migration.view, nodes.values()))
    found: dict[str, str | None] = {t: None for t, node in nodes.items() if node in inside}
    for alias, tensor in migration.function.aliases.items():
        if tensor in found and found[tensor] is None:
            node = migration.view.nodes.get(names.split_tensor_name(alias)[0])
            if node is not None and not find_in_branches(migration.view, [node.name]):
                found[tensor] = alias
    return found


def _check_finite(tensor: str, exact: np.ndarray) -> None:
    """Where all is NaN or infinite, any model that gives the same would be the same function."""
    if exact.size and exact.dtype.kind == "f" and not np.any(np.isfinite(exact)):
        raise UsageError(
            explain(
                f"Nothing can be proved: '{tensor}' has no finite value in the original network",
                cause="the network does not take inputs of these values, or its weights are not "
                "finite.",
                fix="give recorded inputs that it takes with --recording.",
            )
        )


def _moved(value: np.ndarray, place: _Place) -> np.ndarray:
    """Returns a value of the original graph with its axes in the order of the model."""
    return value if place.permutation is None else np.transpose(value, place.permutation)


def _find_wrong(
    recorded: Mapping[str, np.ndarray],
    window: Sequence[str],
    exact: Mapping[str, np.ndarray],
    rerun: Mapping[str, np.ndarray],
) -> list[str]:
    """A recording of another network would make every verdict worthless."""
    wrong: list[str] = []
    for name in dict.fromkeys(window):  # A recorded layer is in it under both its names.
        if name in recorded:
            error = compare.relative_error(recorded[name], exact[name])
            own = compare.relative_error(rerun[name], exact[name])
            if not error <= compare.recorded_limit(own):
                wrong.append(
                    f"'{name}': off by {error:.1e} relative; float32 rounding is {own:.1e}"
                )
    return wrong


def _compare(
    place: _Place,
    exact: np.ndarray,
    originals: Sequence[np.ndarray],
    single: np.ndarray,
    double: np.ndarray,
) -> LayerParity:
    """Returns the row of a layer.

    Args:
      originals: the original in float32: as recorded, where it was, and as run now. Two runs of it
        round differently; what Keras may round is measured by the one that rounds more.
    """
    ruler = compare.Ruler(exact)
    function_error = ruler.measure(double).relative
    original_errors = [ruler.measure(each) for each in originals]
    keras_error = ruler.measure(single)
    allowed = max(error.relative for error in original_errors)
    equal_bits = compare.equal_bits(single, originals[0])
    limit = compare.SURELY_ROUNDING  # Beyond it, what rounding does there is measured.
    floor = compare.rounding_floor(originals[0].dtype)
    verdict = compare.judge(function_error, allowed, keras_error.relative, equal_bits, limit, floor)
    lost = compare.loses_finite(single, [exact, *originals])
    return LayerParity(
        layer=place.in_model.call.name if place.in_model.call else place.in_model.name,
        scope=place.probe.scope,
        kind=place.probe.kind,
        tensor=place.tensor,
        shape=exact.shape,
        scale=ruler.largest,
        function_error=function_error,
        original_error=original_errors[0].relative,
        keras_error=keras_error.relative,
        verdict=Verdict.DIFFERENT if lost else verdict,
        original_ulps=original_errors[0].ulps,
        keras_ulps=keras_error.ulps,
        silent=ruler.silent,
        cause=_LOST if lost else "",
        original_dtype=str(originals[0].dtype),
        keras_dtype=str(single.dtype),
    )
