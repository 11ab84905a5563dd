"""What a killed run left goes with the next run for the same target; what is alive stays."""

import os
import signal
import subprocess
import sys

import pytest

from slimfix.writing import new_file, new_files, new_folder, staging

# Starts to write something new, says so, and waits.
_WRITER = """
import sys, time
from slimfix import writing
make = getattr(writing, sys.argv[1])
arguments = {"last": ".index"} if sys.argv[1] == "new_files" else {}
with make(sys.argv[2], **arguments) as whole:
    with open(whole + "/half" if sys.argv[1] == "new_folder" else whole + ".index", "w") as file:
        file.write("half")
    print("writing", flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=["new_folder", "new_file", "new_files"])
def kind(request):
    return request.param


@pytest.fixture
def start(tmp_path):
    """Starts a process that is amid writing a target; each is ended."""
    running = []

    def run(kind, target):
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, kind, str(target)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        running.append(process)
        assert process.stdout.readline() == "writing\n"
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def write(kind, target):
    """Writes a target whole, as the next run does."""
    if kind == "new_folder":
        with new_folder(target) as folder, open(os.path.join(folder, "a"), "w") as file:
            file.write("whole")
    elif kind == "new_file":
        with new_file(target) as path, open(path, "w") as file:
            file.write("whole")
    else:
        with new_files(str(target), last=".index") as prefix:
            for suffix in (".index", ".data"):
                with open(prefix + suffix, "w") as file:
                    file.write("whole")


def made(kind):
    return {"new_folder": ["t"], "new_file": ["t"], "new_files": ["t.data", "t.index"]}[kind]


def left(tmp_path):
    return sorted(name for name in os.listdir(str(tmp_path)) if name.startswith(".slimfix-"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_next_run_removes_what_a_killed_one_left(tmp_path, start, kind, number):
    process = start(kind, tmp_path / "t")
    process.send_signal(number)
    process.communicate()
    assert len(left(tmp_path)) == 1
    write(kind, tmp_path / "t")
    assert sorted(os.listdir(str(tmp_path))) == made(kind)


def test_what_is_alive_stays(tmp_path, start, kind):
    process = start(kind, tmp_path / "t")
    (alive,) = left(tmp_path)
    write(kind, tmp_path / "t")
    assert sorted(os.listdir(str(tmp_path))) == [alive, *made(kind)]
    assert process.poll() is None


def test_what_is_anothers_target_stays(tmp_path, start, kind):
    """'t' is not 't2', nor 't.index', although the one begins with the other."""
    process = start(kind, tmp_path / "t2")
    process.kill()
    process.communicate()
    (dead,) = left(tmp_path)
    write(kind, tmp_path / "t")
    assert sorted(os.listdir(str(tmp_path))) == [dead, *made(kind)]


def test_ctrl_c_leaves_nothing(tmp_path, start, kind):
    process = start(kind, tmp_path / "deep" if kind == "new_folder" else tmp_path / "t")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert "KeyboardInterrupt" in err
    assert os.listdir(str(tmp_path)) == []


def abandoned(tmp_path, target, files):
    mark = os.path.basename(staging_name(tmp_path, target))
    folder = tmp_path / (mark[: -len("12345678")] + "deadbeef")
    folder.mkdir()
    for name in files:
        (folder / name).write_text("left")
    return folder


def staging_name(tmp_path, target):
    with staging.staging(str(tmp_path / target)) as folder:
        return folder


@pytest.mark.parametrize("files", [[], ["lock"], ["lock", "whole"]])
def test_wherever_a_run_was_killed(tmp_path, files):
    folder = abandoned(tmp_path, "t", files)
    write("new_file", tmp_path / "t")
    assert not folder.exists()


def test_what_has_no_lock_and_is_not_empty_is_not_ours(tmp_path):
    folder = abandoned(tmp_path, "t", ["precious"])
    write("new_file", tmp_path / "t")
    assert os.listdir(str(folder)) == ["precious"]


def test_a_link_with_such_a_name_is_not_followed(tmp_path):
    folder = abandoned(tmp_path, "t", ["lock"])
    moved = tmp_path / "theirs"
    os.rename(str(folder), str(moved))
    folder.symlink_to(moved)
    write("new_file", tmp_path / "t")
    assert os.listdir(str(moved)) == ["lock"]


def test_where_nothing_can_be_locked_nothing_is_removed(tmp_path, monkeypatch):
    """Windows has no fcntl; some network file systems refuse to lock."""
    folder = abandoned(tmp_path, "t", ["lock"])

    def refuse(*arguments):
        raise OSError(95, "Operation not supported")

    with monkeypatch.context() as patched:
        patched.setattr(staging.fcntl, "flock", refuse)
        write("new_file", tmp_path / "t")
    with monkeypatch.context() as patched:
        patched.setattr(staging, "fcntl", None)
        os.remove(str(tmp_path / "t"))
        write("new_file", tmp_path / "t")
    assert sorted(os.listdir(str(tmp_path))) == [folder.name, "t"]


def test_a_folder_that_another_run_takes_for_abandoned_is_made_anew(tmp_path, monkeypatch):
    """The other comes between the making of the folder and its lock."""
    real, taken = staging.tempfile.mkdtemp, []

    def stolen(*arguments, **options):
        folder = real(*arguments, **options)
        if not taken:
            taken.append(folder)
            staging._remove_abandoned(str(tmp_path), os.path.basename(folder)[:-8])
        return folder

    monkeypatch.setattr(staging.tempfile, "mkdtemp", stolen)
    write("new_file", tmp_path / "t")
    assert len(taken) == 1
    assert os.listdir(str(tmp_path)) == ["t"]
