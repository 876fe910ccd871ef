"""Images decoded ahead of whoever consumes them, by a few threads and never more than a bounded number at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from lab.errors import LabError
from lab.images.types import ImageSet
from lab.models.given_preprocess import input_for
from lab.models.preprocess import Preprocessing

if TYPE_CHECKING:
    import torch

Value = TypeVar("Value")

MOST_PIXELS = 100_000_000  # bytes of prepared images that are kept: 600 of 224 x 224 pixels
_SEEN: ContextVar[_Inputs | None] = ContextVar("pixels kept", default=None)


def pixel_batches(
    image_set: ImageSet, indices: Sequence[int], how: Preprocessing, batch_size: int
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Yield positions and their uint8 pixels `(batch_size, C, H, W)` (see `input_for`), in the order of `indices`.

    Every batch has the same size: the last one is filled up with copies of its last image, so that what a network
    finds for an image does not depend on how many others there are. Positions are only those of the images that
    were asked for.
    """
    import torch

    read = seen.input_for if (seen := _SEEN.get()) else input_for  # here, as threads know no context
    ahead = in_order(lambda index: read(image_set, index, how), indices, limit=3 * batch_size)
    for start in range(0, len(indices), batch_size):
        positions = list(indices[start : start + batch_size])
        images = [next(ahead) for _ in positions]
        images += images[-1:] * (batch_size - len(images))
        yield positions, torch.stack(images)


class _Inputs:
    """What networks were given of images, as much as there is room for."""

    def __init__(self) -> None:
        self.room = MOST_PIXELS
        self.known: dict[tuple[str, Preprocessing], torch.Tensor] = {}

    def input_for(self, image_set: ImageSet, index: int, how: Preprocessing) -> torch.Tensor:
        key = image_set.digests[index], replace(how, mean=(), std=())
        found = self.known.get(key)
        if found is None:
            found = input_for(image_set, index, how)
            if self.room >= found.nbytes:
                self.room -= found.nbytes
                self.known[key] = found
        return found


@contextmanager
def pixels_kept() -> Iterator[None]:
    """In this block an image is decoded once for all networks that want it alike: the first `MOST_PIXELS` bytes."""
    token = _SEEN.set(_Inputs())
    try:
        yield
    finally:
        _SEEN.reset(token)


def shrunken(image_set: ImageSet, indices: Sequence[int], side: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield positions and the image shrunk to `side`×`side`, float32 in 0..1, flattened from `(3, side, side)`."""
    yield from zip(indices, in_order(lambda index: _shrunk(image_set, index, side), indices, limit=64), strict=True)


def in_order(work: Callable[[int], Value], indices: Sequence[int], *, limit: int) -> Iterator[Value]:
    """Yield `work(index)` in order, computed by threads at most `limit` ahead; an error is raised in its turn."""
    pending: deque[Future[Value]] = deque()
    waiting = iter(indices)
    pool = ThreadPoolExecutor(max_workers=max(1, min(8, os.cpu_count() or 1)), thread_name_prefix="decode")
    try:
        for index in waiting:
            pending.append(pool.submit(work, index))
            if len(pending) >= limit:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _shrunk(image_set: ImageSet, index: int, side: int) -> np.ndarray:
    from PIL import Image

    try:
        image = Image.fromarray(image_set.pixels(index))
    except (OSError, ValueError) as error:
        name = image_set.records[index].id
        raise LabError(
            f"image {name!r} of {image_set.spec} cannot be decoded any more ({error}); restore or remove it"
        ) from error
    small = image.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return (np.asarray(small, dtype=np.float32) / 255).transpose(2, 0, 1).ravel()
