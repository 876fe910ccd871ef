"""Damaged and hostile input in large numbers: what it does to the lab, as one table.

    python benchmarks/attack.py [--small] [--only KIND …] [--seed SEED]

A row is one kind of input. Each is computed in processes of its own, so that a crash or a lack of memory is counted
and ends nothing. What is counted as wrong: an exception that is no LabError, a process that died, an image that reads
differently the second time or passes the first look and cannot be decoded, a file that was written or removed outside
the lab's home, more than 5 s of processor time or 1 GB for one image, 60 s for one zip. To add a kind, add a function
that returns a `Row` to `ROWS`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "tests")]

import numpy as np  # noqa: E402
from attacks import HOSTILE_ZIPS, damaged_images, damaged_zips, hostile_images  # noqa: E402

from lab.errors import LabError  # noqa: E402
from lab.images import open_image_set  # noqa: E402
from lab.images.decode import DecodeError, decode  # noqa: E402
from lab.images.facts import examine  # noqa: E402

IMAGE_SECONDS, ZIP_SECONDS, IMAGE_MEGABYTES = 5.0, 60.0, 1000.0
CHUNK = 2000  # inputs in one process


@dataclass(frozen=True)
class Outcome:
    """What one input did: `wrong` says what must not happen, "" for none; `used` tells it was read, not refused."""

    name: str
    used: bool
    wrong: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0


@dataclass(frozen=True)
class Row:
    """One kind of input: how many were tried, how many read, and everything that went wrong."""

    kind: str
    outcomes: list[Outcome] = field(repr=False)

    @property
    def wrong(self) -> list[Outcome]:
        """Return the inputs that did what must not happen."""
        return [outcome for outcome in self.outcomes if outcome.wrong]

    def cells(self) -> list[str]:
        """Return the row of the table."""
        slowest = max(self.outcomes, key=lambda outcome: outcome.seconds)
        largest = max(outcome.megabytes for outcome in self.outcomes)
        used = sum(outcome.used for outcome in self.outcomes)
        counts = [f"{n:,}" for n in (len(self.outcomes), used, len(self.outcomes) - used, len(self.wrong))]
        return [self.kind, *counts, f"{slowest.seconds:.2f}", f"{largest:.0f}"]


HEADINGS = ("input", "tried", "read", "refused", "wrong", "slowest (s of processor)", "most memory (MB)")


def image_outcome(name: str, data: bytes) -> Outcome:
    """Return what reading one image did."""
    before, started = _memory(), time.process_time()
    try:
        reason = examine(data)[0].reason
        wrong = _sentence(reason) if reason else _reads_alike(data)
    except MemoryError:
        reason, wrong = "no memory", ""
    except Exception as error:
        reason, wrong = "", f"{type(error).__name__}: {error}"
    seconds, megabytes = time.process_time() - started, _memory() - before
    if not wrong and seconds > 2 * IMAGE_SECONDS:  # it was read three times
        wrong = f"took {seconds:.1f} s"
    if not wrong and megabytes > IMAGE_MEGABYTES:
        wrong = f"took {megabytes:.0f} MB"
    return Outcome(name, not reason, wrong, seconds, megabytes)


def _reads_alike(data: bytes) -> str:
    try:
        return "" if np.array_equal(decode(data), decode(data)) else "reads differently the second time"
    except DecodeError as error:
        return f"passed the first look and cannot be decoded: {error}"


def _sentence(reason: str) -> str:
    return "" if len(reason) < 120 and "\n" not in reason else f"no few words: {reason[:200]!r}"


def zip_outcome(name: str, data: bytes) -> Outcome:
    """Return what opening one zip did, in a folder of its own that must stay as it was."""
    before = _memory()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a" / "b" / "set.zip"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        there = sorted(Path(folder).rglob("*"))
        started = time.process_time()
        wrong = said = ""
        try:
            images = open_image_set(path)
            wrong = "" if len({record.id for record in images.records}) == len(images) else "two images of one name"
            images.pixels(0)
        except LabError as error:
            said = str(error)
            wrong = f"no sentence: {said!r}" if "\n" in said else ""
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        seconds = time.process_time() - started
        if sorted(Path(folder).rglob("*")) != there:
            wrong = "wrote or removed a file"
    if not wrong and seconds > ZIP_SECONDS:
        wrong = f"took {seconds:.1f} s"
    return Outcome(name, not said, wrong, seconds, _memory() - before)


def damaged_images_row(seed: int, small: bool) -> Row:
    """Encoded images with random damage."""
    return Row("damaged images", list(_in_chunks(_damaged_images, seed, 500 if small else 10_000)))


def hostile_images_row(seed: int, small: bool) -> Row:
    """Images that ask for far more memory or work than they hold."""
    return Row("hostile images", list(_in_chunks(_hostile_images, seed, 1)))


def damaged_zips_row(seed: int, small: bool) -> Row:
    """Zips of images with random damage and odd entries."""
    return Row("damaged zips", list(_in_chunks(_damaged_zips, seed, 100 if small else 1000)))


def hostile_zips_row(seed: int, small: bool) -> Row:
    """Zips that ask for far more work than they hold; the largest have 100,000 entries."""
    count = 2000 if small else 100_000
    names = list(HOSTILE_ZIPS)
    return Row("hostile zips", [outcome for name in names for outcome in _in_chunks(_hostile_zip, seed, count, name)])


ROWS: dict[str, Callable[[int, bool], Row]] = {
    "damaged-images": damaged_images_row,
    "hostile-images": hostile_images_row,
    "damaged-zips": damaged_zips_row,
    "hostile-zips": hostile_zips_row,
}


def _damaged_images(seed: int, count: int, _: str) -> list[Outcome]:
    return [image_outcome(name, data) for name, data in damaged_images(seed, count)]


def _hostile_images(seed: int, count: int, _: str) -> list[Outcome]:
    return [image_outcome(name, data) for name, data in hostile_images()]


def _damaged_zips(seed: int, count: int, _: str) -> list[Outcome]:
    return [zip_outcome(name, data) for name, data in damaged_zips(seed, count)]


def _hostile_zip(seed: int, count: int, name: str) -> list[Outcome]:
    return [zip_outcome(name, HOSTILE_ZIPS[name](count))]


def _in_chunks(
    work: Callable[[int, int, str], list[Outcome]], seed: int, count: int, name: str = ""
) -> Iterator[Outcome]:
    """Yield the outcomes of `count` inputs, so many a process; every process has a seed and a home of its own."""
    sizes = [count] if name else [min(CHUNK, count - start) for start in range(0, count, CHUNK)]
    for number, size in enumerate(sizes):
        with (
            tempfile.TemporaryDirectory() as home,
            ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin, (home,)) as pool,
        ):
            try:
                yield from pool.submit(work, seed + number, size, name).result()
            except BrokenProcessPool:
                yield Outcome(name or f"{work.__name__} {seed + number}", False, "its process died")


def _begin(home: str) -> None:
    """Give a process its own home, and an end to its memory long before the machine's."""
    os.environ["FEATURE_LAB_HOME"] = home
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (8 * 1024**3, 8 * 1024**3))
    except (ImportError, ValueError):
        pass


def _memory() -> float:
    """Return the most memory this process has had, in MB; what was before is forgotten where the system can (Linux)."""
    try:
        status = Path("/proc/self/status").read_text()
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0.0
    return int(status.split("VmHWM:")[1].split()[0]) / 1000


def main() -> int:
    """Print the table, and below it what went wrong; return how many did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a twentieth of everything")
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS), help="these rows")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}")
    wrong = []
    for name in options.only:
        row = ROWS[name](options.seed, options.small)
        print(f"| {' | '.join(row.cells())} |", flush=True)
        wrong += row.wrong
    for outcome in wrong[:50]:
        print(f"\n{outcome.name}: {outcome.wrong}")
    return min(len(wrong), 100)


if __name__ == "__main__":
    sys.exit(main())
