"""Orders what waits for one another, and so finds what goes round in a circle."""

from __future__ import annotations

from typing import Iterable, Mapping


def sources_first(waits: Mapping[str, Iterable[str]]) -> list[str]:
    """Returns the names, each after all that it waits for.

    Left out are those on a circle, and those that wait for one.

    Args:
      waits: by name, what it waits for: names of the mapping, any number of times.
    """
    left = {name: set(sources) for name, sources in waits.items()}
    readers: dict[str, list[str]] = {}
    for name, sources in left.items():
        for source in sources:
            readers.setdefault(source, []).append(name)
    missing = {name: len(sources) for name, sources in left.items()}
    order = [name for name, count in missing.items() if not count]
    for name in order:  # It grows.
        for reader in readers.get(name, ()):
            missing[reader] -= 1
            if not missing[reader]:
                order.append(reader)
    return order
