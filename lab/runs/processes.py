"""Which process is it, does it still run, and how long ago is "now"? None of it asks the wall clock.

Numbers of processes are used again, so a birth goes with them: on Linux the boot and the clock ticks since it, which
no step of the system's clock can move (the time of day that psutil computes from them moves with it). Elsewhere the
kernel notes the time of day once, when the process begins.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil

BOOT = Path("/proc/sys/kernel/random/boot_id")


def process_started(pid: int) -> str:
    """Return a text that tells a process from any later one with the same number.

    Raises psutil.NoSuchProcess when there is none.
    """
    if sys.platform == "linux":
        try:
            # The name, in brackets, may hold anything; the 22nd field is the start in ticks since boot (proc(5)).
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            return f"{BOOT.read_text().strip()} {fields[19]}"
        except (OSError, IndexError) as error:
            raise psutil.NoSuchProcess(pid) from error
    return f"{psutil.Process(pid).create_time():.2f}"


def process_lives(pid: int, started: str) -> bool:
    """Return whether the process that began at `started` (as `process_started` gave it) still runs; no zombie does."""
    try:
        return process_started(pid) == started and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def process_stopped(pid: int) -> bool:
    """Return whether a process is stopped (by Ctrl-Z, a debugger), so that it will not go on by itself."""
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.NoSuchProcess:
        return False


def steady_seconds() -> float:
    """Return the seconds on a clock that all processes of this machine share since it was started and nobody sets."""
    return time.monotonic()
