"""Gratings and outlines to tune channels with: one property is asked about, everything else is drawn by chance.

Gratings differ in orientation; they are gray, as physiologists use them (colour would drown early channels), with
random period, phase and contrast. Outlines differ in shape; their length,
stroke and colours have the same distribution for every shape, and each is turned at random, so that a filter for one
orientation cannot know the shape. Torch-free.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lab.images.synthetic.outlines import Point, Stroke

ORIENTATIONS = tuple(f"{angle:g}°" for angle in np.arange(0, 180, 22.5))
SHAPES = ("circle", "triangle", "square", "cross", "star")
PERIODS = (6.0, 28.0)  # pixels at a side of 224
PERIMETER = (1.1, 1.6)  # image widths


def grating(rng: np.random.Generator, level: int, size: int) -> np.ndarray:
    """Return a grating of orientation `level`, uint8 `(size, size, 3)`; 0° has horizontal bars."""
    angle = np.deg2rad(level * 180 / len(ORIENTATIONS))
    period = np.exp(rng.uniform(*np.log(PERIODS))) * size / 224
    y, x = np.mgrid[0:size, 0:size]
    wave = np.sin(2 * np.pi * (y * np.cos(angle) - x * np.sin(angle)) / period + rng.uniform(0, 2 * np.pi))
    gray = 127.5 * (1 + wave * rng.uniform(0.6, 1))
    return np.asarray(np.repeat(gray[..., None], 3, axis=2).round(), dtype=np.uint8)


def outline(rng: np.random.Generator, level: int, size: int) -> np.ndarray:
    """Return the outline of shape `level`, uint8 `(size, size, 3)`."""
    corners = _corners(SHAPES[level])
    corners = corners - (corners.max(axis=0) + corners.min(axis=0)) / 2
    length = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T).sum()
    turn = rng.uniform(0, 2 * np.pi)
    turned = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    drawn = turned * rng.uniform(*PERIMETER) / length
    room = 0.5 - np.abs(drawn).max() - 0.05
    drawn = (drawn + 0.5 + rng.uniform(-room, room, 2)) * size
    points: list[Point] = [(float(x), float(y)) for x, y in drawn]
    half = rng.uniform(0.008, 0.016) * size
    centres = np.arange(size, dtype=np.float32) + 0.5
    distance = Stroke((*points, points[0]), half, half).distance(centres[None, :], centres[:, None])
    return _blend(rng, np.clip(0.5 - distance, 0, 1))


STIMULI: dict[str, tuple[tuple[str, ...], Callable[[np.random.Generator, int, int], np.ndarray]]] = {
    "orientation": (ORIENTATIONS, grating),
    "shape": (SHAPES, outline),
}


def drawn(kind: str, draw: int, each: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `each` stimuli of every level, uint8 `(N, size, size, 3)`, and their levels; every `draw` has others."""
    levels, make = STIMULI[kind]
    rng = np.random.default_rng((list(STIMULI).index(kind), draw, 0x7A))
    asked = np.repeat(np.arange(len(levels)), each)
    return np.stack([make(rng, int(level), size) for level in asked]), asked


def _corners(shape: str) -> np.ndarray:
    turns = {"circle": 40, "triangle": 3, "square": 4}
    if shape in turns:
        angle = 2 * np.pi * np.arange(turns[shape]) / turns[shape]
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    if shape == "star":
        angle = 2 * np.pi * np.arange(10) / 10
        radius = np.where(np.arange(10) % 2, 0.45, 1.0)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    arm, half = 1.0, 0.33
    quarter = [(arm, -half), (arm, half), (half, half)]
    return np.array([(x * c - y * s, x * s + y * c) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1)) for x, y in quarter])


def _blend(rng: np.random.Generator, share: np.ndarray) -> np.ndarray:
    """Return two random, different colours mixed by `share` `(S, S)`, uint8."""
    one, other = rng.uniform(0, 255, (2, 3))
    while abs(one - other) @ (0.299, 0.587, 0.114) < 70:
        one, other = rng.uniform(0, 255, (2, 3))
    mixed = one + share[..., None] * (other - one)
    return np.asarray(mixed.round(), dtype=np.uint8)
