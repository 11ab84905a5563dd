"""Freezes batch norm in a Keras 3 model, through what is trainable in it."""

from __future__ import annotations

import dataclasses
from typing import Any, Iterator, Sequence

from slimfix.errors import FreezeError, UsageError, count, explain
from slimfix.freezing.record import BatchNormState, FreezeRecord
from slimfix.freezing.refusals import refuse_empty
from slimfix.scopes import pick_by_scope


@dataclasses.dataclass(frozen=True)
class _Found:
    """One layer, and the names of the layers that lead to it, itself included.

    A shared one has a path for each place where it is held; the target itself has its own name.
    """

    layer: Any
    paths: list[tuple[str, ...]]


def freeze_in_keras(
    target: Any, scopes: Sequence[str] | None, statistics: bool, affine: bool
) -> FreezeRecord:
    """Freezes batch norms of a Keras 3 model or layer; see slimfix.freeze_batch_norm."""
    keras = _import_keras_3()
    if keras is None or not isinstance(target, keras.layers.Layer):
        raise UsageError(
            explain(
                f"Cannot freeze a {type(target).__module__}.{type(target).__qualname__}",
                fix="hand over a tf.Graph, or a Keras 3 model or layer.",
            )
        )
    found = [
        each for each in _find(target) if isinstance(each.layer, keras.layers.BatchNormalization)
    ]
    refuse_empty(found, f"{type(target).__name__} '{target.name}'")
    known = [{_spell(name) for path in each.paths for name in _tails(path)} for each in found]
    chosen = [True] * len(found)
    if scopes is not None:
        spelled = [_spell(scope) for scope in ([scopes] if isinstance(scopes, str) else scopes)]
        picked = pick_by_scope(set().union(*known), spelled, "scopes", "batch norm")
        chosen = [not picked.isdisjoint(each) for each in known]
    layers = [each.layer for each, is_chosen in zip(found, chosen) if is_chosen]
    _refuse_running(target)
    if not (statistics and affine):
        _refuse_unbuilt(layers)
    for layer in layers:
        _freeze(layer, statistics, affine)
    states = tuple(_read_back(target, each, is_chosen) for each, is_chosen in zip(found, chosen))
    return FreezeRecord(states, statistics, affine, _notes(len(layers), statistics, affine))


def _import_keras_3() -> Any | None:
    try:
        import keras
    except ImportError:
        return None
    return keras if int(keras.__version__.partition(".")[0]) >= 3 else None


def _find(target: Any) -> Iterator[_Found]:
    """Yields `target` and every layer below it, once, with the paths that lead there."""
    found: dict[int, _Found] = {}
    pending: list[tuple[Any, tuple[str, ...]]] = [(target, ())]
    while pending:
        layer, path = pending.pop()
        # The one list of layers that models, wrappers and custom layers share; Model.layers is it.
        children = list(layer._flatten_layers(include_self=False, recursive=False))
        pending.extend((child, (*path, child.name)) for child in reversed(children))
        found.setdefault(id(layer), _Found(layer, [])).paths.append(path or (layer.name,))
    yield from found.values()


def _tails(path: tuple[str, ...]) -> Iterator[str]:
    """Yields the names under which a scope may mean a layer: from each model that holds it on."""
    for start in range(len(path)):
        yield "/".join(path[start:])


def _spell(name: str) -> str:
    """Returns a name as slim spells it: slimfix.migrate makes 'net__conv1' of 'net/conv1'."""
    return name.replace("__", "/")


def _freeze(layer: Any, statistics: bool, affine: bool) -> None:
    parameters = [each for each in (layer.beta, layer.gamma) if each is not None]
    train = [each.trainable and not affine for each in parameters]
    if statistics:
        layer.trainable = False  # Inference mode. It stops beta and gamma too.
    for parameter, trains in zip(parameters, train):
        parameter.trainable = trains


def _refuse_running(target: Any) -> None:
    """Raises where a train step is compiled: it goes on doing what it was compiled for."""
    models = [each.layer for each in _find(target) if getattr(each.layer, "train_function", None)]
    if models:
        raise FreezeError(
            explain(
                f"Cannot freeze: the train step of {count(len(models), 'model')} is compiled "
                "already",
                [f"'{model.name}'" for model in models],
                cause="fit or train_on_batch ran before; its compiled step would go on moving "
                "what is to be frozen.",
                fix="call compile again, with optimizer=model.optimizer to keep its state, and "
                "freeze before the next fit.",
            )
        )


def _refuse_unbuilt(layers: Sequence[Any]) -> None:
    unbuilt = [layer.name for layer in layers if not layer.built]
    if unbuilt:
        raise FreezeError(
            explain(
                f"Cannot freeze a part of {len(unbuilt)} of {count(len(layers), 'batch norm')}",
                [f"'{name}': has no variables yet" for name in unbuilt],
                cause="the model was not called yet.",
                fix="call the model once, or its build, before freezing.",
            )
        )


def _read_back(target: Any, found: _Found, chosen: bool) -> BatchNormState:
    """Returns what the model says of one batch norm now."""
    layer = found.layer
    trainable = {id(variable) for variable in target.trainable_variables}

    def moves(has: bool, parameter: Any) -> bool | None:
        if not has:
            return None
        return layer.trainable if parameter is None else id(parameter) in trainable

    return BatchNormState(
        name="/".join(found.paths[0]),
        statistics_move=layer.trainable,
        beta_moves=moves(layer.center, layer.beta),
        gamma_moves=moves(layer.scale, layer.gamma),
        normalises_with="batch" if layer.trainable else "moving",
        chosen=chosen,
    )


def _notes(layers: int, statistics: bool, affine: bool) -> tuple[str, ...]:
    """Returns what a .keras file loses: it keeps `trainable` of layers, not of variables."""
    if statistics and affine:
        return ()
    there = (
        "a .keras file and clone_model keep what is trainable by layer, not by variable: there "
        f"{count(layers, 'batch norm')} of this freeze would "
    )
    if statistics:
        have = "have beta and gamma frozen too. Set their `trainable` to True, and freeze again."
        return (there + have,)
    return (there + "train beta and gamma. Freeze again.",)
