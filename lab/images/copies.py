"""Are two images copies: one picture cropped, framed, turned a little, mirrored, lit, coloured or encoded otherwise?

Both are laid over each other (`alignment`), light and colour are made equal, and what is left is looked at **place by
place**. In a copy the rest is small everywhere, or it lies on edges, where a shift of a fraction of a pixel
explains it. Two pictures of one fixed camera agree as well as a whole, but somewhere something was added or is gone.

A shape on a plain ground, a grating or a few strokes can be moved and recoloured into many others. Such simple
pictures (`is_rich` is False) must agree without being moved or recoloured (`simple_copies`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lab.images.alignment import IDENTITY, aligned, correlation, inverted, warped
from lab.images.image_signature import Rows, halved

LEAST_COARSE: Final = 0.7  # correlation of the aligned 24 × 24 thumbnails
LEAST_OVERLAP: Final = 0.45  # share of either image that the other shows too
LEAST_EXPLAINED: Final = 0.93  # share of the second picture's variance that the first explains, after aligning
# Share of the detail in 6 × 6 of 48 × 48 pixels that one may lack, on average, in one light (where the grain of another
# shot shows) and in another.
DETAIL_LOST: Final = 0.04
DETAIL_LOST_CHANGED: Final = 0.15
SLACK: Final = 0.15  # part of the local contrast of both pictures that a shift of less than a pixel may leave
# What else may be left in 3 × 3 pixels of 48 × 48, in 1/50 of the picture's contrast (in levels at 50 of 255).
LEFT_STILL: Final = 5.0  # of pictures in one place and one light, as a fixed camera takes them
LEFT_MOVED: Final = 7.0  # of pictures in one light of which one was moved, turned or mirrored
LEFT_RELIT: Final = 9.0  # of pictures in different light or colours, which clipping leaves more different
MOST_RELIT: Final = 0.25  # of a picture's contrast: more change of light than a fixed camera sees between shots
MOST_RECOLOURED: Final = 6.0  # chroma levels, root of the mean square
_LONGEST: Final = 1.85  # of the sides of one picture, seen as the other's
_STEEPEST: Final = 0.2  # sine of the turn, with what a shape that is not square adds
_FAINT: Final = 8.0  # gray levels; contrast below is taken as this
_CORNERS: Final = (0.6, 1.9, 3.1)  # in 64 gray levels: where the curve of a colour channel may bend
_BLOCK: Final = 512  # thumbnails that are looked at together, so that memory does not grow with all of them
_TEXTURED: Final = 5.0  # gray levels of standard deviation from which a block of 6 × 6 shows something


@dataclass(frozen=True)
class Thumbnails:
    """Luma `(P, 96, 96)` and chroma `(P, 2, 24, 24)` of P images."""

    luma: np.ndarray
    colour: np.ndarray

    def at(self, places: np.ndarray) -> Thumbnails:
        """Return those at places."""
        return Thumbnails(self.luma[places], self.colour[places])

    def mirrored(self) -> Thumbnails:
        """Return them left to right."""
        return Thumbnails(self.luma[..., ::-1], self.colour[..., ::-1])


def is_rich(luma: Rows | np.ndarray) -> np.ndarray:
    """Tell of each thumbnail `(N, 96, 96)` whether it shows so much that no other picture agrees with it by chance.

    Half of its 64 blocks show something, and its edges are spread over a dozen spatial frequencies or more.
    """
    if len(luma) > _BLOCK:
        return np.concatenate([is_rich(luma[start : start + _BLOCK]) for start in range(0, len(luma), _BLOCK)])
    half = halved(luma[:])
    count = len(half)
    blocks = half.reshape(count, 8, 6, 8, 6).std((2, 4)).reshape(count, 64)
    slopes = np.diff(half, axis=1)[:, :, :-1], np.diff(half, axis=2)[:, :-1]
    waves = [np.abs(np.fft.rfft2(slope)).reshape(count, -1) ** 2 for slope in slopes]
    spread = np.min([w.sum(1) ** 2 / np.maximum((w**2).sum(1), 1e-9) for w in waves], axis=0)
    return np.asarray(((blocks > _TEXTURED).mean(1) >= 0.45) & (spread >= 12))


def moved_copies(
    first: Thumbnails, second: Thumbnails, warps: np.ndarray, tolerance: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Tell which of P pairs of rich pictures are copies, bool `(P,)`, and return their warps `(P, 2, 3)`.

    warps: where to start, from the second image's places to the first's (see `alignment`); tolerance: how many times
    more than usual may differ.
    """
    same = np.zeros(len(warps), dtype=bool)
    small, other = halved(halved(first.luma)), halved(halved(second.luma))
    warps = aligned(small, other, warps, 6)
    seen, inside = warped(small, warps, other.shape[-1])
    left = np.flatnonzero((correlation(seen, other, inside) >= LEAST_COARSE) & _plausible(warps))
    if len(left):
        one, two = first.at(left), second.at(left)
        warps[left] = aligned(halved(one.luma), halved(two.luma), warps[left], 3)
        same[left] = _plausible(warps[left]) & _nothing_left(one, two, warps[left], tolerance)
    return same, warps


def _plausible(warps: np.ndarray) -> np.ndarray:
    straight = np.abs(warps[:, [0, 1], [0, 1]])
    slanted = np.abs(warps[:, [0, 1], [1, 0]])
    upright = warps[:, 1, 1] > 0
    size = (straight.max(1) <= _LONGEST) & (straight.min(1) >= 1 / _LONGEST)
    return np.asarray(upright & size & (slanted.max(1) <= _STEEPEST) & (np.abs(warps[:, :, 2]).max(1) <= 0.6))


def _nothing_left(first: Thumbnails, second: Thumbnails, warps: np.ndarray, tolerance: float) -> np.ndarray:
    """Tell which aligned pairs agree place by place, once light and colour are equal, in one direction or the other.

    The picture that shows more is shrunk into the other's frame, so that neither is blurred by enlarging it.
    """
    turned = np.abs(np.linalg.det(warps[:, :, :2])) < 1
    warps = np.where(turned[:, None, None], inverted(warps), warps)
    luma = [np.where(turned[:, None, None], b, a) for a, b in ((first.luma, second.luma), (second.luma, first.luma))]
    one, other = first.colour, second.colour
    colour = [np.where(turned[:, None, None, None], b, a) for a, b in ((one, other), (other, one))]
    seen, inside = warped(luma[0].astype(np.float32), warps, luma[0].shape[-1])
    seen, target = halved(seen), halved(luma[1])
    inside = _within(halved(inside) == 1)
    seen_colour = [warped(colour[0][:, k].astype(np.float32), warps, seen.shape[-1])[0] for k in (0, 1)]
    flat = np.repeat(IDENTITY[None], len(warps), axis=0)
    own_colour = [warped(colour[1][:, k].astype(np.float32), flat, seen.shape[-1])[0] for k in (0, 1)]
    overlap = inside.mean((1, 2))
    enough = (overlap >= LEAST_OVERLAP) & (overlap * np.abs(np.linalg.det(warps[:, :, :2])) >= LEAST_OVERLAP)
    apart = sum((a - b) ** 2 for a, b in zip(seen_colour, own_colour, strict=True)) * inside
    recoloured = apart.sum((1, 2)) / np.maximum(inside.sum((1, 2)), 1) > MOST_RECOLOURED**2
    still = _is_still(warps)
    forth = _agree(target, [seen, *seen_colour], inside, still, recoloured, tolerance)
    back = _agree(seen, [target, *own_colour], inside, still, recoloured, tolerance)
    return np.asarray(enough & (forth | back))


def _is_still(warps: np.ndarray) -> np.ndarray:
    away = np.abs(warps - IDENTITY)
    return np.asarray((away[:, :, :2].max((1, 2)) <= 0.03) & (away[:, :, 2].max(1) <= 0.06))


def _agree(
    target: np.ndarray,
    given: list[np.ndarray],
    inside: np.ndarray,
    still: np.ndarray,
    recoloured: np.ndarray,
    tolerance: float,
) -> np.ndarray:
    """Tell which targets `(P, S, S)` are what is `given` (luma and chroma of the other picture), relit."""
    predicted = _relit(target, given, inside)
    weight = inside.astype(np.float32)
    total = np.maximum(weight.sum((1, 2)), 1)
    mean = (target * weight).sum((1, 2)) / total
    contrast = np.sqrt(((target - mean[:, None, None]) ** 2 * weight).sum((1, 2)) / total).clip(_FAINT)
    error = (target - predicted) * weight
    explained = 1 - (error**2).sum((1, 2)) / total / contrast**2
    local = np.minimum(_local_contrast(predicted), _local_contrast(target))
    excess = np.abs(_mean3(error)) - 0.5 * SLACK * _widest(local)
    most = np.where(inside, excess, 0).max((1, 2)) / contrast * 50
    relit = np.sqrt(((predicted - given[0]) ** 2 * weight).sum((1, 2)) / total) / contrast
    one_light = (relit <= MOST_RELIT) & ~recoloured
    allowed = np.where(one_light, np.where(still, LEFT_STILL, LEFT_MOVED), LEFT_RELIT) * tolerance
    needed = 1 - np.where(one_light, DETAIL_LOST, DETAIL_LOST_CHANGED) * tolerance
    detail = _detail_shared(target, predicted, inside)
    return np.asarray((explained >= LEAST_EXPLAINED) & (most <= allowed) & (detail >= needed))


def _detail_shared(target: np.ndarray, predicted: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return how far the pictures covary within blocks of 6 × 6 pixels, a mean over the blocks that show something.

    A bright frame around two dark pictures explains nearly all of their variance, but not what is inside.
    """
    blocks = target.shape[-1] // 6
    one, other, whole = (
        x.reshape(len(x), blocks, 6, blocks, 6).swapaxes(2, 3).reshape(len(x), blocks**2, 36)
        for x in (target, predicted, inside)
    )
    one, other = one - one.mean(2, keepdims=True), other - other.mean(2, keepdims=True)
    largest = np.maximum((one**2).mean(2), (other**2).mean(2))
    shows = (largest > _TEXTURED**2) & whole.all(2)
    shared = (one * other).mean(2) / np.maximum(largest, 1e-6)
    count = shows.sum(1)
    return np.where(count > 0, (shared * shows).sum(1) / np.maximum(count, 1), 1.0)


def _relit(target: np.ndarray, given: list[np.ndarray], inside: np.ndarray) -> np.ndarray:
    """Return `given` (luma and two chroma, each `(P, S, S)`) in the light of `target`.

    Light is a bent line of luma with three corners, colour a sum of channels; pixels far off count little.
    """
    count = len(target)
    luma, blue, red = (channel.reshape(count, -1) for channel in given)
    blue, red = blue - 128, red - 128
    channels = [luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue]
    terms = [np.maximum(channel / 64 - corner, 0) for channel in channels for corner in _CORNERS]
    terms += [channel / 64 for channel in channels]
    terms.append(np.ones_like(luma))
    basis, wanted = np.stack(terms, axis=1), target.reshape(count, -1)
    inner = inside.reshape(count, -1).astype(np.float32)
    weight = inner
    for _ in range(3):
        weighted = basis * weight[:, None]
        normal = (weighted @ basis.transpose(0, 2, 1)).astype(np.float64)
        normal += 1e-4 * np.maximum(weight.sum(1), 1)[:, None, None] * np.eye(basis.shape[1])
        factors = np.linalg.solve(normal, (weighted @ wanted[..., None]).astype(np.float64))
        predicted = (factors.transpose(0, 2, 1).astype(np.float32) @ basis)[:, 0]
        error = predicted - wanted
        spread = np.sqrt((error**2 * weight).sum(1) / np.maximum(weight.sum(1), 1)) + 2
        weight = inner / (1 + (error / (2 * spread[:, None])) ** 2)
    return np.asarray(predicted.reshape(target.shape))


def _within(inside: np.ndarray) -> np.ndarray:
    """Return the pixels whose 3 × 3 pixels are all inside the picture."""
    padded = np.pad(~inside, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    return ~_widest(padded)[:, 1:-1, 1:-1]


def _neighbours(images: np.ndarray) -> list[np.ndarray]:
    side = images.shape[-1]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return [padded[:, k : k + side] for k in range(3)]


def _widest(images: np.ndarray) -> np.ndarray:
    """Return the largest of the 3 × 3 pixels around each (of bools: whether one is true)."""
    a, b, c = _neighbours(images)
    rows = np.maximum(np.maximum(a, b), c)
    return np.maximum(np.maximum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])


def _local_contrast(images: np.ndarray) -> np.ndarray:
    return _widest(images) + _widest(-images)


def _mean3(images: np.ndarray) -> np.ndarray:
    a, b, c = _neighbours(images)
    rows = a + b + c
    return np.asarray((rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 9)
