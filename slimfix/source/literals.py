"""Values as Python source text that evaluates to the same value, to the bit."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

import numpy as np

_INLINE = 8  # Elements of an array or a list that is written where it is used.
_INLINE_WIDTH = 60
_WIDTH = 96  # Of the lines of a constant.


class Literals:
    """Turns values into source text; long ones become constants of the module.

    Attributes:
      constants: source text by name, in the order of first use.
      uses_numpy: whether any text so far needs `np`.
    """

    def __init__(self) -> None:
        self.constants: dict[str, str] = {}
        self.uses_numpy = False
        self._names: dict[str, str] = {}

    def text(self, value: Any) -> str:
        """Returns the source of a value; the same text for the same value.

        Args:
          value: a setting of a layer or an argument of an operation: None, a number, str, list,
            tuple, dict, slice, the config of a regularizer, or an array.
        """
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, np.generic):
            return self.text(value.item())
        if isinstance(value, str):
            return quoted(value)
        if isinstance(value, float):
            return _float(value)
        if isinstance(value, (list, tuple)):
            return self._sequence(value)
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, slice):
            return _slice(value)
        return repr(value)

    def _sequence(self, value: list[Any] | tuple[Any, ...]) -> str:
        items = [self.text(item) for item in value]
        if isinstance(value, tuple):
            return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
        inline = f"[{', '.join(items)}]"
        is_short = len(items) <= _INLINE and len(inline) <= _INLINE_WIDTH
        return inline if is_short else self._constant(_wrapped(items))

    def _mapping(self, value: Mapping[str, Any]) -> str:
        if value.get("module") == "keras.regularizers" and not value.get("registered_name"):
            factors = ", ".join(f"{key}={self.text(v)}" for key, v in value["config"].items())
            if value["class_name"] in ("L1", "L2") and len(value["config"]) == 1:
                factors = factors.partition("=")[2]
            return f"keras.regularizers.{value['class_name']}({factors})"
        pairs = (f"{self.text(key)}: {self.text(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"

    def _array(self, value: np.ndarray) -> str:
        self.uses_numpy = True
        dtype = quoted(value.dtype.name)
        flat = value.ravel()
        items = [_element(element) for element in flat]
        if value.size > 1 and flat.tobytes() == np.full_like(flat, flat[0]).tobytes():
            return f"np.full({self.text(value.shape)}, {items[0]}, {dtype})"
        inline = f"np.array({_nested(items, value.shape)}, {dtype})"
        if value.size <= _INLINE and len(inline) <= _INLINE_WIDTH:
            return inline
        shape = f".reshape({self.text(value.shape)})" if value.ndim != 1 else ""
        return self._constant(f"np.array({_wrapped(items)}, {dtype}){shape}")

    def _constant(self, text: str) -> str:
        if text not in self._names:
            name = f"CONSTANT_{len(self._names) + 1}"
            self._names[text] = name
            self.constants[name] = text
        return self._names[text]


def _nested(items: list[str], shape: tuple[int, ...]) -> str:
    if not shape:
        return items[0]
    size = len(items) // shape[0] if shape[0] else 0
    rows = [_nested(items[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])]
    return "[" + ", ".join(rows) + "]"


def _element(value: np.generic) -> str:
    """Returns the shortest text that gives the same element of an array of its dtype."""
    item = value.item()
    if not isinstance(item, float):
        return repr(item)
    short = str(value)
    return short if np.isfinite(item) and value.dtype.type(float(short)) == value else _float(item)


def _wrapped(items: Iterable[str]) -> str:
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > _WIDTH:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "[\n" + "\n".join([*lines, line]) + "\n]"


def _slice(value: slice) -> str:
    """Leaves out a step of None, and all but one None of a whole axis."""
    if value == slice(None):
        return "slice(None)"
    parts = (
        (value.start, value.stop) if value.step is None else (value.start, value.stop, value.step)
    )
    return f"slice({', '.join(map(repr, parts))})"


def _float(value: float) -> str:
    """repr() is exact for every float that has digits."""
    return repr(value) if np.isfinite(value) else f'float("{value}")'


def quoted(text: str) -> str:
    """Returns a string literal in double quotes, ASCII alone, whatever the text holds."""
    return '"' + escaped(text) + '"'


def escaped(text: str) -> str:
    """Returns what stands between the double quotes of a literal."""
    inner = ascii(text)
    if inner[0] == "'":
        inner = inner[1:-1].replace("\\'", "'").replace('"', '\\"')
        return inner
    return inner[1:-1]
