"""How long work says where it is: one call per step, received by the terminal, a run folder or nobody.

`Progress` is a function of (stage, done, total, unit). Work calls it often (it must be cheap); whoever receives it
decides how often to show it. Work is cancelled by ending its process, so there is no return value to check.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Protocol


class Progress(Protocol):
    """Receives the state of long work: `stage` is a phrase for people, `unit` what is counted ("images", "layers")."""

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None: ...


def silent(stage: str, done: int, total: int, unit: str) -> None:
    """Ignore progress."""


def both(first: Progress, second: Progress) -> Progress:
    """Return a progress that tells two receivers."""

    def told(stage: str, done: int, total: int, unit: str) -> None:
        first(stage, done, total, unit)
        second(stage, done, total, unit)

    return told


def counted(progress: Progress, stage: str, total: int, unit: str, done: int = 0) -> Callable[[], None]:
    """Return what is called once per step, from whichever thread, and tells how many there have been."""
    lock = Lock()

    def step() -> None:
        nonlocal done
        with lock:
            done += 1
            progress(stage, done, total, unit)

    return step
