"""Which images must stay together in a split: the same file, the same pixels, or the same picture again.

Pairs that may be alike are found by correlating coarse thumbnails all against all (one matrix product a
block of images), then each is verified on finer ones (`looks.alike`). Groups are the connected parts,
except that an image only joins a group whose first image it still resembles, so that many slightly
different pictures (a shape that wanders over a plain ground) cannot chain into one group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from lab.images.image_signature import LOOSE, STRICT, ImageSignature, Limits, alike, halved

CANDIDATE_CORRELATION: Final = 0.95  # of 16 × 16 thumbnails; below the strict limit, which finer detail must meet
_BLOCK: Final = 1024  # images whose correlations with all others are in memory at once
_PAIRS: Final = 512  # pairs verified at once


def split_groups(digests: Sequence[str], looks: Sequence[ImageSignature]) -> list[int]:
    """Return a group number per image; images with one number must never straddle a split.

    Numbers count from 0 in order of first appearance. Time grows with the square of the number of images.
    """
    forest = _Forest(len(digests))
    firsts = forest.join_equal(list(digests))
    flat = [i for i in firsts if looks[i].exact]
    forest.join_equal([looks[i].exact for i in flat], flat)
    _join_alike(forest, np.array([i for i in firsts if not looks[i].exact], dtype=np.int64), looks)
    roots = [forest.root(i) for i in range(len(digests))]
    numbers = {root: number for number, root in enumerate(dict.fromkeys(roots))}
    return [numbers[root] for root in roots]


class _Forest:
    """Disjoint sets of positions; the root of a set is its smallest member."""

    def __init__(self, size: int) -> None:
        self.parent = list(range(size))

    def root(self, position: int) -> int:
        while self.parent[position] != position:
            self.parent[position] = self.parent[self.parent[position]]
            position = self.parent[position]
        return position

    def join(self, a: int, b: int) -> None:
        low, high = sorted((self.root(a), self.root(b)))
        self.parent[high] = low

    def join_equal(self, keys: Sequence[str], positions: Sequence[int] | None = None) -> list[int]:
        """Join positions with equal keys and return the first position of each key."""
        first: dict[str, int] = {}
        for position, key in zip(positions or range(len(keys)), keys, strict=True):
            self.join(first.setdefault(key, position), position)
        return list(first.values())


def _join_alike(forest: _Forest, positions: np.ndarray, looks: Sequence[ImageSignature]) -> None:
    if len(positions) < 2:
        return
    luma = np.stack([looks[i].luma for i in positions])
    colour = np.stack([looks[i].colour for i in positions])
    place = {int(position): k for k, position in enumerate(positions)}
    for a, b in _candidates(luma):
        for i, j in zip(*_verified(luma, colour, a, b, STRICT), strict=True):
            root_a, root_b = forest.root(int(positions[i])), forest.root(int(positions[j]))
            ends = np.array([place[root_a]]), np.array([place[root_b]])
            if root_a != root_b and len(_verified(luma, colour, *ends, LOOSE)[0]):
                forest.join(root_a, root_b)


def _candidates(luma: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield arrays of places (a, b), a < b, whose coarse thumbnails correlate, either way round."""
    parts = [luma[start : start + _BLOCK] for start in range(0, len(luma), _BLOCK)]
    coarse = np.concatenate([halved(halved(part)) for part in parts])
    upright, mirrored = _unit_rows(coarse), _unit_rows(coarse[:, :, ::-1])
    for start in range(0, len(luma), _BLOCK):
        rows = upright[start : start + _BLOCK]
        near = rows @ upright[start:].T >= CANDIDATE_CORRELATION
        near |= rows @ mirrored[start:].T >= CANDIDATE_CORRELATION
        a, b = np.nonzero(np.triu(near, 1))
        for first in range(0, len(a), _PAIRS):
            yield a[first : first + _PAIRS] + start, b[first : first + _PAIRS] + start


def _unit_rows(images: np.ndarray) -> np.ndarray:
    rows = images.reshape(len(images), -1)
    rows = rows - rows.mean(1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def _verified(
    luma: np.ndarray, colour: np.ndarray, a: np.ndarray, b: np.ndarray, limits: Limits
) -> tuple[np.ndarray, np.ndarray]:
    """Return those of the pairs (a, b) of places that show one picture, also mirrored."""
    same = alike(luma[a], colour[a], luma[b], colour[b], limits)
    same |= alike(luma[a], colour[a], luma[b][..., ::-1], colour[b][..., ::-1], limits)
    return a[same], b[same]
