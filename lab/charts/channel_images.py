"""The optimised images of a result as one picture, for exports, reports and slides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.map_rows import image_url, light
from lab.charts.theme import INK, SMALL_FONT, Tables, layered, rows
from lab.experiments.channels.optimised import LEAST, with_ends

SIDE, GAP, LINE = 204, 12, 30  # pixels of an image, between two, and of the line below one
ACROSS, MOST_SHOWN = 4, 24  # images in a row, and in all


def optimised_images(tables: Tables, *, height: int = 0) -> alt.LayerChart:
    """Return the images that were optimised, the first of them where there are many: ends and copies side by side."""
    images = with_ends(tables["visualizations"])
    of_each = int(images.groupby(["layer", "target"]).size().max())
    across = min(len(images), of_each * max(1, ACROSS // of_each))
    shown = images.head(max(MOST_SHOWN // across, 1) * across)
    down = -(-len(shown) // across)
    placed = pd.DataFrame(
        {
            "x": [(number % across + 0.5) * (SIDE + GAP) for number in range(len(shown))],
            "y": [(number // across) * (SIDE + GAP + LINE) + SIDE / 2 for number in range(len(shown))],
            "url": [image_url(light(data)) for data in shown["thumbnail"]],
            "name": [_name(row) for row in shown.to_dict("records")],
        }
    )
    width, tall = across * (SIDE + GAP), down * (SIDE + GAP + LINE)
    base = alt.Chart(rows(placed.assign(below=placed["y"] + SIDE / 2 + 16))).encode(
        alt.X("x:Q", scale=alt.Scale(domain=[0, width], nice=False), axis=None), tooltip=alt.Tooltip("name:N")
    )
    scale = alt.Scale(domain=[tall, 0], nice=False)
    more = f", the first {len(shown)} of {len(images)}" if len(shown) < len(images) else ""
    return layered(
        base.mark_image(width=SIDE, height=SIDE).encode(alt.Y("y:Q", scale=scale, axis=None), alt.Url("url:N")),
        base.mark_text(fontSize=SMALL_FONT, color=INK, limit=SIDE).encode(
            alt.Y("below:Q", scale=scale, axis=None), alt.Text("name:N")
        ),
        title=f"Images optimised for channels{more}",
        width=width,
        height=height or tall,
        description=f"{len(shown)} optimised images: {', '.join(placed['name'].head(8))}.",
    )  # fmt: skip


def _name(row: Mapping[Any, Any]) -> str:
    return f"{row['target']} of {row['layer']}" + ", least" * (row["end"] == LEAST)
