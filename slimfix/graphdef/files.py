"""Reads a file that holds one protobuf message, and no more of the disk than that can be."""

from __future__ import annotations

import os
import stat
from typing import Any

from slimfix.errors import CheckpointError, explain, reason
from slimfix.graphdef import protos
from slimfix.graphdef.tensors import MOST_BYTES


def read_file(path: str, message: Any) -> Any:
    """Returns the message of a class of `protos` that a file holds, None where it holds none.

    Raises: CheckpointError: it is no regular file, larger than protobuf reads, or cannot be read.
    """
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise CheckpointError(f"'{path}' is no regular file")
        if found.st_size > MOST_BYTES:
            raise CheckpointError(
                explain(
                    f"'{path}' ({found.st_size} bytes) is larger than a graph can be",
                    cause="it is another kind of file, such as the values of a checkpoint.",
                    fix="name the file of the graph.",
                )
            )
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise CheckpointError(
            explain(
                f"'{path}' cannot be read",
                [reason(error)],
                fix="give this user the right to read it, or copy it to another disk.",
            )
        ) from error
    return protos.parse(message, content)
