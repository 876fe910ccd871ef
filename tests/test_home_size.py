"""The home folder is looked through again after a minute or when the disk says so, not before each unit of a sweep."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.runs import storage
from lab.settings import home


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count looks through the home folder, which holds 1,000 bytes of its limit of 5,000; the clock and the disk are
    set by hand."""
    found: list[int] = []
    real = storage.home_size

    def counting() -> storage.HomeSize:
        found.append(1)
        return real()

    (home() / "runs").mkdir(parents=True, exist_ok=True)
    (home() / "runs" / "file").write_bytes(bytes(1000))
    monkeypatch.setenv("FEATURE_LAB_HOME_LIMIT", "5kB")
    monkeypatch.setattr(storage, "home_size", counting)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    free_is(10_000, monkeypatch)
    storage.make_room()
    assert len(found) == 1
    return found


def free_is(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    usage: Any = SimpleNamespace(free=count)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def test_units_that_follow_each_other_do_not_look_again(looks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    for lost in range(0, 4000, 500):
        free_is(10_000 - lost, monkeypatch)
        storage.make_room()
    assert len(looks) == 1


def test_a_minute_or_a_disk_that_lost_what_was_left_looks_again(
    looks: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (home() / "cache" / "embeddings").mkdir(parents=True)
    kept = home() / "cache" / "embeddings" / "old"
    kept.write_bytes(bytes(4500))
    free_is(10_000 - 4500, monkeypatch)
    storage.make_room()
    assert len(looks) == 2
    assert not kept.exists(), "above the limit, the oldest cache goes"
    storage.make_room()
    assert len(looks) == 3, "what was above the limit is looked at again"
    monkeypatch.setattr(time, "monotonic", lambda: 100.0 + 1.1 * storage.LOOK_SECONDS)
    storage.make_room()
    storage.make_room()
    assert len(looks) == 4


def test_another_limit_or_another_home_is_looked_at(
    looks: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FEATURE_LAB_HOME_LIMIT", "6kB")
    storage.make_room()
    assert len(looks) == 2
    monkeypatch.setenv("FEATURE_LAB_HOME", str(tmp_path / "other"))
    storage.make_room()
    assert len(looks) == 3
