"""Images decoded ahead of whoever consumes them, by a few threads and never more than a bounded number at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from lab.errors import LabError
from lab.images.types import ImageSet
from lab.models.given_preprocess import input_for
from lab.models.preprocess import Preprocessing

if TYPE_CHECKING:
    import torch

Value = TypeVar("Value")


def pixel_batches(
    image_set: ImageSet, indices: Sequence[int], how: Preprocessing, batch_size: int
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Yield positions and their uint8 pixels `(batch_size, C, H, W)` (see `input_for`), in the order of `indices`.

    Every batch has the same size: the last one is filled up with copies of its last image, so that what a network
    finds for an image does not depend on how many others there are. Positions are only those of the images that
    were asked for.
    """
    import torch

    ahead = in_order(lambda index: input_for(image_set, index, how), indices, limit=3 * batch_size)
    for start in range(0, len(indices), batch_size):
        positions = list(indices[start : start + batch_size])
        images = [next(ahead) for _ in positions]
        images += images[-1:] * (batch_size - len(images))
        yield positions, torch.stack(images)


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
