"""Which process is it, and does it still run? Numbers of processes are used again, so a time goes with them."""

from __future__ import annotations

import psutil


def process_started(pid: int) -> float:
    """Return when a process was created, which tells it from a later one with the same number."""
    return psutil.Process(pid).create_time()


def process_lives(pid: int, started: float) -> bool:
    """Return whether the process that was created at `started` still runs (a zombie does not)."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
