"""Damage to protocol buffers that stay valid ones: any field, of any message in them."""

from __future__ import annotations

from random import Random
from typing import Any, Iterator

from tests.fuzz.damage.raw import damage_bytes

_INTEGERS = (0, 1, 2, 3, 7, -1, -2, 127, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1, -(2**63))
_FLOATS = (0.0, -1.0, 1e-30, 3e38, float("nan"), float("inf"))
_TEXTS = ("", "x", "^x", "x:9", "/", "^", ":", "a" * 300, "\x1b[31m", "x\n", "Placeholder", "Const")
_TEXTS += ("PyFunc", "ReadFile", "NoSuchOp", "Identity", "float", "NHWC", "NCHW", "SAME", "VALID")


def damage_proto(random: Random, message: Any) -> str:
    """Changes one to three fields of a message, or of the messages in it; returns which."""
    return "; ".join(_change(random, message) for _ in range(random.choice([1, 1, 1, 2, 3])))


def _change(random: Random, message: Any) -> str:
    # A kind of field first: of ten thousand fields of a graph the rare ones decide as much.
    kinds: dict[str, list[Any]] = {}
    for holder, field, path in _fields(message, ""):
        kinds.setdefault(field.full_name, []).append((holder, field, path))
    if not kinds:
        return "nothing in it"
    holder, field, path = random.choice(kinds[random.choice(list(kinds))])
    if random.random() < 0.1:
        holder.ClearField(field.name)
        return f"{path} cleared"
    if _is_map(field):
        return _change_map(random, holder, field, path)
    if _is_repeated(field):
        return _change_items(random, holder, field, path)
    if field.message_type:
        getattr(holder, field.name).Clear()
        return f"{path} emptied"
    value = _other(random, field, getattr(holder, field.name), kinds)
    setattr(holder, field.name, value)
    return f"{path} = {str(value)[:60]!r}"


def _fields(message: Any, path: str) -> Iterator[Any]:
    """Yields (message, field, path) for every field that is set, in all depths."""
    for field, value in message.ListFields():
        here = f"{path}.{field.name}"
        yield message, field, here
        if _is_map(field):
            if field.message_type.fields_by_name["value"].message_type:
                for key in sorted(value):
                    yield from _fields(value[key], f"{here}[{key}]")
        elif field.message_type and _is_repeated(field):
            for index, item in enumerate(value):
                yield from _fields(item, f"{here}[{index}]")
        elif field.message_type:
            yield from _fields(value, here)


def _change_map(random: Random, holder: Any, field: Any, path: str) -> str:
    entries = getattr(holder, field.name)
    key = random.choice(sorted(entries))
    del entries[key]
    return f"{path}[{key}] is gone"


def _change_items(random: Random, holder: Any, field: Any, path: str) -> str:
    items = getattr(holder, field.name)
    index, other = random.randrange(len(items)), random.randrange(len(items))
    way = random.choice(["gone", "twin", "swap", "value", "value"])
    if way == "gone":
        del items[index]
        return f"{path}[{index}] is gone"
    if field.message_type:
        twin = type(items[index]).FromString(items[index].SerializeToString())
        if way == "twin":
            items.add().CopyFrom(twin)
            return f"{path}[{index}] twice"
        items[index].CopyFrom(items[other])
        items[other].CopyFrom(twin)
        return f"{path}[{index}] and [{other}] swapped"
    if way == "twin":
        items.append(items[index])
        return f"{path}[{index}] twice"
    if way == "swap":
        items[index], items[other] = items[other], items[index]
        return f"{path}[{index}] and [{other}] swapped"
    value = _other(random, field, items[index], {})
    items[index] = value
    return f"{path}[{index}] = {str(value)[:60]!r}"


def _other(random: Random, field: Any, value: Any, kinds: dict[str, list[Any]]) -> Any:
    if field.cpp_type == field.CPPTYPE_STRING:
        if field.type == field.TYPE_BYTES:
            return damage_bytes(random, value)[0]
        alike = [getattr(h, f.name) for h, f, _ in kinds.get(field.full_name, ())]
        return random.choice([*_TEXTS, *random.choices(alike or [value], k=10), value + "_1"])
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return random.choice(_FLOATS)
    if field.cpp_type == field.CPPTYPE_BOOL:
        return not value
    if field.cpp_type == field.CPPTYPE_ENUM:
        return random.choice([0, 1, 2, 3, 7, 9, 10, 14, 20, 21, 101])
    bits = 32 if field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32) else 64
    signed = field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_INT64)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return min(max(random.choice([*_INTEGERS, value + 1, value * 2]), low), high)


def _is_repeated(field: Any) -> bool:
    is_repeated = getattr(field, "is_repeated", None)
    return field.label == field.LABEL_REPEATED if is_repeated is None else bool(is_repeated)


def _is_map(field: Any) -> bool:
    return bool(field.message_type and field.message_type.GetOptions().map_entry)
