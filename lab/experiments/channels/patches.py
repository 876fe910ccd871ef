"""Exemplar patches as table rows: the exact pixels a channel's value depends on, where it is strongest and weakest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lab.embeddings.streaming import in_order
from lab.encode import png
from lab.experiments.channels.optimised import LEAST, MOST
from lab.experiments.channels.scan_context import ScanContext
from lab.models.preprocess import pixels_for
from lab.progress import Progress

if TYPE_CHECKING:
    from lab.experiments.channels.targets import ChannelTarget

SHOWN = 112  # longer side of a patch as it is kept; smaller ones keep their own pixels
QUALITY = 88
ENDS = (MOST, LEAST)
COLUMNS = (
    "layer", "depth", "target", "channel", "end", "rank", "image", "class", "value", "row", "column", "top", "left",
    "bottom", "right", "status", "thumbnail",
)  # fmt: skip


@dataclass(frozen=True)
class PatchPlace:
    """Where a target is strong or weak: an image by number, a position of the layer (-1, -1 for all), the value."""

    target: ChannelTarget
    end: str
    rank: int
    image: int
    row: int
    column: int
    value: float


def patches(
    look: ScanContext,
    targets: Iterable[ChannelTarget],
    count: int,
    progress: Progress,
    ends: Collection[str] = ENDS,
) -> pd.DataFrame:
    """Return one row per target, end and rank: the image, the place, the patch's box, its status and its picture."""
    places = [place for target in targets for place in places_of(look, target, count) if place.end in ends]
    seen = pixels_of(look, sorted({place.image for place in places}), progress)
    rows = [_row(look, place, seen[place.image]) for place in places]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def places_of(look: ScanContext, target: ChannelTarget, count: int) -> list[PatchPlace]:
    """Return the `count` strongest and weakest places of a target, an image at most once at each end."""
    if target.channel is None:
        return _whole_images(look, target, count)
    found = look.scans[target.layer.name]
    places = []
    for end, extremes in zip(ENDS, (found.high, found.low), strict=True):
        for rank in range(min(count, extremes.image.shape[1])):
            if extremes.image[target.channel, rank] < 0:
                break
            image, row, column = found.place(extremes, target.channel, rank)
            value = float(extremes.value[target.channel, rank])
            places.append(PatchPlace(target, end, rank + 1, image, row, column, value))
    return places


def pixels_of(look: ScanContext, indices: Sequence[int], progress: Progress) -> dict[int, np.ndarray]:
    """Return images as the network sees them, uint8 `(H, W, 3)`, by number."""
    how = look.model.preprocessing
    found = {}
    ahead = in_order(lambda index: pixels_for(look.images, index, how), indices, limit=32)
    for number, (index, pixels) in enumerate(zip(indices, ahead, strict=True)):
        progress("Cutting out patches", number, len(indices), "images")
        found[index] = pixels.permute(1, 2, 0).numpy()
    return found


def encoded(pixels: np.ndarray, longest: int = SHOWN) -> bytes:
    """Return uint8 pixels as a picture to show: PNG with every pixel if it is small, else a JPEG resized to fit."""
    import io

    from PIL import Image

    side = max(pixels.shape[:2])
    if side <= longest:
        return png(np.ascontiguousarray(pixels))
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _whole_images(look: ScanContext, target: ChannelTarget, count: int) -> list[PatchPlace]:
    values = target.objective.of_vectors(look.scans[target.layer.name].means)
    order = np.argsort(-values, kind="stable")
    ends = zip(ENDS, (order[:count], order[::-1][:count]), strict=True)
    return [
        PatchPlace(target, end, rank + 1, int(image), -1, -1, float(values[image]))
        for end, images in ends
        for rank, image in enumerate(images)
    ]


def _row(look: ScanContext, place: PatchPlace, pixels: np.ndarray) -> dict[str, Any]:
    layer, record = place.target.layer, look.images.records[place.image]
    height, width = pixels.shape[:2]
    box, status = (0, 0, height, width), "the whole picture"
    if place.row >= 0:
        crop = look.reaches[layer.name].crop(place.row, place.column)
        box, status = (crop.top, crop.left, crop.bottom, crop.right), crop.status
    top, left, bottom, right = box
    return {
        "layer": layer.name,
        "depth": layer.depth,
        "target": place.target.name,
        "channel": -1 if place.target.channel is None else place.target.channel,
        "end": place.end,
        "rank": place.rank,
        "image": record.id,
        "class": look.images.classes[record.label],
        "value": place.value,
        "row": place.row,
        "column": place.column,
        "top": top,
        "left": left,
        "bottom": bottom,
        "right": right,
        "status": status,
        "thumbnail": encoded(pixels[top:bottom, left:right]),
    }
