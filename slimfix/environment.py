"""Where Keras 3 has to be: the check that comes before any work."""

from __future__ import annotations

from importlib import metadata

from slimfix.errors import UnsupportedEnvironmentError, explain

# Older ones forget the names of some operations in a saved model.
_OLDEST_KERAS = (3, 12)


def check_environment() -> None:
    """Raises UnsupportedEnvironmentError unless Keras 3.12 or later is installed."""
    try:
        version = metadata.version("keras")  # Not of the module, which takes seconds to import.
    except metadata.PackageNotFoundError:
        version = "none"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < _OLDEST_KERAS:
        raise UnsupportedEnvironmentError(
            explain(
                f"Migration needs Keras {_OLDEST_KERAS[0]}.{_OLDEST_KERAS[1]} or later; "
                f"installed: {version}",
                cause="this is the legacy environment, where slimfix trains and saves only.",
                fix="copy the checkpoint and its .meta to an environment with Python 3.10 or "
                "later, and there: pip install slimfix",
            )
        )
