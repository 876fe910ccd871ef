"""Shapes as signed distances: every drawn part is one of these, and is anti-aliased without supersampling.

Coordinates are pixels, x to the right and y down, with pixel centres at half integers. A distance is negative inside
a shape, zero on its outline, positive outside, in pixels; only values near the outline need to be exact. Formulas
after Inigo Quilez, "2D distance functions" (https://iquilezles.org/articles/distfunctions2d). No painting here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Point = tuple[float, float]


class Outline(Protocol):
    """A shape that knows its box and its signed distance."""

    def bounds(self) -> tuple[float, float, float, float]:
        """Return the box `(left, top, right, bottom)` around the shape, pixels."""
        ...

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return signed distances, float32 `(H, W)`, for columns `x` `(1, W)` and rows `y` `(H, 1)`."""
        ...


@dataclass(frozen=True)
class Ellipse:
    """An ellipse with radii `(rx, ry)`, its own x axis turned by `angle` radians."""

    centre: Point
    radii: Point
    angle: float = 0.0

    def bounds(self) -> tuple[float, float, float, float]:
        (cx, cy), (rx, ry) = self.centre, self.radii
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        half_width, half_height = math.hypot(rx * cosine, ry * sine), math.hypot(rx * sine, ry * cosine)
        return cx - half_width, cy - half_height, cx + half_width, cy + half_height

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        (cx, cy), (rx, ry) = self.centre, self.radii
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        dx, dy = x - cx, y - cy
        u = dx * (cosine / rx) + dy * (sine / rx)
        v = dy * (cosine / ry) - dx * (sine / ry)
        u *= u
        v *= v
        # |p/r| (|p/r| - 1) / |p/r²| is exact on the outline and first-order right beside it.
        level = np.sqrt(u + v)
        slope = np.sqrt(u * (1 / rx**2) + v * (1 / ry**2)) + np.float32(1e-6)
        return level * (level - 1) / slope


@dataclass(frozen=True)
class Polygon:
    """A polygon with corners rounded by `rounding` pixels (the outline grows by as much)."""

    corners: tuple[Point, ...]
    rounding: float = 0.0

    def bounds(self) -> tuple[float, float, float, float]:
        return _box(self.corners, self.rounding)

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        nearest: np.ndarray | None = None
        inside = np.zeros((y.shape[0], x.shape[1]), dtype=bool)
        for (ax, ay), (bx, by) in zip(self.corners, self.corners[1:] + self.corners[:1], strict=True):
            squared = _to_segment(x, y, (ax, ay), (bx, by))[0]
            nearest = squared if nearest is None else np.minimum(nearest, squared, out=nearest)
            if ay != by:  # even-odd rule: a ray to the right crosses this edge
                crosses = (ay > y) != (by > y)
                inside ^= crosses & (x < (bx - ax) / (by - ay) * (y - ay) + ax)
        assert nearest is not None
        length = np.sqrt(nearest)
        return np.where(inside, -length, length) - np.float32(self.rounding)


@dataclass(frozen=True)
class Stroke:
    """A line through `points` with round ends, its half width going evenly from `start` to `end` pixels."""

    points: tuple[Point, ...]
    start: float
    end: float

    def bounds(self) -> tuple[float, float, float, float]:
        return _box(self.points, max(self.start, self.end))

    def distance(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        count = len(self.points) - 1
        step = (self.end - self.start) / count
        nearest: np.ndarray | None = None
        for index in range(count):
            squared, along = _to_segment(x, y, self.points[index], self.points[index + 1])
            length = np.sqrt(squared, out=squared)
            length -= np.float32(self.start + step * index)
            if step:
                length -= along * np.float32(step)
            nearest = length if nearest is None else np.minimum(nearest, length, out=nearest)
        assert nearest is not None
        return nearest


def curve(start: Point, bend: Point, end: Point, pieces: int = 8) -> tuple[Point, ...]:
    """Return points along the quadratic Bézier curve from `start` to `end` that leans towards `bend`."""
    points = []
    for t in (i / pieces for i in range(pieces + 1)):
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t**2
        points.append((a * start[0] + b * bend[0] + c * end[0], a * start[1] + b * bend[1] + c * end[1]))
    return tuple(points)


@dataclass(frozen=True)
class Frame:
    """A place to draw in: figure coordinates are mirrored, scaled, turned and moved to `origin` (pixels)."""

    origin: Point
    scale: float
    angle: float = 0.0
    mirror: bool = False

    def point(self, x: float, y: float) -> Point:
        """Return the pixel position of a point of the figure."""
        x = -x if self.mirror else x
        cosine, sine = math.cos(self.angle) * self.scale, math.sin(self.angle) * self.scale
        return self.origin[0] + x * cosine - y * sine, self.origin[1] + x * sine + y * cosine

    def inner(self, x: float, y: float, *, scale: float = 1.0, angle: float = 0.0) -> Frame:
        """Return a frame whose origin is the point (x, y) of this one, turned by `angle` within it."""
        turn = -angle if self.mirror else angle
        return Frame(self.point(x, y), self.scale * scale, self.angle + turn, self.mirror)

    def ellipse(self, x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> Ellipse:
        """Return an ellipse given in figure coordinates."""
        turn = -angle if self.mirror else angle
        return Ellipse(self.point(x, y), (rx * self.scale, ry * self.scale), self.angle + turn)

    def polygon(self, corners: Sequence[Point], rounding: float = 0.0) -> Polygon:
        """Return a polygon given in figure coordinates."""
        return Polygon(tuple(self.point(*corner) for corner in corners), rounding * self.scale)

    def stroke(self, points: Sequence[Point], start: float, end: float | None = None) -> Stroke:
        """Return a stroke given in figure coordinates; its half width goes from `start` to `end`."""
        widths = (start * self.scale, (start if end is None else end) * self.scale)
        return Stroke(tuple(self.point(*point) for point in points), *widths)


def _box(points: Sequence[Point], margin: float) -> tuple[float, float, float, float]:
    across, down = [p[0] for p in points], [p[1] for p in points]
    return min(across) - margin, min(down) - margin, max(across) + margin, max(down) + margin


def _to_segment(x: np.ndarray, y: np.ndarray, a: Point, b: Point) -> tuple[np.ndarray, np.ndarray]:
    """Return squared distances to the segment from `a` to `b`, and how far along it the nearest point is (0..1)."""
    (ax, ay), (ex, ey) = a, (b[0] - a[0], b[1] - a[1])
    dx, dy = x - ax, y - ay
    squared_length = max(ex * ex + ey * ey, 1e-9)
    along = dx * (ex / squared_length) + dy * (ey / squared_length)
    np.maximum(along, 0, out=along)
    np.minimum(along, 1, out=along)
    offset_x = dx - along * ex
    offset_y = dy - along * ey
    offset_x *= offset_x
    offset_y *= offset_y
    offset_x += offset_y
    return offset_x, along
