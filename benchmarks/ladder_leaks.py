"""Is each rung of the ladder matched below its level? python benchmarks/ladder_leaks.py [--per-class 200]

A linear probe on the simple statistics of every rung (`tests/readouts.py`), on 8×8 thumbnails and on small pixels,
asked of every rung. What stands left of a rung's own column should be at chance. Intervals are 95 %: `*` misses 0.50,
as one cell in twenty does by luck; `!` misses it at 95 % for all cells at once (Bonferroni).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from readouts import READOUTS, SIDE, read, statistics

from lab.images.synthetic import RUNGS, draw_set


def main() -> None:
    """Print the matrix, a row a rung."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--per-class", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rungs", default=",".join(RUNGS))
    given = parser.parse_args()
    columns = ["thumbnail", "pixels", *READOUTS]
    print("| rung | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 1) + "|")
    cells = len(RUNGS) * len(columns)
    for name in given.rungs.split(","):
        rung = RUNGS[name]
        images = draw_set(rung.family.name, given.per_class, seed=given.seed, size=SIDE, difficulty=rung.difficulty)
        found = {**small(images), **statistics(images)}
        row = []
        for column in columns:
            accuracy, low, high = read(found[column], images.labels)
            _, wide_low, wide_high = read(found[column], images.labels, 1 - 0.05 / cells)
            mark = "" if low <= 0.5 <= high else "!" if not wide_low <= 0.5 <= wide_high else "*"
            row.append(f"{accuracy:.2f}{mark}")
        print(f"| {name} | " + " | ".join(row) + " |", flush=True)


def small(images: object) -> dict[str, np.ndarray]:
    """The images as 8×8 and 28×28 pixels, `(N, 3·side²)`."""
    stack = np.stack([images.pixels(index) for index in range(len(images))]).astype(np.float64)  # type: ignore
    return {
        name: stack.reshape(len(stack), side, SIDE // side, side, SIDE // side, 3)
        .mean(axis=(2, 4))
        .reshape(len(stack), -1)
        for name, side in (("thumbnail", 8), ("pixels", 28))
    }


if __name__ == "__main__":
    main()
