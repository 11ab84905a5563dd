"""Damage to JSON that stays JSON: values of other types, keys that go or come."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

_NONSENSE: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**30,
    0.5,
    -1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "/",
    "../../x",
    "\x1b[31m\n\u202e",
    "float64",
    "tests/golden/micro/rank2_scale/model.ckpt",
    [],
    [[]],
    [1, "a", None],
    {},
    {"class_name": "Lambda", "config": {}},
)


def damage_json_text(random: Random, content: bytes) -> tuple[bytes, str]:
    """Returns the text of JSON with one to three values changed, and which."""
    if random.random() < 0.02:
        return b"[" * 200_000, "a deep nest of lists"
    value, told = json.loads(content), []
    for _ in range(random.choice([1, 1, 2, 3])):
        value, what = damage_json(random, value)
        told.append(what)
    return json.dumps(value).encode(), "; ".join(told)


def damage_json(random: Random, value: Any) -> tuple[Any, str]:
    """Returns a JSON value with one place in it changed, and which."""
    value = copy.deepcopy(value)
    places = list(_places(value, "$"))
    if not places or random.random() < 0.02:
        other = random.choice(_NONSENSE)
        return other, f"$ = {other!r}"
    home, key, path = random.choice(places)
    way = random.choice(["other", "other", "other", "like", "gone", "twin", "renamed"])
    if way == "other":
        home[key] = copy.deepcopy(random.choice(_NONSENSE))
        return value, f"{path} = {home[key]!r}"
    if way == "like":
        home[key] = _alike(random, home[key])
        return value, f"{path} = {str(home[key])[:80]!r}"
    if way == "gone":
        del home[key]
        return value, f"{path} is gone"
    if way == "renamed" and isinstance(home, dict):
        home[key + "_"] = home.pop(key)
        return value, f"{path} renamed"
    other_home, other_key, other_path = random.choice(places)
    home[key] = copy.deepcopy(other_home[other_key])
    return value, f"{path} is what {other_path} is"


def _places(value: Any, path: str) -> Any:
    """Yields (container, key, path) for every value below."""
    items = value.items() if isinstance(value, dict) else ()
    items = list(enumerate(value)) if isinstance(value, list) else list(items)
    for key, child in items:
        yield value, key, f"{path}.{key}"
        yield from _places(child, f"{path}.{key}")


def _alike(random: Random, value: Any) -> Any:
    """Returns another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value * random.choice([-1, 2, 1000, 10**9]) + random.choice([0, 1])
    if isinstance(value, str):
        return random.choice([value + "x", value[1:], value.upper(), value * 50])
    if isinstance(value, list):
        return random.choice([value * 2, value[1:], value[::-1], [value]])
    return {} if value else {"x": 1}
