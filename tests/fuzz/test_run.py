"""`make fuzz` sees each fault that a reader of damaged files can have, and survives it."""

import contextlib
import io
import os
import re

import pytest

from tests.fuzz.run import main

HEADS = ["refused", "right", "raw exception", "names nothing", "abort", "hang", "over 2 GB"]
HEADS += ["wrong value"]
SEEN_AS = {
    "refuses": "refused",
    "right": "right",
    "raw": "raw exception",
    "exits": "raw exception",
    "nameless": "names nothing",
    "aborts": "abort",
    "hangs": "hang",
    "takes memory": "over 2 GB",
    "asks for memory": "over 2 GB",
    "wrong": "wrong value",
}


def fuzz(home, *arguments):
    """Returns the exit status and what was printed."""
    given = [
        "--families=tests.fuzz.sabotaged",
        f"--home={home}",
        "--limit=6",
        "--workers=1",
        "--memory=150",
    ]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = main([*given, *arguments])
    return status, printed.getvalue()


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """All sabotaged readers, each a few times."""
    home = tmp_path_factory.mktemp("fuzz")
    status, printed = fuzz(home, "--files=24", "--seed=5")
    return home, status, printed


def rows(printed):
    """The cells of the table that are not 0, by family."""
    found = {}
    for line in printed.split("\n\n")[0].splitlines()[1:]:
        family, numbers = line[:20].strip(), list(map(int, line[20:].split()))
        found[family] = {head: n for head, n in zip(HEADS, numbers[1:]) if n}
    return found


def test_each_fault_is_in_its_column(whole_run):
    table = rows(whole_run[2])
    total = table.pop("all")
    assert {family: list(cells) for family, cells in table.items()} == {
        family: [column] for family, column in SEEN_AS.items() if family in table
    }
    assert len(table) == len(SEEN_AS)  # Of 24 files each family has one.
    assert sum(total.values()) == 24


def test_a_fault_gives_exit_status_1_and_none_0(whole_run, tmp_path):
    assert whole_run[1] == 1
    status, printed = fuzz(tmp_path, "--files=5", "--family=refuses", "--family=right")
    assert status == 0
    assert sum(rows(printed)["all"].values()) == 5


def test_a_fault_is_kept_and_can_be_had_again(whole_run, tmp_path):
    home, _, printed = whole_run
    index = re.search(r"raw exception: raw, read: KeyError .*--only=5:(\d+)", printed)[1]
    kept = home / "5" / f"{index}-read"
    assert sorted(os.listdir(kept)) == ["file.txt", "what_happened.txt"]
    status, again = fuzz(tmp_path, f"--only=5:{index}")
    assert status == 1
    assert "KeyError: 'inputs'" in again
    assert rows(again)["raw"] == {"raw exception": 1}
    same = tmp_path / "5" / f"{index}-read" / "file.txt"
    assert same.read_bytes() == (kept / "file.txt").read_bytes()


def test_what_is_as_it_should_be_is_not_kept(whole_run):
    kept = {name.partition("-")[0] for name in os.listdir(whole_run[0] / "5")}
    faults = set(re.findall(r"--only=5:(\d+)", whole_run[2]))
    assert faults <= kept
    good = (
        sum(
            cells
            for row in rows(whole_run[2]).values()
            for head, cells in row.items()
            if head in ("refused", "right")
        )
        // 2
    )
    folders = [name for name in os.listdir(whole_run[0] / "5") if name.endswith("-read")]
    assert len(folders) == 24 - good
