"""TensorBoard's event files: a scalar per curve over layers, the charts as images, embeddings in the projector."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lab.charts.pictures import picture
from lab.experiments.result import Result
from lab.export.trackers.rows import layer_names, parameters, pictures, scalars
from lab.registry import charts_of

SPRITE_SIDE = 32  # pixels of a thumbnail in the projector
MOST_SPRITES = 2500  # TensorBoard reads sprites of at most 8192 pixels a side; beyond, points come without pictures


def write(result: Result, folder: Path, embeddings: Mapping[str, np.ndarray]) -> list[str]:
    """Write event files into `folder/RUN` and return that folder; `tensorboard --logdir folder` shows it.

    A scalar's step is the position of the layer, which the text `layers` names.
    """
    from torch.utils.tensorboard import SummaryWriter

    place = folder / result.request.run_id
    curves = scalars(result)
    with SummaryWriter(str(place)) as writer:
        for one in curves:
            writer.add_scalar(one.name, one.value, one.step)
        writer.add_text("findings", "\n\n".join(result.findings))
        writer.add_text("layers", "\n\n".join(layer_names(result)))
        writer.add_text("asked", "\n\n".join(f"{name}: {value}" for name, value in parameters(result).items()))
        for name, chart in charts_of(result).items():
            writer.add_image(f"charts/{name}", _pixels(picture(chart, "png")), dataformats="HWC")
        for name, vectors in embeddings.items():
            _project(writer, result, name, vectors)
    return [str(place)]


def _project(writer: object, result: Result, name: str, vectors: np.ndarray) -> None:
    import torch

    images = result["images"]
    rows = [[str(row["image"]), str(row["class"])] for _, row in images.iterrows()]
    few = len(images) <= MOST_SPRITES
    sprites = torch.from_numpy(_sprites(pictures(result, list(images["image"])))) if few else None
    writer.add_embedding(  # type: ignore[attr-defined]
        torch.from_numpy(np.array(vectors, dtype=np.float32)), metadata=rows, metadata_header=["image", "class"],
        label_img=sprites, tag=name.replace("/", "_"),
    )  # fmt: skip


def _sprites(thumbnails: list[bytes]) -> np.ndarray:
    """Return small pictures `(N, 3, 32, 32)` in 0..1; gray where there is none."""
    from PIL import Image

    found = np.full((len(thumbnails), SPRITE_SIDE, SPRITE_SIDE, 3), 200, dtype=np.uint8)
    for place, data in zip(found, thumbnails, strict=True):
        if data:
            place[:] = np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((SPRITE_SIDE, SPRITE_SIDE)))
    return np.ascontiguousarray(found.transpose(0, 3, 1, 2) / np.float32(255))


def _pixels(data: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
