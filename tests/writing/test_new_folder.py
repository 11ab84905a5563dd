"""An output folder is written whole or not at all."""

import os
import stat

import pytest

from slimfix.errors import UsageError
from slimfix.writing import new_folder


def test_the_folder_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "deep" / "out"
    with new_folder(str(target)) as folder:
        with open(os.path.join(folder, "a.txt"), "w") as file:
            file.write("whole")
        assert not target.exists()
    assert (target / "a.txt").read_text() == "whole"
    assert os.listdir(target.parent) == ["out"]


def test_its_mode_is_that_of_any_new_folder(tmp_path):
    os.mkdir(tmp_path / "plain")
    with new_folder(str(tmp_path / "made")):
        pass
    modes = [stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("plain", "made")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_when_the_block_fails(tmp_path, error):
    with pytest.raises(error), new_folder(str(tmp_path / "out")) as folder:
        with open(os.path.join(folder, "a.txt"), "w") as file:
            file.write("half")
        raise error
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("used", [False, True])
def test_parents_that_were_missing_go_too_unless_they_are_used(tmp_path, used):
    with pytest.raises(ValueError), new_folder(str(tmp_path / "a" / "b" / "out")):
        if used:
            (tmp_path / "a" / "theirs").write_text("kept")
        raise ValueError
    assert os.listdir(tmp_path) == (["a"] if used else [])
    if used:
        assert os.listdir(tmp_path / "a") == ["theirs"]


def test_an_existing_folder_is_refused_and_kept(tmp_path):
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists"), new_folder(str(tmp_path)):
        pass
    assert (tmp_path / "kept.txt").read_text() == "mine"


def test_a_file_on_the_way_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file' is no folder"), new_folder(
        str(tmp_path / "file" / "out")
    ):
        pass
