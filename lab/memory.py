"""How much memory this process can still have, and refusing what does not fit before it is begun."""

from __future__ import annotations

from pathlib import Path

from lab.errors import LabError

# What a process in a container may have and has: version 2 of control groups, then version 1
CONTROL_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def available_memory() -> int:
    """Return the bytes that can be had without swapping, within the limits of a container."""
    import psutil

    found = [int(psutil.virtual_memory().available)]
    for limit, usage in CONTROL_GROUPS:
        try:
            found.append(int(Path(limit).read_text()) - int(Path(usage).read_text()))
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
    return max(0, min(found))


def check_memory(needed: int, what: str, instead: str) -> None:
    """Raise LabError when `what` needs more bytes than there are; `instead` is the way out."""
    there = available_memory()
    if needed > there:
        raise LabError(f"{what} needs {in_words(needed)} of memory and {in_words(there)} are free; {instead}")


def in_words(size: int) -> str:
    """Return a number of bytes as people write it."""
    for scale, unit in ((1e9, "GB"), (1e6, "MB")):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size / 1e3:,.0f} kB"
