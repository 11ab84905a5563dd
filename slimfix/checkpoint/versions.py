"""Whether a checkpoint says of itself that a reader of today can read it.

Source: tensorflow/tensorflow:tensorflow/core/framework/versions.cc, CheckVersions.
"""

from __future__ import annotations

from slimfix.checkpoint.damage import Damage
from slimfix.checkpoint.wire import Message, read_varint

# TF_CHECKPOINT_VERSION and kTensorBundleVersion alike.
_OURS = 1


def check_version(versions: Message) -> None:
    """Raises Damage if a VersionDef shuts out readers of our version."""
    bad = versions.joined(3)
    place = 0
    while place < len(bad):
        number, place = read_varint(bad, place)
        if number == _OURS:
            raise Damage(f"it is not to be read by readers of version {_OURS}")
    if versions.integer(2) > _OURS:
        raise Damage(f"it needs a reader of version {versions.integer(2)}")
    if versions.integer(1) < 0:
        raise Damage(f"it was written by version {versions.integer(1)}")
