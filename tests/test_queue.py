"""Runs take turns in the order they came, whatever ends meanwhile, and those that wait are told who is before them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest

from lab.progress import silent
from lab.runs.queue import waiting_turn

SPAWN = multiprocessing.get_context("spawn")


def take_turn(name: str, order: Any, told: Path, go: Event) -> None:
    """A worker that notes when its turn began, and what it was told before."""

    def progress(stage: str, done: int, total: int, unit: str) -> None:
        with (told / name).open("a") as file:  # not a queue: a killed process could keep its lock
            file.write(f"{stage}\n")

    with waiting_turn(progress, name):
        order.put(name)
        go.wait(30)


def waiting(home: Path) -> int:
    return len(list((home / "places" / "waiting").glob("*.json")))


def until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("places", [1, 2])
def test_first_come_first_served(lab_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: int) -> None:
    monkeypatch.setenv("FEATURE_LAB_WORKERS", str(places))
    order, go = SPAWN.Queue(), SPAWN.Event()
    names = [f"run {number}" for number in range(places + 3)]
    workers = []
    for at, name in enumerate(names):
        workers.append(SPAWN.Process(target=take_turn, args=(name, order, tmp_path, go)))
        workers[-1].start()
        until(lambda at=at: waiting(lab_home) == max(0, at + 1 - places) and (at >= places or not order.empty()))
        if at < places:
            assert order.get(timeout=30) == name

    def was_told(name: str, text: str) -> bool:
        path = tmp_path / name
        return path.exists() and text in path.read_text()

    until(lambda: was_told(names[places], "place 1 in the queue, after run 0"))
    until(lambda: was_told(names[places + 2], "place 3 in the queue, after run 0"))
    # One that waits is killed: those behind it move up, and the order of the others stays.
    killed = workers[places + 1]
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    until(lambda: was_told(names[places + 2], "place 2 in the queue, after run 0"))
    go.set()
    assert [order.get(timeout=60) for _ in range(2)] == [names[places], names[places + 2]]
    for worker in workers:
        worker.join(30)
    assert waiting(lab_home) == 0
    assert not list((lab_home / "places").glob("*.json"))


def test_a_free_place_is_taken_at_once_and_given_back_on_errors(lab_home: Path) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="mine"), waiting_turn(silent, "a"):
            raise ValueError("mine")
    assert waiting(lab_home) == 0
    assert not list((lab_home / "places").glob("*.json"))


def test_tickets_of_the_dead_and_damaged_ones_do_not_count(lab_home: Path) -> None:
    folder = lab_home / "places" / "waiting"
    folder.mkdir(parents=True)
    (folder / f"{0:020d}-1.json").write_text('{"name": "gone", "pid": 1, "started": 1.0}')
    (folder / f"{0:020d}-2.json").write_text("{")
    with waiting_turn(silent, "a"):
        pass
    assert waiting(lab_home) == 0
