"""Maps laid over the picture, as HTML: one colour scale for all of them, stated beside them. Pure functions to text.

The scale is that of `lab.charts.overlays`. Colours are laid over the picture in the browser: the picture is sent once,
and opacity is a style sheet of its own, so moving it changes no image.
"""

from __future__ import annotations

import base64
import html

import numpy as np
import streamlit as st

from lab.charts.overlays import AGAINST, FOR, MOST, heat
from lab.encode import png

CSS = """
<style>
.lab-overlays { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 1.1rem 1rem; }
.lab-overlays figure { margin: 0; }
.lab-overlays figure[aria-current] .lab-overlay { outline: 3px solid; outline-offset: 2px; }
.lab-overlays.lab-large { grid-template-columns: 1fr; margin-bottom: 1.4rem; }
.lab-large figure { display: grid; grid-template-columns: minmax(0, 440px) minmax(0, 340px); gap: 0.6rem 1.6rem; }
.lab-large figcaption b:first-child { font-size: 1.25rem; }
.lab-overlay { position: relative; display: block; line-height: 0; border-radius: 5px; overflow: hidden; }
.lab-overlay i { position: absolute; inset: 0; background-size: 100% 100%; }
.lab-overlay img { position: relative; width: 100%; height: auto; display: block; }
.lab-overlays figcaption { font-size: 0.84rem; line-height: 1.45; margin-top: 0.35rem; }
.lab-overlays p.lab-check { display: flex; justify-content: space-between; gap: 0.5rem; margin: 0; font-size: 0.78rem;
  line-height: 1.5; max-width: none; }
.lab-check b { font-weight: 500; font-variant-numeric: tabular-nums; white-space: nowrap; }
.lab-check span { opacity: 0.95; }
.lab-overlays p.lab-trust { margin: 0.1rem 0; font-size: 0.84rem; line-height: 1.35; max-width: none; }
.lab-overlays summary { cursor: pointer; opacity: 0.85; }
.lab-yes { color: #10829a; font-weight: 600; }
.lab-no { color: #c5522f; font-weight: 600; }
.lab-scale { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; font-size: 0.84rem; }
.lab-scale i { display: inline-block; width: 150px; height: 12px; border-radius: 3px; }
@media (max-width: 640px) {
  .lab-overlays { grid-template-columns: repeat(2, 1fr); }
  .lab-large figure { grid-template-columns: 1fr; }
}
</style>
"""


@st.cache_data(show_spinner=False, max_entries=256)
def heat_png(values: np.ndarray, height: int, width: int) -> bytes:
    """Return a map `(h, w)` as a PNG of `height` × `width` pixels that is transparent where the map is nothing."""
    return png(heat(values, height, width))


def overlay(over: bytes, label: str) -> str:
    """Return a map to lie on the picture of `under`; `label` is its alternative text."""
    text = html.escape(label, quote=True)
    return f'<span class="lab-overlay"><i></i><img src="{_url(over)}" alt="{text}" title="{text}"></span>'


def under(picture: bytes) -> str:
    """Return the style sheet that puts a PNG under every map of the page."""
    return f'<style>.lab-overlay i {{ background-image: url("{_url(picture)}"); }}</style>'


def opacity_style(opacity: float) -> str:
    """Return the style sheet of an opacity: the more the maps show, the grayer and darker the picture is."""
    return (
        f"<style>.lab-overlay img {{ opacity: {opacity:.2f}; }} "
        f".lab-overlay i {{ filter: grayscale({opacity:.2f}) brightness({1 - 0.45 * opacity:.2f}); }}</style>"
    )


def scale(signed: bool) -> str:
    """Return the colour scale in words and colour."""
    strong, weak = f"rgb{FOR}", f"rgba{(*FOR, 0)}"
    if not signed:
        bar = f'<i style="background:linear-gradient(90deg,{weak},{strong})"></i>'
        return f'<div class="lab-scale">none {bar} {MOST:g} times an even map, or more</div>'
    bar = f'<i style="background:linear-gradient(90deg,rgb{AGAINST},{weak},{strong})"></i>'
    return f'<div class="lab-scale">against, {MOST:g}× {bar} for, {MOST:g} times an even map or more</div>'


def _url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()
