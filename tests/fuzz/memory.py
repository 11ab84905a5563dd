"""How much memory a process has, and how much it may have. Linux only."""

from __future__ import annotations

import resource

# Of address space, over what the process has at its start: a wall for what runs away.
_WALL = 5 * 2**30


def build_wall() -> None:
    """Lets allocations fail that would take this process far beyond its size now."""
    wall = _read("VmSize") + _WALL
    resource.setrlimit(resource.RLIMIT_AS, (wall, wall))


def start_peak() -> int:
    """Forgets the peak so far; returns the resident bytes now."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return _read("VmRSS")


def read_peak() -> int:
    """Returns the most bytes that were resident since `start_peak`."""
    return _read("VmHWM")


def _read(field: str) -> int:
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024
