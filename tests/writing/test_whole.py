"""Whole or not at all, over nothing of another's, with the permissions of any new file."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from slimfix.errors import OutputError, UsageError
from slimfix.writing import new_file, new_files, new_folder, told_when_full, whole


def test_a_file_appears_when_the_block_ends(tmp_path):
    with new_file(tmp_path / "t") as path:
        with open(path, "w") as file:
            file.write("whole")
        assert not (tmp_path / "t").exists()
    assert (tmp_path / "t").read_text() == "whole"
    assert os.listdir(str(tmp_path)) == ["t"]


def test_what_is_replaced_is_there_until_the_end(tmp_path):
    (tmp_path / "t").write_text("before")
    with new_file(tmp_path / "t", overwrite=True) as path:
        with open(path, "w") as file:
            file.write("after")
        assert (tmp_path / "t").read_text() == "before"
    assert (tmp_path / "t").read_text() == "after"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        (tmp_path / "plain").mkdir()
        (tmp_path / "plain" / "f").write_text("")
        with new_folder(tmp_path / "d") as folder, open(folder + "/f", "w"):
            pass
        with new_file(tmp_path / "f") as path, open(path, "w"):
            pass
        with new_files(str(tmp_path / "m"), last=".b") as prefix, open(prefix + ".b", "w"):
            pass
    finally:
        os.umask(before)

    def mode(name):
        return stat.S_IMODE(os.stat(str(tmp_path / name)).st_mode)

    assert mode("d") == mode("plain")
    assert mode("d/f") == mode("f") == mode("m.b") == mode("plain/f")


def fill(kind, target, meanwhile):
    """Writes a target; `meanwhile` is called when all is written but not yet in its place."""
    if kind == "folder":
        with new_folder(target) as folder, open(os.path.join(folder, "a"), "w") as file:
            file.write("ours")
            meanwhile()
    elif kind == "file":
        with new_file(target) as path, open(path, "w") as file:
            file.write("ours")
            meanwhile()
    else:
        with new_files(str(target), last=".index") as prefix:
            for suffix in (".a", ".b", ".index"):
                with open(prefix + suffix, "w") as file:
                    file.write("ours")
            meanwhile()


@pytest.fixture(params=["links", "no links"])
def links(request, monkeypatch):
    """With the hard links of a file system, and on one that has none."""
    if request.param == "no links":

        def refuse(*arguments):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)


def file_at(path):
    return lambda: path.write_text("theirs")


def folder_at(path):
    return lambda: (path.mkdir(), (path / "x").write_text("theirs"))


RACES = [("folder", "t", folder_at), ("folder", "t", file_at), ("file", "t", file_at)]
RACES += [("file", "t", folder_at), ("files", "t.index", file_at), ("files", "t.a", file_at)]


@pytest.mark.parametrize(("kind", "name", "make"), RACES)
def test_a_lost_race_leaves_the_others_result(tmp_path, links, kind, name, make):
    with pytest.raises(OutputError) as caught:
        fill(kind, tmp_path / "t", make(tmp_path / name))
    assert str(caught.value) == (
        f"Cannot write '{tmp_path / 't'}': something came there meanwhile, and was left as it is\n"
        "Likely cause: another run writes to the same place.\n"
        "Fix: look at what is there, or name another place."
    )
    assert os.listdir(str(tmp_path)) == [name]
    path = tmp_path / name
    assert (path / "x" if path.is_dir() else path).read_text() == "theirs"


@pytest.mark.parametrize("kind", ["folder", "file", "files"])
def test_without_a_race_it_comes_to_be(tmp_path, links, kind):
    fill(kind, tmp_path / "t", lambda: None)
    names = ["t.a", "t.b", "t.index"] if kind == "files" else ["t"]
    assert sorted(os.listdir(str(tmp_path))) == names


def test_a_link_that_comes_meanwhile_is_not_followed(tmp_path):
    (tmp_path / "theirs").write_text("theirs")

    def link():
        os.remove(str(tmp_path / "t"))
        (tmp_path / "t").symlink_to("theirs")

    (tmp_path / "t").write_text("before")
    lost = pytest.raises(OutputError, match="something came there meanwhile")
    with lost, new_file(tmp_path / "t", overwrite=True) as path:
        with open(path, "w") as file:
            file.write("ours")
        link()
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert os.path.islink(str(tmp_path / "t"))


def test_the_last_file_comes_last(tmp_path, monkeypatch):
    placed = []
    real = whole._place
    monkeypatch.setattr(
        whole, "_place", lambda a, b: (placed.append(os.path.basename(b)), real(a, b))
    )
    with new_files(str(tmp_path / "t"), last=".b") as prefix:
        for suffix in (".c", ".b", ".a"):
            open(prefix + suffix, "w").close()
    assert placed == ["t.a", "t.c", "t.b"]


FULL = {errno.ENOSPC: "No space left on device", errno.EDQUOT: "Disk quota exceeded"}
FULL.update({errno.EFBIG: "File too large", errno.EROFS: "Read-only file system"})


@pytest.mark.parametrize("number", sorted(FULL))
@pytest.mark.parametrize("kind", ["folder", "file", "files"])
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path, kind, number):
    def full():
        raise OSError(number, os.strerror(number))

    with pytest.raises(OutputError) as caught:
        fill(kind, tmp_path / "deep" if kind == "folder" else tmp_path / "t", full)
    lines = str(caught.value).splitlines()
    assert lines[1:] == [
        f"  {FULL[number]}",
        "Fix: make room there (the disk, a quota, ulimit -f), or name another place.",
    ]
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize(
    "error", [OSError(2, "No such file"), ValueError("x"), UsageError("No space left on device")]
)
def test_other_errors_pass_as_they_are(error):
    with pytest.raises(type(error)) as caught, told_when_full("t"):
        raise error
    assert caught.value is error


def test_a_limit_on_the_size_of_files(tmp_path):
    """The system's own refusal, in a process of its own."""
    program = (
        "import resource, sys\n"
        "from slimfix.writing import new_file\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "with new_file(sys.argv[1]) as path, open(path, 'wb') as file:\n"
        "    file.write(b'x' * 101)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "t")],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert f"OutputError: Cannot write '{tmp_path / 't'}':\n  File too large\n" in done.stderr
    assert os.listdir(str(tmp_path)) == []


def test_a_change_of_the_working_directory_moves_nothing(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with new_file("t") as path:
        open(path, "w").close()
        monkeypatch.chdir(tmp_path)
    assert os.listdir(str(tmp_path / "here")) == ["t"]


def test_two_dots_behind_a_link_mean_what_they_mean_to_the_system(tmp_path, monkeypatch):
    (tmp_path / "far" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "below")
    monkeypatch.chdir(tmp_path)
    with new_file("link/../t") as path:
        open(path, "w").close()
    assert (tmp_path / "far" / "t").exists()
