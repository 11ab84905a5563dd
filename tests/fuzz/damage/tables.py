"""Damage to an `.index` whose every checksum is right: entries that say something else."""

from __future__ import annotations

from random import Random

from tests.checkpoint.crafting import read_table, table_of
from tests.fuzz.damage.protos import damage_proto
from tests.fuzz.damage.raw import damage_bytes


def damage_index(random: Random, content: bytes) -> tuple[bytes, str]:
    """Returns an `.index` with one to three entries changed, lost, doubled or swapped."""
    from tensorflow.core.protobuf import tensor_bundle_pb2

    entries, told = read_table(content), []
    for _ in range(random.choice([1, 1, 2, 3])):
        place = random.randrange(len(entries))
        key, value = entries[place]
        name = key.decode("latin-1")
        way = random.choice(["field"] * 7 + ["bytes", "gone", "swap", "key", "empty"])
        if way == "field":
            kind = (
                tensor_bundle_pb2.BundleEntryProto if key else tensor_bundle_pb2.BundleHeaderProto
            )
            message = kind.FromString(value) if not told else kind()
            what = damage_proto(random, message) if message.ListFields() else "nothing in it"
            entries[place] = key, message.SerializeToString()
        elif way == "bytes":
            value, what = damage_bytes(random, value)
            entries[place] = key, value
        elif way == "empty":
            entries[place], what = (key, b""), "empty"
        elif way == "gone" and len(entries) > 1:
            what = "gone"
            del entries[place]
        elif way == "swap":
            other = random.randrange(len(entries))
            entries[place], what = (key, entries[other][1]), f"is {entries[other][0]!r}"
        else:
            changed, what = damage_bytes(random, key)
            entries[place] = changed, value
        told.append(f"entry '{name}': {what}")
    return table_of(sorted(entries)), "; ".join(told)
