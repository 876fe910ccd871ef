"""Small gray drawings of eight strokes: four make a rectangle, or a diamond, or none of them makes anything.

Every drawing holds two horizontal, two vertical and four diagonal strokes. In one class the first four stand as the
sides of a rectangle and the others lie about; in another the diagonal ones are the sides of a diamond; in the third
all lie about. Sides do not meet at the corners, so a window narrower than the gap sees one stroke at a time: which
orientations there are tells nothing, only how they stand to each other does. Strokes are rows (x, y, length, angle)
in image widths and radians, y down. Torch-free; everything is drawn at once.
"""

from __future__ import annotations

import numpy as np

CLASSES = ("rectangle", "diamond", "neither")
SIDE = 32  # pixels
SHORTER = 0.5  # of a side is drawn: the rest is the gap at its ends
WIDTH = 0.025  # half width of a stroke, image widths
NOISE = 0.15
MARGIN = 0.11
FAR = 6 / SIDE  # strays keep this far from other strokes where there is room
TRIES = 24
STIMULI = ("the rectangle", "horizontal sides only", "vertical sides only", "its sides apart", "the diamond")


def drawings(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images float32 `(count, 32, 32)` and labels `(count,)`, the classes in turn."""
    rng = np.random.default_rng((seed, 0xD12A))
    labels = np.arange(count) % len(CLASSES)
    shapes = _outlines(rng, count)
    strokes = np.concatenate(shapes, axis=1)
    for label, shape in enumerate(shapes):
        here, other = labels == label, shapes[1 - label]
        strokes[here] = np.concatenate([shape[here], _scattered(rng, other[here], shape[here])], axis=1)
    here = labels == len(shapes)
    strokes[here] = _scattered(rng, strokes[here], strokes[here][:, :0])
    return _painted(rng, strokes), labels


def stimuli(count: int, seed: int) -> dict[str, np.ndarray]:
    """Return `count` images of each of `STIMULI`, float32 `(count, 32, 32)`: the same rectangles but for the last."""
    rng = np.random.default_rng((seed, 0x57E1))
    rectangles, diamonds = _outlines(rng, count)
    nothing = rectangles[:, :0]
    shown = (rectangles, rectangles[:, :2], rectangles[:, 2:], _scattered(rng, rectangles, nothing), diamonds)
    return {name: _painted(rng, strokes) for name, strokes in zip(STIMULI, shown, strict=True)}


def _outlines(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sides of rectangles (horizontal ones first) and of diamonds at the same places, `(count, 4, 4)`."""
    x, y = rng.uniform(0.36, 0.64, (2, count))
    side, aspect = rng.uniform(0.42, 0.52, count), rng.uniform(0.8, 1.25, count)
    wide, high, none = side * np.sqrt(aspect), side / np.sqrt(aspect), np.zeros(count)
    rectangle = [
        (x, y - high / 2, wide, none),
        (x, y + high / 2, wide, none),
        (x - wide / 2, y, high, none + np.pi / 2),
        (x + wide / 2, y, high, none + np.pi / 2),
    ]
    reach = side / np.sqrt(2)
    across, down = reach * aspect**0.35, reach / aspect**0.35
    length = np.hypot(across, down)
    diamond = [
        (x + right * across / 2, y + below * down / 2, length, np.arctan2(-below * down, right * across))
        for right, below in ((1, -1), (1, 1), (-1, 1), (-1, -1))
    ]
    found = [np.stack([np.stack(stroke, axis=1) for stroke in shape], axis=1) for shape in (rectangle, diamond)]
    for strokes in found:
        strokes[..., 2] *= SHORTER
    return found[0], found[1]


def _scattered(rng: np.random.Generator, strokes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return strokes, whole and not turned, at random places that are far from `others` and from each other."""
    count, many, _ = strokes.shape
    images = np.arange(count)
    there = [_points(others)] if others.shape[1] else []
    placed = strokes.copy()
    for index in range(many):
        tried = np.repeat(strokes[:, None, index], TRIES, axis=1)
        for axis, turned in ((0, np.cos), (1, np.sin)):
            edge = np.abs(turned(tried[..., 3])) * tried[..., 2] / 2 + MARGIN
            tried[..., axis] = edge + rng.random((count, TRIES)) * (1 - 2 * edge)
        points = _points(tried)
        room = rng.random((count, TRIES)) * 1e-3  # among places far enough, any
        if there:
            apart = points[:, :, None, :, None] - np.concatenate(there, axis=1)[:, None, :, None]
            room += np.minimum(np.hypot(apart[..., 0], apart[..., 1]).min(axis=(2, 3, 4)), FAR)
        best = room.argmax(axis=1)
        placed[:, index] = tried[images, best]
        there.append(points[images, best][:, None])
    return placed


def _points(strokes: np.ndarray) -> np.ndarray:
    """Return three points along each stroke, `(..., 3, 2)`."""
    along = strokes[..., 2, None] * np.linspace(-0.5, 0.5, 3)
    x = strokes[..., 0, None] + along * np.cos(strokes[..., 3, None])
    y = strokes[..., 1, None] + along * np.sin(strokes[..., 3, None])
    return np.stack([x, y], axis=-1)


def _painted(rng: np.random.Generator, strokes: np.ndarray) -> np.ndarray:
    """Return light strokes on black with a little noise, float32 `(N, 32, 32)`."""
    row, column = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE
    image = np.zeros((len(strokes), SIDE, SIDE))
    for index in range(strokes.shape[1]):
        x, y, length, angle = (strokes[:, index, part, None, None] for part in range(4))
        along = (column - x) * np.cos(angle) + (row - y) * np.sin(angle)
        beside = (row - y) * np.cos(angle) - (column - x) * np.sin(angle)
        distance = np.hypot(np.maximum(np.abs(along) - length / 2, 0), beside)
        image = np.maximum(image, np.clip((WIDTH - distance) * SIDE + 0.5, 0, 1))
    light = rng.uniform(0.7, 1, (len(strokes), 1, 1))
    return np.asarray(image * light + rng.normal(0, NOISE, image.shape), dtype=np.float32)
