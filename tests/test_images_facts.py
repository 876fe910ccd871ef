"""What is known about images is found out once, kept by content, and never in the way."""

from __future__ import annotations

import io
import multiprocessing
import os
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lab.images import facts as facts_module
from lab.images import scan
from lab.images.assemble import assemble
from lab.images.decode import decode
from lab.images.facts import FactsCache, ImageFacts, examine
from lab.images.folder import read_folder
from lab.images.layout import arrange
from lab.images.types import ImageSet
from lab.progress import silent


def picture(seed: int, kind: str = "PNG", size: tuple[int, int] = (40, 50)) -> bytes:
    rng = np.random.default_rng(seed)
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / name).mkdir()
        for k in range(4):
            path = tmp_path / name / f"{k}.png"
            path.write_bytes(picture(10 * label + k))
            os.utime(path, (1, 1))
    (tmp_path / "cat" / "broken.jpg").write_bytes(b"broken")
    return tmp_path


def opened(path: Path, per_class: int | None = None) -> ImageSet:
    return assemble(str(path), arrange(read_folder(path)), per_class, silent)


def test_facts_say_what_decoding_says() -> None:
    data = picture(1, "JPEG", (300, 200))
    known, small = examine(data)
    assert (known.reason, known.width, known.height, known.plain_jpeg) == ("", 200, 300, True)
    assert Image.open(io.BytesIO(small)).size == (64, 96)
    known, small = examine(b"text")
    assert known.reason
    assert known.look is None
    assert small == b""


def test_a_second_opening_decodes_nothing(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(pets)
    monkeypatch.setattr(scan, "examine", lambda data: pytest.fail("decoded again"))
    second = opened(pets)
    assert second == first
    assert second.fingerprint == first.fingerprint
    assert second.quarantined == first.quarantined != ()


def test_a_settled_file_is_not_even_read_again(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.images.folder._SETTLED_NANOSECONDS", -(10**18))  # as if all were written long ago
    opened(pets)
    monkeypatch.setattr(scan, "digest_of", lambda data: pytest.fail("read again"))
    assert len(opened(pets)) == 8
    monkeypatch.undo()


def test_a_file_changed_a_moment_ago_is_read_again(pets: Path) -> None:
    before = opened(pets)
    path = pets / "cat" / "0.png"
    status = path.stat()
    path.write_bytes(picture(500)[: status.st_size].ljust(status.st_size, b"\0"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size, same time of writing
    assert opened(pets).digests != before.digests


def test_only_as_many_images_are_decoded_as_are_needed(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    monkeypatch.setattr(scan, "examine", lambda data: decoded.append(1) or examine(data))
    assert len(opened(pets, per_class=1)) == 2
    assert len(decoded) <= 3  # one a class, and perhaps the broken one


def test_thumbnails_are_kept_and_made_when_they_are_not(pets: Path, lab_home: Path) -> None:
    images = opened(pets)
    kept = [images.thumbnail(k) for k in range(len(images))]
    assert all(Image.open(io.BytesIO(jpeg)).size == (50, 40) for jpeg in kept)
    for path in (lab_home / "cache" / "images").iterdir():
        path.unlink()
    assert Image.open(io.BytesIO(images.thumbnail(0))).size == (50, 40)


@pytest.mark.parametrize("content", [b"", b"this is no database" * 500, bytes(8192)])
def test_a_damaged_cache_is_replaced(pets: Path, content: bytes) -> None:
    expected = opened(pets)
    path = FactsCache()._path
    path.write_bytes(content)
    assert opened(pets) == expected
    assert opened(pets) == expected
    assert FactsCache().facts(expected.digests).keys() == set(expected.digests)


def test_a_busy_cache_costs_time_but_not_the_images(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_module, "_WAIT_SECONDS", 0.05)
    FactsCache().facts(["x"])
    connection = sqlite3.connect(FactsCache()._path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        assert len(opened(pets)) == 8
    finally:
        connection.close()
    assert FactsCache().facts(opened(pets).digests)


def _write_many(home: str, start: int) -> None:
    os.environ["FEATURE_LAB_HOME"] = home
    cache = FactsCache()
    for k in range(20):
        cache.keep({f"{start + j + k}": (ImageFacts("", 3, 4), b"jpeg") for j in range(5)})


def test_several_processes_keep_facts_at_once(lab_home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(str(lab_home), start)) for start in (0, 10, 500)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    known = FactsCache().facts(str(k) for k in range(600))
    assert len(known) == 34 + 24
    assert set(known.values()) == {ImageFacts("", 3, 4)}


def test_running_out_of_memory_is_not_remembered(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short_of_memory(data: bytes) -> tuple[ImageFacts, bytes]:
        if data == (pets / "cat" / "0.png").read_bytes():
            raise MemoryError
        return examine(data)

    monkeypatch.setattr(scan, "examine", short_of_memory)
    assert {q.id: q.reason for q in opened(pets).quarantined}["cat/0.png"] == "too large for this machine's memory"
    monkeypatch.undo()
    assert len(opened(pets)) == 8


def test_progress_counts_images_to_the_end(pets: Path) -> None:
    heard: list[tuple[str, int, int, str]] = []
    assemble("pets", arrange(read_folder(pets)), None, lambda *step: heard.append(step))
    for stage in ("Reading images", "Checking images"):
        steps = [(done, total, unit) for name, done, total, unit in heard if name == stage]
        assert steps == [(k, 9, "images") for k in range(1, 10)]


def test_flat_pictures_are_known_by_their_exact_pixels() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (4000, 3100), (250, 250, 250)).save(stream, "JPEG")  # large: one at a time
    known, _ = examine(stream.getvalue())
    assert known.look is not None
    assert known.look.exact
    again = io.BytesIO()
    Image.fromarray(decode(stream.getvalue())).save(again, "PNG")
    other, _ = examine(again.getvalue())
    assert other.look is not None
    assert other.look.exact == known.look.exact


def test_real_photographs_open_again_at_once(photos: Path) -> None:
    opened(photos / "pets")
    started = time.perf_counter()
    images = opened(photos / "pets")
    assert time.perf_counter() - started < 3  # 0.3 s when measured, nearly all for finding copies
    assert len(images) == 240
    assert images.quarantined == ()
    assert len(set(images.groups)) == 240
