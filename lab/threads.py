"""Threads: how many the machine lends, and work in them without the numerical libraries starting their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from threading import Event
from typing import Any, TypeVar, cast

from lab.errors import LabError

Item = TypeVar("Item")
Made = TypeVar("Made")


class CallerLeftError(Exception):
    """Ends work in a thread whose caller no longer waits for it."""


def in_threads(
    work: Callable[[Item], Made], items: Iterable[Item], threads: int | None = None, left: Event | None = None
) -> Iterator[Made]:
    """Yield `work(item)` in the order of `items`, several at a time (default: on all cores).

    Matrix products stay in the thread that asks for them, so results cannot depend on how many there are. What has
    not begun when the caller stops, or an item fails, is left undone; what runs then is waited for, unless it asks
    `left`, which is set at the end (see `unless`).
    """
    with one_blas_thread():
        if (threads or cores()) == 1:
            yield from map(work, items)
            return
        pool, failed = ThreadPoolExecutor(threads or cores()), list[BaseException]()

        def watched(item: Item) -> Made:
            try:
                return work(item)
            except CallerLeftError:
                raise
            except BaseException as error:  # told to the others at once: `map` looks at one item after the other
                failed.append(error)
                if left is not None:
                    left.set()
                raise

        try:
            yield from pool.map(watched, items)
        except CallerLeftError as error:
            raise failed[0] if failed else error from None
        finally:
            if left is not None:
                left.set()
            pool.shutdown(cancel_futures=True)


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return a context in which matrix products stay in the thread that asks for them."""
    return cast(AbstractContextManager[Any], _blas().limit(limits=1, user_api="blas"))


def unless(left: Event, step: Callable[[], None]) -> Callable[[], None]:
    """Return `step`, but raising CallerLeftError once `left` is set: Ctrl-C reaches the main thread only."""

    def asking() -> None:
        if left.is_set():
            raise CallerLeftError
        step()

    return asking


def cores() -> int:
    """Return how many cores this process may use: `FEATURE_LAB_THREADS`, or all that the system lends it."""
    if given := os.environ.get("FEATURE_LAB_THREADS"):
        if not given.isdecimal() or not int(given):
            raise LabError(f"FEATURE_LAB_THREADS is {given!r}; it must be a number of threads, 1 or more")
        return int(given)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
