"""What a recording says of itself, in JSON: checked before anything believes it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Mapping

import numpy as np

from slimfix.errors import reason
from slimfix.numpy_files import UnreadableError
from slimfix.reference.optimizers import KINDS, Optimizer


def read_header(text: str) -> dict[str, Any]:
    """Returns the header of a recording, its types checked.

    Raises: UnreadableError: it is no JSON, lacks a part, or one is of another type.
    """
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"'recording' is no JSON: {reason(error)}") from error
    if not isinstance(header, dict):
        raise UnreadableError(f"'recording' is a JSON {type(header).__name__}; want an object")
    wrong = _find_wrong(header)
    if wrong:
        raise UnreadableError("'recording': " + "; ".join(wrong))
    return header


def read_optimizer(settings: Mapping[str, Any]) -> Optimizer:
    """Returns the optimizer of a header, of which a later version may say more."""
    known = {field.name for field in dataclasses.fields(Optimizer)}
    return Optimizer(**{key: value for key, value in settings.items() if key in known})


def _find_wrong(header: Mapping[str, Any]) -> list[str]:
    wrong = [
        f"no '{key}'" for key in ("format", "sha256", "switches", "versions") if key not in header
    ]
    wrong += _not_all(header.get("versions", {}), str, "versions")
    wrong += _not_all(header.get("switches", {}), bool, "switches")
    if not wrong and "tensorflow" not in header["versions"]:
        wrong.append("no 'tensorflow' in versions")
    if header.get("optimizer") is not None:
        wrong += _find_wrong_optimizer(header["optimizer"])
    return wrong


def _not_all(values: Any, kind: type, where: str) -> list[str]:
    if not isinstance(values, dict):
        return [f"{where} is {values!r}; want an object"]
    return [
        f"{where} has {name!r}: {value!r}; want a {kind.__name__}"
        for name, value in values.items()
        if not isinstance(value, kind)
    ]


def _find_wrong_optimizer(settings: Any) -> list[str]:
    if not isinstance(settings, dict) or settings.get("kind") not in KINDS:
        return [f"optimizer is {settings!r}; want one of kind {', '.join(KINDS)}"]
    numbers = [field.name for field in dataclasses.fields(Optimizer) if field.name != "kind"]
    wrong = [
        f"optimizer has {name}={settings[name]!r}; want a number"
        + (", above 0" if name == "learning_rate" else " from 0 to 1")
        for name in numbers
        if name in settings and not _is_setting(name, settings[name])
    ]
    return wrong if "learning_rate" in settings else [*wrong, "no learning_rate in optimizer"]


def _is_setting(name: str, value: Any) -> bool:
    if type(value) not in (int, float):
        return False
    if name == "learning_rate":
        return bool(0 < value < np.finfo(np.float32).max)
    return 0 <= value <= 1
