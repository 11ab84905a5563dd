"""A file that holds no message is refused for what it is, before it is read."""

import builtins
import os

import pytest

from slimfix.errors import CheckpointError
from slimfix.graphdef import protos
from slimfix.graphdef.files import read_file
from slimfix.graphdef.meta import read_meta
from slimfix.graphdef.saved_model import read_saved_model
from slimfix.network.sources.frozen_graph import open_frozen_graph

READERS = {
    "model.ckpt.meta": read_meta,
    "saved_model.pb": lambda path: read_saved_model(os.path.dirname(path)),
    "frozen.pb": open_frozen_graph,
}


@pytest.fixture(params=sorted(READERS))
def reader(request, tmp_path):
    """The path of a file, and what reads such."""
    return str(tmp_path / request.param), READERS[request.param]


def never_opened(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("it was opened")

    monkeypatch.setattr(builtins, "open", refuse)


def test_what_protobuf_cannot_read_is_not_opened(reader, monkeypatch):
    path, read = reader
    with open(path, "wb") as file:
        file.truncate(2**31)
    never_opened(monkeypatch)
    with pytest.raises(CheckpointError) as caught:
        read(path)
    assert str(caught.value).startswith(f"'{path}' (2147483648 bytes) is larger than a graph can")


def test_a_file_of_another_user_is_no_traceback(reader, monkeypatch):
    path, read = reader
    with open(path, "wb") as file:
        file.write(b"anything")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(builtins, "open", refuse)
    with pytest.raises(CheckpointError) as caught:
        read(path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"'{path}' cannot be read:"
    assert "PermissionError: [Errno 13] Permission denied" in lines[1]


def test_a_pipe_is_not_waited_for(tmp_path, monkeypatch):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    never_opened(monkeypatch)
    with pytest.raises(CheckpointError, match="is no regular file"):
        read_file(path, protos.GraphDef)


def test_what_is_no_message_is_none(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"\xff\xff")
    assert read_file(str(path), protos.GraphDef) is None
