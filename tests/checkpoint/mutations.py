"""Damages copies of the golden checkpoints, and says what reading them gave.

    python -m tests.checkpoint.mutations SEED COUNT FOLDER

Each copy must be refused with a CheckpointError, or give values that are in the whole checkpoint.
Imports no TensorFlow; the test runs it with a limit on memory and time.
"""

import collections
import glob
import os
import random
import shutil
import sys

import numpy as np

from slimfix.checkpoint import read_checkpoint
from slimfix.errors import CheckpointError
from tests.checkpoint.crafting import (
    CRC,
    change_fields,
    fields,
    read_table_file,
    write_table,
)

GOLDEN = "tests/golden/checkpoints"
PREFIXES = {
    os.path.basename(folder): folder
    + ("/model.ckpt-?????-of-00002" if folder.endswith("v1_sharded") else "/model.ckpt")
    for folder in sorted(glob.glob(f"{GOLDEN}/*"))
}
NUMBERS = [
    0,
    1,
    -1,
    2,
    7,
    14,
    99,
    300,
    1 << 31,
    -(1 << 31),
    (1 << 32) + 1,
    (1 << 63) - 1,
    -(1 << 63),
]


def flip(data, chance):
    for _ in range(chance.choice([1, 1, 1, 8])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def truncate(data, chance):
    del data[chance.randrange(len(data)) :]


def zero(data, chance):
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.choice([1, 4, 64]))
    data[start:end] = bytes(end - start)


def double(data, chance):
    start = chance.randrange(len(data))
    data[start:start] = data[start : start + chance.choice([1, 16, 256])]


def mutate_bytes(path, chance):
    with open(path, "rb") as file:
        data = bytearray(file.read())
    chance.choice([flip, truncate, zero, double])(data, chance)
    with open(path, "wb") as file:
        file.write(data)


def mutate_message(message, chance, depth=0):
    """Changes one field, at any depth, to a number or bytes that no one writes."""
    found = fields(message)
    if not found:
        return bytes(chance.randrange(256) for _ in range(chance.randrange(20)))
    number, kind, value = chance.choice(found)
    if kind == 2 and depth < 6 and chance.random() < 0.7:
        try:
            return change_fields(message, {number: mutate_message(value, chance, depth + 1)})
        except Exception:  # No message, but a text or numbers.
            pass
    if number == CRC and depth == 0:
        return change_fields(message, {CRC: bytes(chance.randrange(256) for _ in range(4))})
    if kind == 2 and chance.random() < 0.5:
        return change_fields(message, {number: value * chance.choice([0, 2, 300])})
    return change_fields(message, {number: chance.choice(NUMBERS)})


def mutate_entries(path, chance):
    """Changes an entry of a table, under right checksums."""
    entries = read_table_file(path)
    at = chance.randrange(len(entries))
    key, value = entries[at]
    action = chance.choice(["field"] * 6 + ["drop", "copy", "key", "garbage", "another's"])
    if action == "field":
        entries[at] = key, mutate_message(value, chance)
    elif action == "drop":
        del entries[at]
    elif action == "copy":
        entries.insert(at, entries[at])
    elif action == "key":
        entries[at] = key[:-1] + bytes([chance.randrange(256)]), value
    elif action == "garbage":
        entries[at] = key, bytes(chance.randrange(256) for _ in range(chance.randrange(40)))
    else:
        entries[at] = key, chance.choice(entries)[1]
    write_table(path, sorted(entries) if chance.random() < 0.8 else entries)


def content(value):
    """The bytes of a value, whatever its shape and dtype."""
    return repr(np.asarray(value, object).tolist()) if is_text(value) else value.tobytes()


def is_text(value):
    return isinstance(value, bytes) or value.dtype == object


def read_all(prefix):
    checkpoint = read_checkpoint(prefix)
    return {name: content(checkpoint.read(name)) for name in checkpoint.variables}


def try_one(name, whole, folder, chance):
    """Returns 'refused', 'right', or what is wrong."""
    copy = os.path.join(folder, name)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(os.path.dirname(PREFIXES[name]), copy)
    path = chance.choice(sorted(glob.glob(f"{copy}/*")))
    is_table = ".data-" not in path
    crafted = is_table and chance.random() < 0.6
    (mutate_entries if crafted else mutate_bytes)(path, chance)
    try:
        found = read_all(os.path.join(copy, os.path.basename(PREFIXES[name])))
    except CheckpointError:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    # Version 1 has no checksums of values: a crafted value is what it says it is.
    believed = crafted and name.startswith("v1")
    return "right" if believed or set(found.values()) <= set(whole.values()) else "wrong values"


def main(seed, count, folder):
    wholes = {name: read_all(prefix) for name, prefix in PREFIXES.items()}
    table = collections.Counter()
    for number in range(seed, seed + count):
        chance = random.Random(number)
        name = chance.choice(sorted(PREFIXES))
        result = try_one(name, wholes[name], folder, chance)
        table[result if result in ("refused", "right") else f"seed {number}, {name}: {result}"] += 1
    for result, times in sorted(table.items()):
        print(f"{times} {result}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
