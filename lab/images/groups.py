"""Which images must stay together in a split: the same file, the same pixels, or the same picture again.

For every image the few that look most like it are found (`copy_candidates`), then each pair is laid over each other
and compared place by place (`copies`). Groups are the connected parts, except that an image only joins a group whose
first image it still resembles, so that many slightly different pictures cannot chain into one group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lab.images.alignment import IDENTITY, composed, inverted
from lab.images.copies import Thumbnails, is_rich, moved_copies
from lab.images.copy_candidates import NEAREST, candidates
from lab.images.image_signature import Look, Rows
from lab.images.simple_copies import LOOSE, STRICT, Limits, nearly_equal
from lab.malloc import tune_allocator

MOST_COMPARED: Final = 50_000  # images of which each is compared with each: the time grows with the square
_PAIRS: Final = 32  # pairs verified at once: their images fit a processor's cache
_TOLERANCE: Final = 1.5  # how much more than two copies an image and the first of its group may differ


def split_groups(digests: Sequence[str], looks: Sequence[Look]) -> list[int]:
    """Return a group number per image; images with one number must never straddle a split.

    Numbers count from 0 in order of first appearance. Coarse comparisons grow with the square of the number of
    images, everything else in proportion to it: 5,000 photographs take about 28 s on one core. Of more than
    `MOST_COMPARED` only equal files and equal pixels of plain pictures are found.
    """
    tune_allocator()
    forest = _Forest(len(digests))
    firsts = forest.join_equal(list(digests))
    flat = [i for i in firsts if looks[i].exact]
    forest.join_equal([looks[i].exact for i in flat], flat)
    if len(firsts) <= MOST_COMPARED:
        _join_copies(forest, np.array([i for i in firsts if not looks[i].exact], dtype=np.int64), looks)
    roots = [forest.root(i)[0] for i in range(len(digests))]
    numbers = {root: number for number, root in enumerate(dict.fromkeys(roots))}
    return [numbers[root] for root in roots]


class _Forest:
    """Disjoint sets of positions; the root of a set is its smallest member, and each knows its warp from there."""

    def __init__(self, size: int) -> None:
        self.parent = list(range(size))
        self.warp = [IDENTITY[None]] * size  # from this one's places to its parent's

    def root(self, position: int) -> tuple[int, np.ndarray]:
        """Return the root and the warp from this position's places to the root's, `(1, 2, 3)`."""
        path = IDENTITY[None]
        while self.parent[position] != position:
            path = composed(self.warp[position], path)
            position = self.parent[position]
        return position, path

    def join(self, a: int, b: int, warp: np.ndarray = IDENTITY[None]) -> None:
        """Make one set of those of the roots a and b; `warp` leads from b's places to a's."""
        low, high, way = (a, b, warp) if a < b else (b, a, inverted(warp))
        self.parent[high], self.warp[high] = low, way

    def join_equal(self, keys: Sequence[str], positions: Sequence[int] | None = None) -> list[int]:
        """Join positions with equal keys and return the first position of each key."""
        first: dict[str, int] = {}
        for position, key in zip(positions or range(len(keys)), keys, strict=True):
            start = first.setdefault(key, position)
            if start != position:
                self.join(start, position)
        return list(first.values())


def _join_copies(forest: _Forest, positions: np.ndarray, looks: Sequence[Look]) -> None:
    """Join all copies; where a group may hide its like from its members, by its first image once more."""
    while len(positions) > 1:
        images = _Images(Rows(looks, positions, "luma"), Rows(looks, positions, "colour"))
        _join_pairs(forest, positions, images, is_rich(images.luma))
        sizes = np.bincount([forest.root(int(i))[0] for i in positions], minlength=len(looks))
        again = np.flatnonzero(sizes > NEAREST)
        if len(again) == len(positions):
            return
        positions = again


@dataclass(frozen=True)
class _Images:
    """Thumbnails of which those that are looked at are read."""

    luma: Rows
    colour: Rows

    def at(self, places: np.ndarray) -> Thumbnails:
        return Thumbnails(self.luma[places], self.colour[places])


def _join_pairs(forest: _Forest, positions: np.ndarray, images: _Images, rich: np.ndarray) -> None:
    place = {int(position): k for k, position in enumerate(positions)}
    a, b, start = candidates(images.luma)
    same, warps = _verified(images, rich, a, b, start, STRICT, 1.0)
    for k in np.flatnonzero(same):
        (root_a, way_a), (root_b, way_b) = (forest.root(int(positions[end[k]])) for end in (a, b))
        if root_a == root_b:
            continue
        way = composed(way_a, composed(warps[k : k + 1], inverted(way_b)))
        ends = np.array([place[root_a]]), np.array([place[root_b]])
        if (ends[0][0], ends[1][0]) != (a[k], b[k]):
            alike, way = _verified(images, rich, *ends, way, LOOSE, _TOLERANCE)
            if not alike[0]:
                continue
        forest.join(root_a, root_b, way)


def _verified(
    images: _Images, rich: np.ndarray, a: np.ndarray, b: np.ndarray, start: np.ndarray, limits: Limits, more: float
) -> tuple[np.ndarray, np.ndarray]:
    """Tell which of the pairs (a, b) of places show one picture, and return their warps."""
    same, warps = np.zeros(len(a), dtype=bool), start.copy()
    for first in range(0, len(a), _PAIRS):
        part = slice(first, first + _PAIRS)
        one, other = images.at(a[part]), images.at(b[part])
        found, warps[part] = moved_copies(one, other, start[part], more)
        simple = np.flatnonzero(found & ~(rich[a[part]] & rich[b[part]]))
        if len(simple):
            flip = (warps[part][simple, 0, 0] < 0)[:, None, None]
            plain, turned = other.at(simple), other.at(simple).mirrored()
            facing = Thumbnails(
                np.where(flip, turned.luma, plain.luma), np.where(flip[..., None], turned.colour, plain.colour)
            )
            found[simple] = nearly_equal(one.at(simple), facing, limits)
        same[part] = found
    return same, warps
