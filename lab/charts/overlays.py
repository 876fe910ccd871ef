"""Maps laid over a picture, on one colour scale: what an even map would have at a place is the unit.

A map's values are divided by the mean of their sizes, so maps of any layer and method compare; full colour is `MOST`
times an even map. `heat` is a layer for a page to put over the picture, `overlay_sheet` a chart for exports.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lab.attributions.methods import METHODS
from lab.charts.lazy_altair import alt
from lab.charts.theme import Tables, layered, rows
from lab.encode import png

FOR, AGAINST = (255, 122, 26), (64, 150, 255)
MOST = 3.0
SHEET_SIDE, SHEET_COLUMNS = 150, 6  # pixels of a picture on a sheet, pictures in a row
STRENGTH, DIMMED = 0.85, 0.55


def heat(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a map `(h, w)` as uint8 `(height, width, 4)` that is transparent where the map is nothing."""
    from PIL import Image

    mean = float(np.abs(values).mean())
    times = (values / mean if mean > 0 else np.zeros_like(values)).astype(np.float32)
    grown = np.asarray(Image.fromarray(times).resize((width, height), Image.Resampling.BILINEAR))
    colour = np.where((grown < 0)[..., None], AGAINST, FOR)
    alpha = np.clip(np.abs(grown) / MOST, 0, 1) * 255
    return np.dstack([colour, alpha]).round().astype(np.uint8)


def values_of(row: Mapping[Any, Any]) -> np.ndarray:
    """Return the map that a row of the table `maps` holds, float32 `(h, w)`."""
    return np.frombuffer(row["array"], np.float32).reshape(int(row["height"]), int(row["width"]))


def overlay_sheet(tables: Tables, *, method: str) -> alt.LayerChart:
    """Return a method's maps over the picture, from the first layer to the last; reads `maps` and `picture`."""
    maps = tables["maps"]
    chosen = maps[maps["method"] == method].reset_index(drop=True)
    picture = _pixels(tables["picture"].iloc[0]["thumbnail"])
    cells = pd.DataFrame(
        [
            {
                "x": k % SHEET_COLUMNS, "y": k // SHEET_COLUMNS, "name": _name(row),
                "url": _over(picture, values_of(row)),
            }
            for k, row in enumerate(chosen.to_dict("records"))
        ]
    )  # fmt: skip
    across, down = min(len(cells), SHEET_COLUMNS), -(-len(cells) // SHEET_COLUMNS)
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.5, across - 0.5], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-0.5, down - 0.5], nice=False, reverse=True))
    base = alt.Chart(rows(cells)).encode(x, y)
    images = base.mark_image(width=SHEET_SIDE, height=SHEET_SIDE).encode(alt.Url("url:N"))
    names = base.mark_text(dy=SHEET_SIDE / 2 + 12, fontSize=12).encode(alt.Text("name:N"))
    side = ", for the target · blue: against it" if METHODS[method].signed else ""
    return layered(
        images,
        names,
        title=alt.Title(
            METHODS[method].title, subtitle=f"full orange: {MOST:g} times an even map{side}"
        ),
        width=across * (SHEET_SIDE + 14), height=down * (SHEET_SIDE + 34),
        description=f"{METHODS[method].title} over the picture at {', '.join(cells['name'])}.",
    )  # fmt: skip


def _name(row: Mapping[Any, Any]) -> str:
    return str(row["layer"] or row["score_at"] or "pixels")


def _pixels(encoded: bytes) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(encoded)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float64)


def _over(picture: np.ndarray, values: np.ndarray) -> str:
    """Return picture and map as one image, as a data URL."""
    layer = heat(values, *picture.shape[:2]).astype(np.float64)
    alpha = layer[..., 3:] / 255 * STRENGTH
    mixed = picture.mean(axis=2, keepdims=True) * DIMMED * (1 - alpha) + layer[..., :3] * alpha
    return "data:image/png;base64," + base64.b64encode(png(mixed.round().astype(np.uint8))).decode()
