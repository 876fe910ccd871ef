"""Damaged and hostile images and zips: refused in a few words, soon and in little memory, and nothing is written."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from attacks import HOSTILE_ZIPS, damaged_images, damaged_zips, encodings, hostile_images, tiff

from lab.errors import LabError
from lab.images import limits as limits_module
from lab.images import open_image_set
from lab.images.decode import DecodeError, decode, decode_reduced
from lab.images.facts import examine

SECONDS = 5.0  # an image may take; of processor time, as the machine may be busy
MEGABYTES = 1000
HOSTILE = dict(hostile_images())


def attempt(read: Callable[[bytes], np.ndarray], data: bytes) -> np.ndarray | str:
    """Return the pixels or the reason; anything but a DecodeError fails the test."""
    try:
        return read(data)
    except DecodeError as error:
        return str(error)


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_images_are_read_alike_or_refused_in_a_few_words(seed: int) -> None:
    refused = []
    for name, data in damaged_images(seed, 150):
        full, small = attempt(decode, data), attempt(lambda data: decode_reduced(data).pixels, data)
        assert isinstance(full, str) == isinstance(small, str), f"{name}: what passes the quick look must decode"
        refused.append(isinstance(full, str))
        if isinstance(full, str):
            assert 0 < len(full) < 120, name
            assert full == small, name
        else:
            assert full.dtype == np.uint8, name
            assert full.ndim == 3, name
            assert np.array_equal(full, decode(data)), name
    assert set(refused) == {True, False}  # both kinds were among them


def test_whole_encodings_are_read() -> None:
    whole = list(encodings())
    assert whole
    for data in whole:
        assert decode(data).shape == (20, 30, 3)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_images_take_little_time_and_memory(name: str) -> None:

    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    reason = examine(HOSTILE[name])[0].reason
    assert time.process_time() - started < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000 < MEGABYTES
    assert len(reason) < 120
    assert "\n" not in reason


@pytest.mark.parametrize("name", [name for name in HOSTILE if "TIFF with tiles" in name])
def test_memory_is_foreseen_from_the_header(name: str) -> None:
    with pytest.raises(DecodeError, match=r"would take \d+\.\d+ GB of memory to decode, at most 1 GB"):
        decode(HOSTILE[name])


def test_memory_that_is_not_there_now_is_told_and_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Little:
        available = 100

    monkeypatch.setattr("psutil.virtual_memory", Little)
    monkeypatch.setattr(limits_module, "MEMORY_MATTERS_ABOVE", 1000)
    with pytest.raises(DecodeError, match=r"of memory to decode and 0\.0 GB are available") as caught:
        decode(tiff(64, 64, 1))
    assert isinstance(caught.value.__cause__, MemoryError)
    with pytest.raises(MemoryError):
        examine(tiff(64, 64, 1))


def test_a_size_that_is_in_a_tiff_twice_is_refused() -> None:
    data = tiff(64, 64, 1, (64, 64))
    start = data.index(bytes([0x42, 1, 4, 0]))  # tag 322
    twice = data.replace(bytes([0x43, 1, 4, 0]), bytes([0x42, 1, 4, 0]), 1)
    assert twice[start:] != data[start:]
    with pytest.raises(DecodeError, match="damaged"):
        decode(twice)


def listing(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def outcome(path: Path) -> str:
    """Return what opening says; anything but a LabError fails the test."""
    try:
        images = open_image_set(path)
    except LabError as error:
        return str(error)
    assert all(len(images.pixels(index).shape) == 3 for index in range(min(3, len(images))))
    return ""


def test_damaged_zips_are_opened_or_told_and_write_nothing(tmp_path: Path) -> None:
    path = tmp_path / "inside" / "set.zip"
    path.parent.mkdir()
    before = None
    for _, data in damaged_zips(1, 60):
        path.write_bytes(data)
        before = before or listing(tmp_path)
        outcome(path)
        assert listing(tmp_path) == before
    assert before


@pytest.mark.parametrize("name", HOSTILE_ZIPS)
def test_hostile_zips_are_judged_soon(name: str, tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(HOSTILE_ZIPS[name](2000))
    before, started = listing(tmp_path), time.process_time()
    said = outcome(path)
    assert "\n" not in said
    assert time.process_time() - started < 3
    assert listing(tmp_path) == before
    refused = {"entries on top of each other": "on top of each other", "a bomb": "would unpack to"}
    refused["many small bzip2 blocks"] = "would unpack to"
    assert name not in refused or refused[name] in said


def test_time_grows_with_the_number_of_entries_and_not_with_its_square(tmp_path: Path) -> None:
    seconds = []
    for entries in (4000, 16_000):
        path = tmp_path / f"{entries}.zip"
        path.write_bytes(HOSTILE_ZIPS["two empty names many times"](entries))
        tries = []
        for _ in range(3):
            started = time.process_time()
            assert "empty file" in outcome(path)
            tries.append(time.process_time() - started)
        seconds.append(min(tries))
    assert seconds[1] < 10 * seconds[0] + 0.2  # four times the entries: the square would be 16
