"""Pictures of channels as HTML: patches, optimised images, sheets and strips. Pure functions; text is escaped here."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lab.charts.map_rows import image_url

CSS = """
<style>
.lab-patches figure { margin: 0; }
.lab-patches small { opacity: 0.8; }
.lab-image { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 0.4rem;
  background: rgba(128,128,128,0.14); }
.lab-image.few { image-rendering: pixelated; }
.lab-row { display: grid; grid-template-columns: repeat(4, 1fr); gap: 3px; margin-bottom: 4px; }
.lab-row .lab-image { border-radius: 0.2rem; }
.lab-patches { display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); gap: 0.7rem 0.6rem; }
.lab-patches figcaption { font-size: 0.74rem; line-height: 1.3; overflow-wrap: anywhere; margin-top: 0.2rem; }
.lab-strip { overflow-x: auto; padding-bottom: 0.6rem; scroll-padding-left: 7.8rem; }
.lab-strip table { border-collapse: collapse; border: 0; }
.lab-strip th, .lab-strip td { border: 0; padding: 0.2rem 0.3rem; vertical-align: top; text-align: left; }
.lab-strip th { font-size: 0.78rem; font-weight: 500; line-height: 1.35; }
.lab-strip th.side { position: sticky; left: 0; z-index: 1; width: 7.2rem; min-width: 7.2rem; }
.lab-strip th.chosen { scroll-initial-target: nearest; }
.lab-strip .chosen { background: color-mix(in srgb, currentColor 13%, transparent); }
.lab-strip .layer { width: 198px; min-width: 198px; line-height: 1.3; } /* a part of the next one says: go on */
.lab-strip .lab-image { cursor: zoom-in; }
.lab-strip small { display: inline-block; line-height: 1.3; font-size: 0.8rem; opacity: 0.85; }
.lab-one { max-width: 448px; }
.lab-large { display: grid; grid-template-columns: repeat(auto-fit, minmax(204px, 1fr)); gap: 0.5rem;
  margin-bottom: 0.6rem; }
.lab-strip tr.class td, .lab-strip tr.class th { border-top: 1px solid rgba(128,128,128,0.4); padding-top: 0.7rem; }
.lab-strip .lab-row { grid-template-columns: repeat(2, 1fr); }
.lab-kernels { display: grid; grid-template-columns: repeat(auto-fill, minmax(62px, 1fr)); gap: 0.5rem; }
@media (max-width: 640px) {
  .lab-strip { scroll-padding-left: 5.2rem; }
  .lab-strip th.side { width: 4.6rem; min-width: 4.6rem; }
  .lab-strip .layer { width: 150px; min-width: 150px; }
}
</style>
"""
ROWS = ("<small>where in the picture it responds</small>", "<small>the image made for it</small>")
SMALL = 4  # patches over an image
BY_CLICK, BY_KEY = (f' tabindex="{order}" role="button"' for order in (-1, 0))  # `components/static/clicks.js`
Row = Mapping[Any, Any]
FEW = 40  # pixels: smaller patches are shown pixel by pixel
WHAT = {
    "exact": "exact",
    "cut by the border": "exact, cut by the border",
    "global": "sees the whole picture",
    "the whole picture": "the whole picture",
    "upper bound": "at most this",
    "unknown": "not known",
}


def image(data: bytes, label: str, *, pixelated: bool = False, enlarges: str = "") -> str:
    """Return a picture as HTML; `label` is its alternative text, `enlarges` what lets it be shown large."""
    few = " few" if pixelated else ""
    alt = html.escape(label, quote=True)
    return f'<img class="lab-image{few}" src="{image_url(data)}" alt="{alt}" title="{alt}" loading="lazy"{enlarges}>'


def patch(row: Row, enlarges: str = "") -> str:
    """Return one exemplar patch."""
    side = max(row["bottom"] - row["top"], row["right"] - row["left"])
    where = f" at row {row['row']}, column {row['column']}" if row["row"] >= 0 else ""
    label = f"patch of {row['image']}{where}: {row['value']:.2f}"
    return image(row["thumbnail"], label, pixelated=side <= FEW, enlarges=enlarges)


def patches(rows: pd.DataFrame) -> str:
    """Return patches in a grid, each with its class, its value and how exact it is."""
    figures = []
    for row in rows.to_dict("records"):
        size = f"{row['bottom'] - row['top']}×{row['right'] - row['left']} px, {WHAT[row['status']]}"
        caption = f"{html.escape(str(row['class']))} · {row['value']:.2f}<br><small>{size}</small>"
        figures.append(f"<figure>{patch(row)}<figcaption>{caption}</figcaption></figure>")
    return f'<div class="lab-patches">{"".join(figures)}</div>'


def strip(table: pd.DataFrame, exemplars: pd.DataFrame, images: pd.DataFrame, chosen: str = "") -> str:
    """Return the strip: layers from left to right; for each class patches, the map on the picture, the image.

    The `chosen` layer's column is marked.
    """
    mark = {
        str(name): f'class="layer{" chosen" * (name == chosen)}" data-layer="{html.escape(str(name), quote=True)}"'
        for name in table["layer"].unique()
    }
    layers = table.drop_duplicates("layer")
    head = "".join(
        f"<th {mark[row['layer']]}>{html.escape(row['layer'])}<br><small>depth {row['depth']:.2f}</small></th>"
        for row in layers.to_dict("records")
    )
    body = []
    for name, rows in table.groupby("class", sort=False):
        cells = [_cells(row, exemplars, images) for row in rows.to_dict("records")]
        kinds = [mark[layer] for layer in rows["layer"]]
        labels = (f"<b>{html.escape(str(name))}</b><br><small>the channel's strongest patches</small>", *ROWS)
        for number, label in enumerate(labels):
            line = "".join(f"<td {kind}>{cell[number]}</td>" for kind, cell in zip(kinds, cells, strict=True))
            body.append(f'<tr class="{"class" if number == 0 else ""}"><th class="side">{label}</th>{line}</tr>')
    return f'<div class="lab-strip"><table><tr><th class="side"></th>{head}</tr>{"".join(body)}</table></div>'


def kernels(rows: pd.DataFrame) -> str:
    """Return the kernels of one network in a grid."""
    shown = (
        image(row["thumbnail"], f"filter {row['channel']}: {row['colour']:.0%} colour", pixelated=True)
        for row in rows.to_dict("records")
    )
    return f'<div class="lab-kernels">{"".join(shown)}</div>'


def _cells(row: Row, exemplars: pd.DataFrame, images: pd.DataFrame) -> tuple[str, str, str]:
    def mine(table: pd.DataFrame) -> pd.DataFrame:
        return table[(table["layer"] == row["layer"]) & (table["target"] == row["target"])]

    best = mine(exemplars[exemplars["end"] == "most"]).head(SMALL)
    small = "".join(patch(one, BY_CLICK) for one in best.to_dict("records"))
    area = f"{row['auc']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"
    caption = f"<small>channel {row['channel']}<br>AUC {area}</small>"
    seen = image(row["thumbnail"], f"response of channel {row['channel']} of {row['layer']}", enlarges=BY_KEY)
    made = mine(images).iloc[0]
    return (
        f'<div class="lab-row">{small}</div>{caption}',
        seen,
        image(made["thumbnail"], f"image made for channel {row['channel']} of {row['layer']}", enlarges=BY_KEY),
    )


def caption(row: Row) -> tuple[str, str]:
    """Return what is said of a channel below its picture: its name and what it tells apart, and what its image reaches.

    `row` is one of the tables `visualizations` or `exemplars`, or has layer and target alone.
    """
    auc = row.get("auc", float("nan"))
    name = f"{row['target']} of {row['layer']}" + (f" · AUC {auc:.2f} for {row['class']}" if auc == auc else "")
    if "random_p95" not in row:
        return name, ""
    beyond = row["above_random"] and row["above_natural"]
    limit = max(row["random_p95"], row["photographs_p95"], row["images_p95"])
    held = f"{'beyond' if beyond else 'not beyond'} 95 % of images ({limit:.2f})"
    if row["value"] == row["natural_best"] == limit == 0:
        held = "no image raises it"
    return name, f"{row['value']:.2f}, {held}"
