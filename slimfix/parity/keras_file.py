"""Loads a `.keras` file: data, not a program, and no larger than it is.

Keras's safe mode stays on, which refuses Lambda layers; and no module is imported because the file
names it: classes that are not Keras's have to be registered by the program that asks.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from typing import Any, Iterator

from slimfix.errors import UsageError, explain, reason
from slimfix.numpy_files import UnreadableError, check_members
from slimfix.parity.without_values import without_values

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MAKERS = ("keras", "builtins")


def load_keras_file(path: str) -> Any:
    """Returns the model of a `.keras` file, not compiled.

    Raises: UsageError: it is damaged, holds what is not Keras's, or declares more than it holds;
      Keras's own sentence is in the text.
    """
    import keras

    try:
        check_keras_file(path)
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # zipfile, json, h5py and Keras have many kinds for damage.
        said = str(error) if isinstance(error, UnreadableError) else reason(error)
        raise UsageError(
            explain(
                f"Keras cannot load '{path}'",
                [said],
                cause="it is no .keras file, or holds layers of your own, or was damaged.",
                fix="load it yourself and give the keras.Model to slimfix.verify_parity.",
            )
        ) from error


def check_keras_file(path: str) -> None:
    """Raises UnreadableError where loading a `.keras` file would run or allocate what it must not.

    Keras makes the weights that config.json describes before it looks at those that there are.
    """
    with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        check_members(members, os.fstat(file.fileno()).st_size)
        held = {member.filename: member.file_size for member in members}
        lacking = [name for name in (_CONFIG, _WEIGHTS) if name not in held]
        if lacking:
            raise UnreadableError(
                f"no '{lacking[0]}' in it; it holds {', '.join(held) or 'nothing'}"
            )
        damaged = archive.testzip()  # Keras reads on where a checksum is wrong.
        if damaged is not None:
            raise UnreadableError(f"'{damaged}': its checksum is wrong")
        config = json.loads(archive.read(_CONFIG))
        # In memory, for h5py seeks to and fro, and a zip archive begins anew for each step back.
        _check_weights(io.BytesIO(archive.read(_WEIGHTS)), held[_WEIGHTS])
    _check_classes(config)
    _check_size(config, held[_WEIGHTS])


def _check_classes(config: Any) -> None:
    import keras

    known = keras.saving.get_custom_objects()
    for each in _objects(config):
        module, name = each.get("module"), each.get("registered_name") or each.get("class_name")
        if (
            module is not None
            and str(module).partition(".")[0] not in _MAKERS
            and name not in known
        ):
            raise UnreadableError(
                f"'{each.get('class_name')}' of module '{module}' is not Keras's, and was not "
                "registered; no code is imported that a file names"
            )


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yields the descriptions of objects in a configuration, in all depths."""
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, dict):
            if "class_name" in each:
                yield each
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)


def _check_weights(file: Any, size: int) -> None:
    """Raises where a weight is declared larger than the file, or lies in another file."""
    import h5py

    def find_fault(name: str, item: Any) -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        if item.external or item.is_virtual:
            return f"'{name}' lies in another file"
        declared = f"{list(item.shape)} {item.dtype}"
        return f"'{name}' is {declared}; the file has {size} bytes" if item.nbytes > size else None

    def find_link(name: str, link: Any) -> str | None:
        return f"'{name}' lies in another file" if isinstance(link, h5py.ExternalLink) else None

    with h5py.File(file, "r") as weights:
        fault = weights.visititems_links(find_link) or weights.visititems(find_fault)
    if fault is not None:
        raise UnreadableError(f"'{_WEIGHTS}': {fault}")


def _check_size(config: Any, size: int) -> None:
    """Raises where a model describes more weights than the file has bytes."""
    total = without_values(_count_described, config)
    if total > size:
        raise UnreadableError(
            f"'{_CONFIG}' describes {total} weights; '{_WEIGHTS}' has {size} bytes"
        )


def _count_described(config: Any) -> int:
    """Returns how many weights a model describes. Raises what Keras does where it is no model."""
    import keras

    model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    return sum(math.prod(variable.shape) for variable in model.variables)
