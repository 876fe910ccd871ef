"""What the theme file cannot say: measure of text, the verdict's look, image galleries. No colours of its own.

Colours come from the theme through streamlit's own CSS and `currentColor`, so light and dark both fit.
"""

from __future__ import annotations

import tomllib
from functools import cache

import streamlit as st

from lab.charts.theme import INK
from lab.ui.routes import dashboard_file

# No sign that could begin a tag may be in it (hence the escape): streamlit would take out all of it.
CSS = """
<style>
@property --seconds { syntax: "\\3c integer>"; initial-value: 0; inherits: false; }
@keyframes lab-clock { to { --seconds: 86400; } }
.lab-clock { animation: lab-clock 86400s linear forwards; font-size: 1.5rem; font-weight: 600;
  font-variant-numeric: tabular-nums;
  counter-reset: minutes calc(var(--seconds) / 60 - 0.5) seconds mod(var(--seconds), 60); }
.lab-clock::after { content: counter(minutes) ":" counter(seconds, decimal-leading-zero); }
.stMainBlockContainer { max-width: 1320px; padding-left: 3.5rem; padding-right: 3.5rem; }
.stVegaLiteChart { overflow-x: auto; }
.stVegaLiteChart text[fill="INK"] { fill: currentColor; fill-opacity: 0.84; }
:is([data-variant], [data-testid="stTab"]):is([data-selected="true"], [aria-checked="true"]) p,
[data-testid="stSliderThumbValue"] p {
  color: light-dark(CHOSEN); }
.lab-strip th.side.side { background: light-dark(PAPER); }
.lab-figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.4rem, 1fr)); gap: 0.5rem 1rem; }
dl.lab-figures.lab-figures, .lab-figures dd { margin: 0; padding: 0; align-items: end; }
.lab-figures dt { font-size: 0.9rem; line-height: 1.25; opacity: 0.84; }
.lab-figures dd { font-size: 1.75rem; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; }
.st-key-hero svg.marks { max-width: 100%; height: auto; }
.st-key-of_other_settings > :not(:first-child) { opacity: 0.5; filter: grayscale(1); }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] * { color: inherit; opacity: 1; }
[data-testid="stCaptionContainer"] p { color: color-mix(in srgb, currentColor 76%, transparent); }
.stMainBlockContainer h2 { font-size: 1.6rem; }
.stMainBlockContainer h3 { font-size: 1.2rem; }
.stMainBlockContainer h1 { letter-spacing: -0.01em; padding-bottom: 0.2rem; }
.stMainBlockContainer :is(p, li) { max-width: 78ch; }
.stMainBlockContainer [data-testid="stCaptionContainer"] p { max-width: 100ch; }
.stMainBlockContainer p.lab-lead { font-size: 1.18rem; line-height: 1.55; max-width: 100ch; margin: 0 0 0.4rem; }
.lab-gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 0.7rem 0.6rem; }
.st-key-examples .lab-gallery { grid-template-columns: repeat(auto-fit, minmax(84px, 1fr)); }
.st-key-unfinished .lab-gallery { grid-template-columns: repeat(auto-fill, minmax(min(204px, 46%), 1fr)); }
.lab-gallery figure { margin: 0; }
.lab-gallery img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 0.4rem; display: block; }
.lab-small { display: grid; width: 72px; height: 72px; gap: 2px; border-radius: 0.5rem; overflow: hidden; }
.lab-small.lab-several { grid-template-columns: 1fr 1fr; }
.lab-small img { width: 100%; height: 100%; min-height: 0; object-fit: cover; display: block; }
.lab-card { display: flex; gap: 0.5rem; align-items: center; min-height: 44px; }
.lab-card img { width: 44px; height: 44px; object-fit: cover; border-radius: 0.3rem; }
.lab-card .lab-line { width: auto; border-radius: 0; border-bottom: 1px solid; }
[data-testid="stButtonGroup"] [data-orientation="horizontal"] { flex-wrap: wrap; }
.st-key-offer { background: color-mix(in srgb, currentColor 4%, transparent); }
:is(.st-key-offer, .st-key-stale) [data-testid="stMarkdown"] { min-width: min(24rem, 100%); }
[data-layer] { cursor: pointer; }
.lab-enlarged { border: 0; border-radius: 0.6rem; padding: 1rem; max-width: 94vw; background: inherit; color: inherit; }
.lab-enlarged::backdrop { background: rgb(0 0 0 / 0.6); }
.lab-enlarged img { width: min(512px, 84vw); aspect-ratio: 1; object-fit: contain; display: block; cursor: zoom-out; }
.stMainBlockContainer summary p { max-width: none; }
.lab-chosen { width: 100%; max-width: 150px; border-radius: 0.5rem; display: block; }
.lab-field { margin: 0; }
.lab-field div { position: relative; width: 170px; overflow: hidden; border-radius: 0.4rem; }
.lab-field img { width: 100%; display: block; }
.lab-field i { position: absolute; inset: 0; margin: auto; outline: 2px solid #fff;
  box-shadow: 0 0 0 400px rgb(0 0 0 / 0.62); }
.lab-field figcaption { font-size: 0.85rem; }
.lab-no-picture { aspect-ratio: 1; border: 1px solid; border-radius: 0.4rem; opacity: 0.5; font-size: 0.7rem; }
.lab-gallery figcaption { font-size: 0.74rem; line-height: 1.3; opacity: 0.78; overflow-wrap: anywhere; }
[class*="st-key-verdict"] p { font-size: 1.16rem; line-height: 1.5; max-width: 80ch; }
[class*="st-key-verdict"] summary p { font-size: 1rem; }
.st-key-checks p { max-width: none; line-height: 1.75; }
[data-testid="stPageLink-NavLink"] > span:last-child { white-space: normal; overflow: visible; line-height: 1.35; }
@media (max-width: 640px) {
  .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; }
  .lab-gallery { grid-template-columns: repeat(auto-fill, minmax(76px, 1fr)); }
}
</style>
"""


def apply_style() -> None:
    """Add the lab's style sheet to the page."""
    st.html(_style_sheet())


@cache
def _style_sheet() -> str:
    """Return the style sheet with the theme's colours: what is chosen is written in that of links, which is legible."""
    theme, text = tomllib.loads(dashboard_file("config.toml").read_text())["theme"], CSS.replace("INK", INK)
    for name, colour in (("CHOSEN", "linkColor"), ("PAPER", "backgroundColor")):
        text = text.replace(name, ", ".join(theme[scheme][colour] for scheme in ("light", "dark")))
    return text
