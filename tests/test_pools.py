"""Work in threads: in order, nothing more than was asked for, one thread for each matrix product."""

from __future__ import annotations

import threading
import time

import pytest
from threadpoolctl import threadpool_info

from lab.threads import CallerLeftError, in_threads, unless


@pytest.mark.parametrize("threads", [None, 1, 2, 8])
def test_answers_come_in_the_order_of_the_questions(threads: int | None) -> None:
    def late_first(number: int) -> int:
        time.sleep(0.005 * (5 - number))
        return number**2

    assert list(in_threads(late_first, range(5), threads)) == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("threads", [1, 2])
def test_what_has_not_begun_when_the_caller_stops_is_left_undone(threads: int) -> None:
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.01)
        return number

    found = in_threads(work, range(100), threads)
    assert next(found) == 0
    found.close()
    assert len(begun) <= 3 * threads


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_reaches_the_caller_and_no_thread_stays(threads: int) -> None:
    def work(number: int) -> float:
        return 1 / (number - 1)

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        list(in_threads(work, range(50), threads))
    assert threading.active_count() == before


def test_long_work_ends_when_its_caller_leaves() -> None:
    left, ended = threading.Event(), []

    def work(number: int) -> int:
        steps = unless(left, lambda: time.sleep(0.005))
        try:
            for _ in range(2000 * number):  # ten seconds, but for the first
                steps()
        except CallerLeftError:
            ended.append(number)
            raise
        return number

    found = in_threads(work, range(3), 3, left)
    assert next(found) == 0
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        found.throw(KeyboardInterrupt())  # type: ignore[attr-defined]
    assert time.monotonic() - begin < 2
    assert sorted(ended) == [1, 2]


def test_numerical_libraries_start_no_threads_of_their_own() -> None:
    def blas_threads(_: int) -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    before = blas_threads(0)
    assert set().union(*in_threads(blas_threads, range(4), 2)) == {1}
    assert blas_threads(0) == before
