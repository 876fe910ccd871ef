"""The rows behind the maps: a row per image with two columns per layer, thumbnails, and how far to trust a map."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Iterable

import numpy as np
import pandas as pd

from lab.charts.theme import Tables, layers_of, of_model
from lab.encode import jpeg

MOST_POINTS = 800  # images drawn per map; more would make brushing slow without showing more
MOST_THUMBNAILS = 400


def wide_rows(tables: Tables, model: str, *, most: int = MOST_POINTS, only: str = "") -> pd.DataFrame:
    """Return one row per image: image, class, and x0, y0, x1, y1, … by layer, each layer scaled to -1..1.

    `only` names the one layer whose columns are wanted. Of more than `most` images, every k-th of each class is kept.
    """
    table = tables["projection"]
    here = of_model(table, model)
    order = layers_of(table, model)
    wide = pd.DataFrame(index=pd.Index(here["image"].unique(), name="image"))
    wide["class"] = here.drop_duplicates("image").set_index("image")["class"]
    columns = {}
    for at, layer in enumerate(order):
        if only not in ("", layer):
            continue
        points = here[here["layer"] == layer].set_index("image")[["x", "y"]].reindex(wide.index).to_numpy(dtype=float)
        columns[f"x{at}"], columns[f"y{at}"] = centred(points).T
    wide = pd.concat([wide, pd.DataFrame(columns, index=wide.index)], axis=1).reset_index()
    return _thinned(wide, most)


def centred(points: np.ndarray) -> np.ndarray:
    """Return `(N, 2)` points moved to their middle and scaled by one factor, so that the farther axis spans -1..1."""
    if not np.isfinite(points).any():  # a layer without a map
        return points
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    half = float((high - low).max()) / 2
    return (points - (low + high) / 2) / (half if half > 0 else 1.0)


def data_url(picture: object) -> str | None:
    """Return JPEG, PNG or WebP bytes as a data URL, None for no bytes."""
    return image_url(picture) if isinstance(picture, bytes) and picture else None


def image_url(picture: bytes) -> str:
    """Return JPEG, PNG or WebP bytes as a data URL."""
    kind = "png" if picture.startswith(b"\x89PNG") else "webp" if picture.startswith(b"RIFF") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


@functools.lru_cache(maxsize=256)
def light(data: bytes) -> bytes:
    """Return a picture as a JPEG unless it is as light already: on a sheet of many, a third as much is sent."""
    from PIL import Image

    if not data.startswith(b"\x89PNG"):
        return data
    with Image.open(io.BytesIO(data)) as picture:
        return jpeg(np.asarray(picture.convert("RGB")))


def thumbnail_rows(tables: Tables, images: Iterable[str]) -> pd.DataFrame:
    """Return image, thumbnail (data URL) for those of `images` that have one, at most `MOST_THUMBNAILS`."""
    table = tables["images"]
    here = _thinned(table[table["image"].isin(set(images))], MOST_THUMBNAILS)
    urls = pd.DataFrame({"image": here["image"], "thumbnail": here["thumbnail"].map(data_url)})
    return urls.dropna().reset_index(drop=True)


def trust_by_layer(tables: Tables, model: str) -> dict[str, str]:
    """Return per layer how far its map can be trusted, and how well neighbours tell the classes without it."""
    quality = tables.get("projection_quality", pd.DataFrame(columns=["model"]))
    known = {str(row["layer"]): row.to_dict() for _, row in of_model(quality, model).iterrows()}
    told = {}
    for layer in layers_of(tables["projection"], model):
        row = known.get(layer, {})
        parts = [(word, row.get(key)) for word, key in (("trust", "trustworthiness"), ("k-NN", "knn_embedding"))]
        known_parts = [f"{word} {value:.2f}" for word, value in parts if value is not None and np.isfinite(value)]
        told[layer] = ", ".join(known_parts) or "no quality figures"
    return told


def _thinned(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return about `most` rows: every k-th of each class."""
    step = -(-len(table) // most)
    return table if step <= 1 else table[table.groupby("class").cumcount() % step == 0].reset_index(drop=True)
