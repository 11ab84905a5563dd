"""A weight that has other values than the checkpoint's."""

from __future__ import annotations

import dataclasses
from typing import Callable

import numpy as np

from tests.mutants.search.edits.registry import Change, Make, Scene, quoted, register_all


def _one_ulp(value: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    changed = value.copy()
    place = tuple(int(draw.integers(size)) for size in value.shape)
    changed[place] = np.nextafter(changed[place], np.float32(np.inf))
    return changed


def _one_lost(value: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    changed = value.copy()
    changed[tuple(int(draw.integers(size)) for size in value.shape)] *= np.float32(0.5)
    return changed


def _rounded(value: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return value.astype(np.float16).astype(np.float32)


def _rolled(axis: int) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    return lambda value, _: np.roll(value, 1, axis)


def _transposed(value: np.ndarray, _: np.random.Generator) -> np.ndarray:
    if value.ndim < 2 or value.shape[0] != value.shape[1]:
        return value
    return np.swapaxes(value, 0, 1)


_CHANGES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "one_ulp": _one_ulp,
    "one_element": _one_lost,
    "rounded_to_float16": _rounded,
    "negated": lambda value, _: -value,
    "zero": lambda value, _: np.zeros_like(value),
    "scaled": lambda value, _: value * np.float32(1.01),
    "shifted": lambda value, _: value + np.float32(0.05),
    "outputs_rolled": _rolled(-1),
    "first_axis_rolled": _rolled(0),
    "transposed": _transposed,
    "flipped": lambda value, _: np.flip(value),
    "clipped": lambda value, _: np.clip(value, -0.5, 0.5),
    "drawn_anew": lambda value, draw: np.abs(draw.normal(size=value.shape)).astype(np.float32),
}


def _changing(name: str) -> Make:
    def make(scene: Scene) -> Change:
        changes = []
        generator = np.random.default_rng(scene.draw.randrange(2**32))
        for node in scene.sketch.nodes:
            for key, value in node.values.items():
                made = _CHANGES[name](value, generator)
                if value.dtype == np.float32 and made.tobytes() != value.tobytes():
                    changes.append((node, key, made))
        node, key, made = scene.one_of(changes)

        def put(each):
            if each.name != node.name:
                return each
            return dataclasses.replace(each, values={**each.values, key: made})

        causes = (f"{quoted(node)}.*{key}|{key}|bits|kernel|channels|epsilon|checkpoint",)
        text = f"{key} of '{node.name}' {name.replace('_', ' ')}"
        return Change(scene.sketch.mapped(put), text, causes, shows="ulp" not in name)

    return make


def _swapped(scene: Scene) -> Change:
    """Two weights of one shape, of one layer or of two."""
    held = [(n, key) for n in scene.sketch.nodes for key in n.values]
    pairs = [
        (one, other)
        for index, one in enumerate(held)
        for other in held[index + 1 :]
        if one[0].values[one[1]].shape == other[0].values[other[1]].shape
        and one[0].values[one[1]].tobytes() != other[0].values[other[1]].tobytes()
        and (one[0].name, one[1]) != (other[0].name, other[1])
    ]
    (one, key), (other, other_key) = scene.one_of(pairs)

    def put(node):
        values = dict(node.values)
        if node.name == one.name:
            values[key] = other.values[other_key]
        if node.name == other.name:
            values[other_key] = one.values[key]
        return dataclasses.replace(node, values=values)

    causes = ("swapped", "bits", quoted(one, other), "in place of")
    text = f"{key} of '{one.name}' and {other_key} of '{other.name}' swapped"
    return Change(scene.sketch.mapped(put), text, causes)


register_all(
    "weights",
    {**{f"weight_{name}": _changing(name) for name in _CHANGES}, "weights_swapped": _swapped},
)
