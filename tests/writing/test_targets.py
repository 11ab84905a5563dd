"""What is there and is not ours to replace is refused before any work, and stays as it is."""

import os
import socket
import stat
import subprocess
import sys

import pytest

from slimfix.checkpoint.writer import check_prefix_is_free
from slimfix.errors import UsageError
from slimfix.writing import check_new_file, check_new_folder, check_replaceable

# What may stand at a target -> (what makes it, what the error calls it).
OBSTACLES = {
    "file": (lambda path: path.write_text("mine"), "a file"),
    "folder": (lambda path: path.mkdir(), "a folder"),
    "link": (lambda path: path.symlink_to(path.parent / "theirs"), "a symbolic link"),
    "dangling": (lambda path: path.symlink_to("/nonexistent/x"), "a symbolic link"),
    "circle": (lambda path: path.symlink_to(path), "a symbolic link"),
    "fifo": (lambda path: os.mkfifo(str(path)), "a FIFO"),
    "socket": (lambda path: socket.socket(socket.AF_UNIX).bind(str(path)), "a socket"),
}


@pytest.fixture(params=sorted(OBSTACLES))
def obstacle(request, tmp_path, monkeypatch):
    """(path of something that is there, what it is); short, for a socket."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs").write_text("theirs")
    make, kind = OBSTACLES[request.param]
    if request.param == "socket":
        make = lambda path: socket.socket(socket.AF_UNIX).bind(path.name)  # noqa: E731
    make(tmp_path / "t")
    before = os.lstat("t")[:3]  # Mode, inode and device.
    yield "t", kind
    assert os.lstat("t")[:3] == before
    assert (tmp_path / "theirs").read_text() == "theirs"


def refused(check, *arguments):
    with pytest.raises(UsageError) as caught:
        check(*arguments)
    return str(caught.value)


def test_a_folder_takes_no_place(obstacle):
    path, kind = obstacle
    assert refused(check_new_folder, path).startswith(f"Output folder 't' exists:\n  it is {kind}")
    assert refused(check_new_folder, path + "/").startswith("Output folder 't/' exists:\n  it is ")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_takes_that_of_a_plain_file_alone_where_that_is_said(obstacle, overwrite):
    path, kind = obstacle
    if kind == "a file" and overwrite:
        assert check_new_file(path, overwrite) == path
    elif kind == "a folder":
        assert refused(check_new_file, path, overwrite).startswith("'t' is a folder; name the file")
    else:
        text = refused(check_new_file, path, overwrite)
        assert text.startswith(f"Output file 't' exists:\n  it is {kind}\nFix: ")
        assert ("--overwrite" in text) == (kind == "a file")


def test_a_saver_replaces_plain_files_alone(obstacle):
    path, kind = obstacle
    if kind == "a file":
        check_replaceable([path, "nothing"])
    else:
        text = refused(check_replaceable, [path, "nothing"])
        assert text.startswith(f"Cannot write over 1 of 2 paths:\n  't' is {kind}\n")


@pytest.mark.parametrize("suffix", ["", ".index", ".meta", ".data-00000-of-00003"])
def test_a_checkpoint_takes_no_place(obstacle, suffix):
    path, _ = obstacle
    os.rename(path, "m" + suffix)
    try:
        text = refused(check_prefix_is_free, "m")
        assert "is taken by 1 file" in text or "that is a folder" in text
    finally:
        os.rename("m" + suffix, path)


def test_a_device_is_told_by_its_mode(tmp_path, monkeypatch):
    """No device is made or opened: only what lstat says is asked."""
    (tmp_path / "t").write_text("")
    real = os.lstat

    def device(path, *arguments, **options):
        found = list(real(path, *arguments, **options))
        if os.path.basename(path) == "t":
            found[0] = stat.S_IFCHR | 0o666
        return os.stat_result(found)

    monkeypatch.setattr(os, "lstat", device)
    path = str(tmp_path / "t")
    assert "it is a device" in refused(check_new_file, path, True)
    assert "it is a device" in refused(check_new_folder, path)
    assert "is a device" in refused(check_replaceable, [path])


CHECKS = {"folder": check_new_folder, "file": check_new_file, "checkpoint": check_prefix_is_free}
WRONG = {
    "nothing": ("", "is an empty string"),
    "bytes": (b"out", "is a bytes; want a str or a pathlib.Path"),
    "number": (7, "is a int; want a str or a pathlib.Path"),
    "none": (None, "is a NoneType; want"),
    "nul": ("a\0b", "holds a NUL character: 'a\\x00b'"),
    "long": ("n" * 300, "File name too long"),
    "below a file": ("file/x", "'file' is no folder that this user may write in"),
    "below a dangling link": ("dangling/x", "dangling' is no folder that this user may write in"),
}


@pytest.mark.parametrize("check", sorted(CHECKS))
@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_can_be_no_target(tmp_path, monkeypatch, check, case):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to("/nonexistent/x")
    path, text = WRONG[case]
    said = refused(CHECKS[check], path).replace(f"{tmp_path}/", "")
    assert text in said
    assert sorted(os.listdir(".")) == ["dangling", "file"]


def test_only_a_folder_may_lack_its_parents(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check_new_folder("a/b/c") == "a/b/c"
    assert "'a/b' is no folder" in refused(check_new_file, "a/b/c")
    assert "'a/b' is no folder" in refused(check_prefix_is_free, "a/b/c")
    assert "File name too long" in refused(check_new_folder, "a/" + "n" * 300 + "/c")


@pytest.mark.parametrize("path", ["out", "out/", "./out", "../here/out", "a/b/out"])
def test_a_free_place_is_given_back_as_it_was_said(tmp_path, monkeypatch, path):
    """Sabotage of the refusals: they can pass."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert check_new_folder(path) == path
    assert check_new_folder(tmp_path / "here" / "p") == str(tmp_path / "here" / "p")


def test_a_folder_of_another_user(tmp_path):
    """Asked as a user that may not write there; the permissions do not bind the superuser."""
    program = (
        "import os, sys\n"
        "from slimfix.writing import check_new_file, check_new_folder\n"
        "from slimfix.checkpoint.writer import check_prefix_is_free\n"
        "os.chdir(sys.argv[1])\n"
        "if os.geteuid() == 0:\n"
        "    os.setgid(65534), os.setuid(65534)\n"
        "for check in check_new_folder, check_new_file, check_prefix_is_free:\n"
        "    try:\n"
        "        check('locked/x')\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__, str(error).splitlines()[1].strip())\n"
        "    check('open/x')\n"
    )
    for name, mode in (("locked", 0o555), ("open", 0o777)):
        (tmp_path / name).mkdir()
        os.chmod(str(tmp_path / name), mode)
    parents = [tmp_path, *tmp_path.parents]
    before = {parent: os.stat(str(parent)).st_mode for parent in parents}
    ours = [parent for parent in parents if os.stat(str(parent)).st_uid == os.geteuid()]
    try:
        for parent in ours:
            os.chmod(str(parent), before[parent] | 0o111)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True,
            text=True,
            env=environment,
        )
    finally:
        for parent in ours:
            os.chmod(str(parent), before[parent])
    line = "UsageError 'locked' is no folder that this user may write in"
    assert done.stderr == ""
    assert [text.replace(f"{tmp_path}/", "") for text in done.stdout.splitlines()] == [line] * 3
