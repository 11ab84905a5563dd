"""Runs generated source and proves that it builds the very model that was saved."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any, Iterator, Mapping

import numpy as np

from slimfix.errors import MigrationError, count, explain
from slimfix.migration.build import random_states


def check_source(source: str, model: Any, weights_path: str) -> None:
    """Raises unless a module's `build_model()` gives `model`, and the weights file fills it.

    Both models are compared as Keras would save them: layers, their settings, how they are
    connected, and every weight bit by bit. So they compute the same, without being run. The source
    runs under Keras's default dtype policy, as it says, whatever that of the program is.

    Args:
      source: text of the module; slimfix wrote it.
      model: keras.Model with its weights.
      weights_path: '.weights.h5' file.
    Raises: MigrationError: the source does not run, or what it builds differs; names every layer
      or weight.
    """
    try:
        namespace: dict[str, Any] = {"__name__": "slimfix_generated_model"}
        with _default_policy():
            exec(compile(source, "model.py", "exec", dont_inherit=True), namespace)
            rebuilt = namespace["build_model"]()
        different = _different_layers(model, rebuilt)
        if not different:
            rebuilt.load_weights(weights_path)
            different = _different_weights(model, rebuilt)
    except Exception as error:  # Whatever Keras or the source raises, the source is wrong.
        raise _wrong([f"{type(error).__name__}: {error}"]) from error
    if different:
        raise _wrong(different)


@contextlib.contextmanager
def _default_policy() -> Iterator[None]:
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def _wrong(items: list[str]) -> MigrationError:
    return MigrationError(
        explain(
            f"The generated model.py is not the migrated model: {count(len(items), 'difference')}",
            items,
            cause="a fault in slimfix's source generator; the model itself is not concerned.",
            fix="report it with the graph; slimfix.migration.convert() gives the model meanwhile.",
        )
    )


def _different_layers(model: Any, rebuilt: Any) -> list[str]:
    """Compares what Keras saves of two models; operations count by their place, not their name."""
    if len(model.operations) != len(rebuilt.operations):
        numbers = len(model.operations), len(rebuilt.operations)
        return ["layers and operations: saved {}; model.py {}".format(*numbers)]
    layers = {id(layer) for layer in rebuilt.layers}
    counted = set()  # Names of operations that Keras counts through the process.
    for saved, own in zip(model.operations, rebuilt.operations):
        if id(own) not in layers and own.name != saved.name:
            counted.add(_without_number(own.name))
            own.name = saved.name
    hit = [layer.name for layer in rebuilt.layers if _without_number(layer.name) in counted]
    if hit:
        return [f"'{name}': in another process Keras may call an operation so" for name in hit]
    saved, own = json.loads(model.to_json()), json.loads(rebuilt.to_json())
    if saved == own:
        return []
    items = [
        item
        for each, other in zip(saved["config"]["layers"], own["config"]["layers"])
        for item in _different_settings(each, other)
    ]
    return items or ["inputs, outputs or name of the model"]


def _without_number(name: str) -> str:
    return re.sub(r"_\d+$", "", name)


def _different_settings(saved: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """Returns a line for each setting of a layer, and each part of its place, that differs."""
    pairs = [(key, saved["config"].get(key), value) for key, value in own["config"].items()]
    pairs += [(key, saved[key], own[key]) for key in ("class_name", "inbound_nodes")]
    return [
        f"'{saved['name']}' {key}: saved {json.dumps(wanted)}; model.py {json.dumps(found)}"
        for key, wanted, found in pairs
        if wanted != found
    ]


def _different_weights(model: Any, rebuilt: Any) -> list[str]:
    import keras

    skipped = random_states(model)
    pairs = zip(model.weights, rebuilt.weights)
    different = []
    if [w.path for w in model.weights] != [w.path for w in rebuilt.weights]:
        return ["the weights have other names or another order"]
    for saved, own in pairs:
        if saved.path in skipped:
            continue
        wanted, found = (np.asarray(keras.ops.convert_to_numpy(each)) for each in (saved, own))
        if wanted.dtype != found.dtype or wanted.tobytes() != found.tobytes():
            different.append(f"'{saved.path}': model.weights.h5 gives other values")
    return different
