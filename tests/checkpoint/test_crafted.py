"""What a file declares is believed only as far as the files bear it out."""

import glob
import os
import shutil

import cramjam
import numpy as np
import pytest

from slimfix.checkpoint import read_checkpoint
from slimfix.errors import CheckpointError
from tests.checkpoint import crafting as c
from tests.checkpoint.crafting import part, rewrite_entry, rewrite_table, shape, varint

GOLDEN = "tests/golden/checkpoints"


@pytest.fixture
def copy(tmp_path):
    """Copies a golden checkpoint; gives the prefix of the copy."""

    def copy(name):
        for path in glob.glob(f"{GOLDEN}/{name}/*"):
            shutil.copy(path, str(tmp_path))
        return str(tmp_path / "model.ckpt")

    return copy


def refusal(prefix):
    """The error of a checkpoint that is refused, when it is opened or read."""
    with pytest.raises(CheckpointError) as caught:
        checkpoint = read_checkpoint(prefix)
        for name in checkpoint.variables:
            checkpoint.read(name)
    text = str(caught.value)
    assert "Likely cause: a file was cut short or damaged" in text
    return text


HUGE = (1 << 63) - 1
# 'float32' is [2,7], 56 bytes; the data file has 6636.
ENTRIES = {
    "a negative size": ({c.SIZE: -56}, "-56 bytes from byte"),
    "a size too large": ({c.SIZE: HUGE}, f"{HUGE} bytes for [2, 7] float32"),
    "a size of another shape": ({c.SIZE: 52}, "52 bytes for [2, 7] float32"),
    "a negative offset": ({c.OFFSET: -8}, "56 bytes from byte -8 on"),
    "an offset beyond the end": ({c.OFFSET: 6600}, "ends at byte 6656 of"),
    "an offset that overflows": ({c.OFFSET: HUGE}, f"ends at byte {HUGE + 56} of"),
    "a file too many": ({c.SHARD: 1}, "data file 1 of 1"),
    "a negative file": ({c.SHARD: -1}, "data file -1 of 1"),
    "no dtype": ({c.DTYPE: None}, "dtype 0 is none"),
    "an unknown dtype": ({c.DTYPE: 99}, "dtype 99 is none"),
    "a reference": ({c.DTYPE: 101}, "dtype 101 is none"),
    "a wider dtype": ({c.DTYPE: 2}, "56 bytes for [2, 7] float64"),
    "a string": ({c.DTYPE: 7}, "the checksum of the lengths of its strings is wrong"),
    "rank 300": ({c.SHAPE: shape(*[1] * 300)}, "rank 300 is more than 254"),
    "rank 70": ({c.SHAPE: shape(*[1] * 68, 2, 7)}, "NumPy cannot hold it"),
    "a negative axis": ({c.SHAPE: shape(-2, -7)}, "the shape [-2, -7] has a negative size"),
    "an overflow to the right size": (
        {c.SHAPE: shape(1 << 32, 1 << 32, 14)},
        "holds 2**63 values or more",
    ),
    "an overflow times nothing": (
        {c.SHAPE: shape(1 << 62, 1 << 62, 0), c.SIZE: 0},
        "holds 2**63 values or more",
    ),
    "a size that NumPy cannot hold": ({c.SHAPE: shape(1 << 62, 0), c.SIZE: 0}, "NumPy cannot"),
    "an unknown rank": ({c.SHAPE: c.field(3, 1)}, "its rank is unknown"),
    "another checksum": ({c.CRC: b"\1\2\3\4"}, "the checksum of the value is wrong"),
    "no checksum": ({c.CRC: b"\0\0\0\0"}, "the checksum of the value is wrong"),
    "another's bytes": ({c.OFFSET: 100}, "lie over each other"),
    "parts that are not there": ({c.PARTS: part((0, 2), None), c.SIZE: 0}, "is missing"),
    "a part outside": ({c.PARTS: part((1, 2), None), c.SIZE: 0}, "takes 2 from 1 on along an axis"),
    "a negative part": ({c.PARTS: part((0, -1), (0, -2)), c.SIZE: 0}, "takes -2 from 0 on"),
    "a part that overflows": ({c.PARTS: part((HUGE, 2), None), c.SIZE: 0}, f"2 from {HUGE} on"),
    "a part of another rank": ({c.PARTS: part(None), c.SIZE: 0}, "a part of rank 1 of a variable"),
    "bytes beside parts": ({c.PARTS: part(None, None)}, "56 bytes for [2, 7] float32"),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_an_entry_that_declares_too_much(copy, case):
    fields, text = ENTRIES[case]
    prefix = copy("v2")
    rewrite_entry(prefix, "float32", fields)
    refused = refusal(prefix)
    assert text in refused
    assert f"'{prefix}" in refused
    assert "float32" in refused


def test_what_is_not_changed_is_read(copy):
    """The sabotage works by its changes: rewritten as it was, a table is read."""
    prefix = copy("v2")
    rewrite_entry(prefix, "float32", {c.SIZE: 56})
    expected = (np.arange(-3, 11).reshape(2, 7) / 3).astype(np.float32)
    np.testing.assert_array_equal(read_checkpoint(prefix).read("float32"), expected)


HEADERS = {
    "big-endian": ({c.ENDIAN: 1}, "the values are big-endian"),
    "no files": ({c.SHARDS: 0}, "the number of data files is 0"),
    "negative files": ({c.SHARDS: -1}, "the number of data files is -1"),
    "files without end": ({c.SHARDS: 1 << 31}, "the number of data files is 2147483648"),
    "other files": ({c.SHARDS: 7}, "model.ckpt.data-00000-of-00007' is missing"),
    "a later version": ({c.VERSIONS: c.field(2, 2)}, "it needs a reader of version 2"),
    "a bad version": ({c.VERSIONS: c.field(3, varint(1))}, "readers of version 1"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_is_not_for_us(copy, case):
    fields, text = HEADERS[case]
    prefix = copy("v2")
    rewrite_entry(prefix, "", fields)
    assert text in refusal(prefix)


def drop(key):
    return lambda entries: [entry for entry in entries if not entry[0].startswith(key)]


def swap(entries):
    return [*entries[:5], entries[6], entries[5], *entries[7:]]


TABLES = {
    "no entries": (lambda entries: [], "the table's index gives other keys than the block"),
    "no header": (lambda entries: entries[1:], "it has no header"),
    "keys that go back": (swap, "does not come after the one before"),
    "a key twice": (lambda entries: [*entries, entries[-1]], "does not come after the one before"),
    "garbage": (lambda entries: [*entries, (b"zz", b"\xff" * 20)], "entry of 'zz': a varint"),
    "a cut entry": (
        lambda entries: [*entries[:-1], (entries[-1][0], entries[-1][1][:-1])],
        "goes beyond the end of its message",
    ),
    "a name that is no text": (lambda entries: [*entries, (b"\xff", entries[-1][1])], "no UTF-8"),
    "lost parts": (drop(b"\0"), "is missing"),
    "parts of nothing": (drop(b"net0/table"), "3 parts belong to no variable"),
}


@pytest.mark.parametrize("case", TABLES)
def test_entries_that_do_not_fit_together(copy, case):
    change, text = TABLES[case]
    prefix = copy("v2_parts")
    rewrite_table(f"{prefix}.index", change)
    assert text in refusal(prefix)


@pytest.mark.parametrize(
    ("extents", "text"),
    [
        ([(0, 3), (2, 2), (5, 2)], "two of its parts lie over each other"),
        ([(0, 3), (3, 2), (3, 2)], "is missing"),
        ([(0, 4), (3, 2), (5, 2)], "its parts hold 24 values, the whole 21"),
        ([(0, 3), (3, 3), (6, 1)], "has another dtype or shape"),
    ],
)
def test_parts_over_each_other(copy, extents, text):
    """As many values as the whole has, but one row twice; each part has an entry."""
    from slimfix.checkpoint.keys import part_key

    prefix = copy("v2_parts")

    def change(entries):
        found = dict(entries)
        names = sorted(key for key in found if key.startswith(b"\0net0/table"))
        values = [found.pop(name) for name in names]
        parts = [((start, length), (0, -1)) for start, length in extents]
        for one, value in zip(parts, values):
            found[part_key("net0/table", one)] = value
        whole = b"".join(c.field(c.PARTS, part(extent, None)) for extent in extents)
        found[b"net0/table"] = c.change_fields(found[b"net0/table"], {c.PARTS: None}) + whole
        return sorted(found.items())

    rewrite_table(f"{prefix}.index", change)
    assert text in refusal(prefix)


def test_who_lies_over_whom_is_told(copy):
    """Not the one before, but the one whose bytes reach farthest."""
    prefix = copy("v2")
    entries = dict(c.read_table_file(f"{prefix}.index"))
    larger = {number: value for number, _, value in c.fields(entries[b"larger"])}
    inside = larger.get(c.OFFSET, 0) + 100
    empty = {c.SHAPE: shape(0), c.SIZE: 0, c.CRC: b"\xd8\xea\x82\xa2"}
    rewrite_entry(prefix, "int32", {**empty, c.OFFSET: inside})
    assert read_checkpoint(prefix).read("int32").shape == (0,)  # Nothing lies over nothing.
    rewrite_entry(prefix, "float32", {c.OFFSET: inside + 8})
    assert "'larger' and 'float32' lie over each other" in refusal(prefix)


def snappy(content):
    return bytes(cramjam.snappy.compress_raw(content))


GOOD_BLOCK = c.block([(b"", b"x"), (b"a", b"y" * 500)])
BLOCKS = {
    "too short": (b"\0\0", 0, "its 2 bytes are too few"),
    "restarts without end": (b"\xff" * 8, 0, "4294967295 restarts do not go into its 8 bytes"),
    "no restart": (b"\0" * 4, 0, "0 restarts"),
    "a restart inside": (c.block([(b"", b"x")], [1]), 0, "no place of a whole key"),
    "a restart outside": (c.block([(b"", b"x")], [0, 99]), 0, "no place of a whole key"),
    "sizes beyond the end": (b"\0\x7f\0" + bytes([0] * 4 + [1, 0, 0, 0]), 0, "beyond its end"),
    "a prefix of nothing": (b"\x05\0\0" + bytes([0] * 4 + [1, 0, 0, 0]), 0, "beyond its end"),
    "an unknown compression": (GOOD_BLOCK, 2, "compression 2 is neither none nor Snappy"),
    "no Snappy": (GOOD_BLOCK, 1, "Snappy cannot"),
    "a Snappy bomb": (varint(1 << 31) + snappy(GOOD_BLOCK)[2:], 1, "cannot make the declared"),
    "another Snappy size": (varint(400) + snappy(GOOD_BLOCK)[2:], 1, "Snappy cannot read it"),
    "keys without end": (
        b"\0\x80\x80\x01\0"
        + b"k" * (1 << 14)
        + b"".join(varint((1 << 14) + n) + b"\1\0k" for n in range(4000))
        + bytes([0] * 4 + [1, 0, 0, 0]),
        0,
        "its keys are longer than a block can hold",
    ),
}


@pytest.mark.parametrize("case", BLOCKS)
def test_a_block_that_is_none(copy, case):
    content, compression, text = BLOCKS[case]
    prefix = copy("v2")
    with open(f"{prefix}.index", "wb") as file:
        file.write(c.table([(b"zzz", content, compression)]))
    refused = refusal(prefix)
    assert text in refused
    assert f"'{prefix}.index': block at byte 0" in refused


def test_a_compressed_table_is_read(copy):
    """Several blocks, and all compressed: as builds of TensorFlow with Snappy write them."""
    prefix = copy("v1")
    entries = c.read_table_file(prefix)
    half = len(entries) // 2
    blocks = [(part[-1][0], snappy(c.block(part)), 1) for part in (entries[:half], entries[half:])]
    with open(prefix, "wb") as file:
        file.write(c.table(blocks))
    found, wanted = read_checkpoint(prefix), read_checkpoint(f"{GOLDEN}/v1/model.ckpt")
    assert found.variables == wanted.variables
    for name in wanted.variables:
        assert np.array_equal(found.read(name), wanted.read(name)) or name == "odd", name


FOOTERS = {
    "no number": (b"\xff" * 40, "a varint has more than 10 bytes"),
    "a number too large": (b"\xff" * 9 + b"\x7f" + bytes(30), "a varint is 2**64 or more"),
    "a place outside": (b"\0\0" + varint(1 << 40) + varint(9), "its 9 bytes go beyond byte"),
    "a size that overflows": (b"\0\0\0" + varint((1 << 64) - 5), "bytes go beyond byte"),
    "no magic": (bytes(48), "the last 8 bytes are not those of a table"),
}


@pytest.mark.parametrize("case", FOOTERS)
def test_a_footer_that_points_nowhere(copy, case):
    handles, text = FOOTERS[case]
    prefix = copy("v2")
    with open(f"{prefix}.index", "r+b") as file:
        file.seek(-48, 2)
        file.write(handles.ljust(40, b"\0"))
    assert text in refusal(prefix)


@pytest.mark.parametrize("ending", [".index", ".data-00000-of-00001"])
def test_a_pipe_in_place_of_a_file(copy, ending):
    """It would keep whoever opens it waiting for ever."""
    prefix = copy("v2")
    os.remove(prefix + ending)
    os.mkfifo(prefix + ending)
    with pytest.raises(CheckpointError, match=r"No checkpoint at|no regular file"):
        read_checkpoint(prefix)


def test_a_missing_file_of_version_1(copy):
    prefix = copy("v1_sharded")
    os.remove(f"{prefix}-00001-of-00002")
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(f"{prefix}-?????-of-00002")
    assert f"misses 1 of 2 files:\n  '{prefix}-00001-of-00002'" in str(caught.value)


def test_an_object_of_tensorflow_is_listed_but_not_read(copy):
    prefix = copy("v2")
    rewrite_entry(prefix, "float32", {c.DTYPE: 21})
    checkpoint = read_checkpoint(prefix)
    assert checkpoint.variables["float32"].dtype == "variant"
    assert checkpoint.read("larger").shape == (40, 30)
    with pytest.raises(CheckpointError, match="a variant is an object of TensorFlow, no array"):
        checkpoint.read("float32")


def test_more_variables_than_any_network_has(copy, monkeypatch):
    prefix = copy("v2")
    number = len(read_checkpoint(prefix).variables)
    monkeypatch.setattr("slimfix.checkpoint.bundle._MOST_VARIABLES", number)
    read_checkpoint(prefix)
    monkeypatch.setattr("slimfix.checkpoint.bundle._MOST_VARIABLES", number - 1)
    assert f"it is entry {number}" in refusal(prefix)
