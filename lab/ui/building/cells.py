"""Grids of numbers as HTML: kernels, patches, products and maps, coloured by sign and size. Pure functions to text.

Colours are laid over the page's own background, so light and dark both fit; nothing here is user text.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import streamlit as st

from lab.charts.map_rows import image_url
from lab.encode import png

POSITIVE, NEGATIVE = (217, 98, 31), (36, 116, 207)
MOST_NUMBERS = 5  # a larger kernel's cells are too small for numbers

CSS = """
<style>
.lab-sum { overflow-x: auto; padding-bottom: 0.4rem; }
.lab-sum table { border-collapse: collapse; margin: 0; border: 0; }
.lab-sum td, .lab-sum th { border: 0; padding: 0.25rem 0.55rem; vertical-align: middle; text-align: center; }
.lab-sum th { font-weight: 500; font-size: 0.8rem; opacity: 0.8; }
.lab-sum .sign { font-size: 1.3rem; opacity: 0.65; padding: 0 0.1rem; }
.lab-sum .number { font-variant-numeric: tabular-nums; font-size: 1.05rem; white-space: nowrap; text-align: right; }
.lab-sum .name { font-size: 0.8rem; opacity: 0.85; white-space: nowrap; text-align: left; }
.lab-sum .total td { border-top: 2px solid currentColor; font-weight: 600; }
.lab-cells { display: inline-grid; gap: 1px; border: 1px solid rgba(128,128,128,0.45); border-radius: 4px;
  overflow: hidden; font-size: 0.72rem; font-variant-numeric: tabular-nums; }
.lab-cells span { display: flex; align-items: center; justify-content: center; }
.lab-map { position: relative; display: inline-block; line-height: 0; border-radius: 4px; overflow: hidden; }
.lab-map img { display: block; image-rendering: pixelated; }
.lab-map i { position: absolute; border: 2px solid #ff9a3c; box-shadow: 0 0 0 1px rgba(0,0,0,0.75); }
.lab-slide { display: grid; gap: 5px 3px; overflow-x: auto; font-size: 0.76rem; padding-bottom: 0.4rem; }
.lab-slide b { font-weight: 500; height: 28px; border-radius: 4px; border: 1px solid rgba(128,128,128,0.5);
  background: rgba(128,128,128,0.16); display: flex; align-items: center; justify-content: center; }
.lab-slide b.tap { background: rgba(217,98,31,0.8); border-color: rgba(217,98,31,0.9); }
.lab-slide b.outside { background: none; border-style: dashed; opacity: 0.6; }
.lab-slide b.tap.outside { background: rgba(217,98,31,0.25); opacity: 1; }
.lab-slide b.off { border-style: none; background: rgba(128,128,128,0.08); }
.lab-slide em { font-style: normal; opacity: 0.8; padding-left: 0.6rem; align-self: center; white-space: nowrap; }
.lab-map i.inner { border: 2px dashed #ffffff; }
.lab-fields { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(200px, 45%), 1fr)); gap: 1rem; }
.lab-fields figure { margin: 0; }
.lab-fields .lab-map, .lab-fields img { width: 100% !important; height: auto; image-rendering: auto; }
.lab-fields figcaption { font-size: 0.82rem; line-height: 1.4; margin-top: 0.3rem; }
.lab-fields figcaption small { opacity: 0.8; font-size: 0.78rem; }
.lab-strip { overflow-x: auto; padding-bottom: 0.3rem; }
.lab-strip table { border-collapse: collapse; border: 0; margin: 0; }
.lab-strip td, .lab-strip th { border: 0; padding: 0.15rem 0.2rem; font-size: 0.8rem; font-weight: 400; }
.lab-strip th { text-align: left; white-space: nowrap; padding-right: 0.8rem; line-height: 1.3; }
.lab-strip th small { opacity: 0.75; }
.lab-strip img { display: block; border-radius: 4px; image-rendering: auto; }
.lab-maps { display: flex; flex-wrap: wrap; gap: 0.9rem 1.2rem; align-items: flex-start; }
.lab-maps figure { margin: 0; }
.lab-maps figcaption { font-size: 0.8rem; opacity: 0.85; margin-top: 0.25rem; max-width: 24rem; line-height: 1.35; }
</style>
"""


def cells(
    values: np.ndarray,
    *,
    most: float | None = None,
    side: int = 0,
    label: str = "",
    digits: int = 2,
    bare: bool = False,
) -> str:
    """Return a grid of coloured cells for `values` (rows, columns); small grids show the numbers unless `bare`.

    `most` is the size that gets the full colour (default: the largest), `side` a cell's pixels.
    """
    most = float(np.abs(values).max() if most is None else most) or 1.0
    numbers = max(values.shape) <= MOST_NUMBERS and not bare
    side = side or (40 if numbers else max(3, 120 // max(values.shape)))
    inner = "".join(
        f'<span style="background:{_colour(value / most)}">{_number(value, digits) if numbers else ""}</span>'
        for value in map(float, values.ravel())
    )
    high = side if bare else max(3, side * 3 // 4)
    grid = f"grid-template-columns:repeat({values.shape[1]},{side}px);grid-auto-rows:{high}px"
    return f'<span class="lab-cells" role="img" aria-label="{label}" style="{grid}">{inner}</span>'


Box = tuple[float, float, float, float]


def picture(png: bytes, *, width: int, box: Box | None = None, inner: Box | None = None, label: str = "") -> str:
    """Return a picture of `width` pixels; `box` (top, left, height, width, in shares) is framed, `inner` dashed."""
    frames = "".join(
        f'<i class="{kind}" style="{_place(frame)}"></i>'
        for kind, frame in (("", box), ("inner", inner))
        if frame is not None
    )
    image = f'<img src="{image_url(png)}" width="{width}" alt="{label}">'
    return f'<span class="lab-map" style="width:{width}px">{image}{frames}</span>'


def _place(box: Box) -> str:
    top, left, high, wide = (100 * share for share in box)
    return f"top:{top:.2f}%;left:{left:.2f}%;height:{high:.2f}%;width:{wide:.2f}%"


@st.cache_data(show_spinner=False, max_entries=256)
def gray_png(values: np.ndarray) -> bytes:
    """Return a map `(H, W)` as a gray PNG, its lowest value black and its highest white."""
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return png((scaled * 255).round().astype(np.uint8))


def figures(items: Iterable[tuple[str, str]]) -> str:
    """Return pictures or grids side by side, each with a line under it."""
    inner = "".join(f"<figure>{shown}<figcaption>{caption}</figcaption></figure>" for shown, caption in items)
    return f'<div class="lab-maps">{inner}</div>'


def strip(rows: Iterable[tuple[str, list[bytes]]], *, width: int, heads: Iterable[str] = (), label: str = "") -> str:
    """Return rows of pictures of `width` pixels, each row with a name in front (HTML); `heads` stand above them."""
    lines = []
    if names := list(heads):
        lines.append("<tr><th></th>" + "".join(f"<td><small>{name}</small></td>" for name in names) + "</tr>")
    for name, pictures in rows:
        shown = "".join(f'<td><img src="{image_url(png)}" width="{width}" alt="{label}"></td>' for png in pictures)
        lines.append(f"<tr><th>{name}</th>{shown}</tr>")
    return f'<div class="lab-strip"><table>{"".join(lines)}</table></div>'


def _colour(share: float) -> str:
    red, green, blue = POSITIVE if share >= 0 else NEGATIVE
    return f"rgba({red},{green},{blue},{min(1.0, abs(share)) * 0.85:.3f})"


def _number(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    text = f"{value:.{digits}f}" if abs(value) < 100 else f"{value:.0f}"
    return text.removesuffix("." + "0" * digits) if float(value).is_integer() else text
