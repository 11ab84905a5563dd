"""Python names for functions, parameters and tensors, made from scopes, which may hold any text."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import Collection, Sequence

from slimfix import names
from slimfix.source.steps import Step

# What the module itself uses.
_TAKEN = {
    "build_model",
    "i",
    "inputs",
    "keras",
    "layers",
    "name",
    "named",
    "np",
    "ops",
    "scope",
    "x",
}
_SHORT = {
    "AveragePooling2D": "avg_pool",
    "BatchNormalization": "bn",
    "Conv2D": "conv",
    "Conv2DTranspose": "conv_transpose",
    "DepthwiseConv2D": "depthwise_conv",
    "MaxPooling2D": "max_pool",
    "ReLU": "relu",
    "SeparableConv2D": "separable_conv",
    "ZeroPadding2D": "pad",
}
_LONGEST = 4  # Calls of a function that is named by what it calls.


class Identifiers:
    """Gives names that are legal, and different from one another."""

    def __init__(self, taken: Collection[str] = ()):
        self._taken = {*_TAKEN, *dir(builtins), *taken}

    def new(self, wish: str) -> str:
        """Returns `wish`, or `wish` with a number."""
        name = self.free(wish, ())
        self._taken.add(name)
        return name

    def free(self, wish: str, held: Collection[str]) -> str:
        """Returns a name that nothing in `held` has either, without taking it."""
        name, count = wish, 1
        while name in self._taken or name in held:
            count += 1
            name = f"{wish}_{count}"
        return name


def identifier(text: str) -> str:
    """Returns a legal lower-case name that looks like `text`."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "block"
    if name[0].isdigit():
        name = f"n{name}"
    return f"{name}_" if keyword.iskeyword(name) or keyword.issoftkeyword(name) else name


def function_name(scopes: Sequence[str], steps: Sequence[Step], is_branch: bool) -> str:
    """Returns a name for the function that stands for some scopes.

    Few layers are named by what they are: 'conv_bn_relu'; more by what their scopes have in common:
    'bottleneck_v1', or 'block' if that is nothing. A branch is named with the block that it is a
    branch of, 'mixed_6_branch_1', for `branch_1` is what its result is called.
    """
    simple = all("." in step.callee for step in steps)
    if simple and len(steps) <= _LONGEST:
        return "_".join(_kind(step) for step in steps)
    own = _common([names.last_part(scope) for scope in scopes])
    if is_branch:
        outer = _common([names.last_part(names.parent_scope(scope)) for scope in scopes])
        return identifier(f"{outer}_{own or 'branch'}")
    return identifier(own or "block")


def _common(words: Sequence[str]) -> str:
    """Returns what all words begin with, if that is not too little."""
    first, last = min(words), max(words)
    length = next((i for i, (a, b) in enumerate(zip(first, last)) if a != b), len(first))
    common = first[:length].rstrip("_")
    return common if len(common) > 2 else ""


def _kind(step: Step) -> str:
    kind = step.callee.partition(".")[2]
    if kind in _SHORT:
        return _SHORT[kind]
    if kind == "Activation":
        return identifier(step.arguments["activation"])
    return identifier(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind))


def parameter_names(
    places: Sequence[tuple[tuple[str, ...], str]], called: Collection[str]
) -> list[str]:
    """Returns a name for each parameter: that of the setting, with as many scopes as it takes.

    Args:
      places: (parts of the inner scope, name of the setting), all different or nearly so.
      called: what the function calls; a parameter of that name would hide it.
    """
    wishes = [
        list(
            dict.fromkeys(
                identifier("_".join((*parts, key)))
                for parts in ((), inner[:1], inner[-1:], inner[:1] + inner[-1:], inner)
            )
        )
        for inner, key in places
    ]
    level = [0] * len(places)
    while True:
        current = [wish[min(at, len(wish) - 1)] for wish, at in zip(wishes, level)]
        again = [
            i
            for i, name in enumerate(current)
            if current.count(name) > 1 and level[i] < len(wishes[i]) - 1
        ]
        if not again:
            break
        for i in again:
            level[i] += 1
    identifiers = Identifiers(called)
    return [identifiers.new(name) for name in current]
