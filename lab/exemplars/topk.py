"""Running extremes: of every channel the strongest and weakest places seen so far, batch by batch.

Finding where a channel is strongest costs more than finding how strong it is, so only images that get among the first
`k` are looked at closely; after a few batches those are few.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Extremes:
    """The `k` largest values per channel, `(C, k)`, from the largest down, at most one an image; -inf where none.

    `image` counts images from 0, `place` positions row by row. The earlier image wins a tie.
    """

    value: np.ndarray
    image: np.ndarray
    place: np.ndarray

    @classmethod
    def empty(cls, channels: int, k: int) -> Extremes:
        """Return extremes of nothing."""
        shape = (channels, k)
        return cls(np.full(shape, -np.inf, np.float32), np.full(shape, -1), np.full(shape, -1))

    def take_in(self, peaks: np.ndarray, images: np.ndarray, flat: Tensor, *, lowest: bool = False) -> None:
        """Take in a batch: `peaks` `(N, C)` are the largest values of `flat` `(N, positions, C)`.

        With `lowest`, peaks are the smallest values negated.
        """
        import torch

        channels = np.flatnonzero(peaks.max(axis=0) > self.value[:, -1])
        if not len(channels):
            return
        kept = self.value.shape[1]
        values = np.concatenate([self.value[channels], peaks[:, channels].T], axis=1)
        order = np.argsort(-values, axis=1, kind="stable")[:, :kept]
        new_channel, rank = np.nonzero(order >= kept)
        row = order[new_channel, rank] - kept
        series = flat[torch.from_numpy(row), :, torch.from_numpy(channels[new_channel])]
        where = series.argmin(dim=1) if lowest else series.argmax(dim=1)
        old = np.minimum(order, kept - 1)
        image, place = (np.take_along_axis(array[channels], old, axis=1) for array in (self.image, self.place))
        image[new_channel, rank] = images[row]
        place[new_channel, rank] = where.cpu().numpy()
        self.value[channels] = np.take_along_axis(values, order, axis=1)
        self.image[channels], self.place[channels] = image, place

    def merged(self, other: Extremes) -> Extremes:
        """Return the extremes of both; `other` has seen later images."""
        value, image, place = (
            np.concatenate([getattr(self, name), getattr(other, name)], axis=1) for name in ("value", "image", "place")
        )
        order = np.argsort(-value, axis=1, kind="stable")[:, : self.value.shape[1]]
        return Extremes(*(np.take_along_axis(one, order, axis=1) for one in (value, image, place)))


@dataclass
class Watcher:
    """Takes in one layer's activations of consecutive batches."""

    channels: int
    k: int
    high: Extremes = field(init=False)
    low: Extremes = field(init=False)
    means: list[np.ndarray] = field(default_factory=list)
    peaks: list[np.ndarray] = field(default_factory=list)
    width: int = 1

    def __post_init__(self) -> None:
        self.high, self.low = Extremes.empty(self.channels, self.k), Extremes.empty(self.channels, self.k)

    def take_in(self, maps: Tensor, images: np.ndarray) -> None:
        """Take in maps `(N, C, H, W)`, of which the first `len(images)` count."""
        self.width = int(maps.shape[3])
        flat = maps[: len(images)].permute(0, 2, 3, 1).flatten(1, 2)
        high = flat.amax(dim=1).float().cpu().numpy()
        low = flat.amin(dim=1).float().cpu().numpy()
        self.high.take_in(high, images, flat)
        self.low.take_in(-low, images, flat, lowest=True)
        self.means.append(flat.mean(dim=1).float().cpu().numpy())
        self.peaks.append(high)
