"""What the theme file cannot say: measure of text, the verdict's look, image galleries. No colours of its own.

Colours come from the theme through streamlit's own CSS and `currentColor`, so light and dark both fit.
"""

from __future__ import annotations

import streamlit as st

from lab.charts.theme import INK

CSS = """
<style>
.stMainBlockContainer { max-width: 1320px; padding-left: 3.5rem; padding-right: 3.5rem; }
.stVegaLiteChart { overflow-x: auto; }
.stVegaLiteChart text[fill="INK"] { fill: currentColor; fill-opacity: 0.84; }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] * { color: inherit; opacity: 1; }
[data-testid="stCaptionContainer"] p { color: color-mix(in srgb, currentColor 76%, transparent); }
.stMainBlockContainer h1 { letter-spacing: -0.01em; padding-bottom: 0.2rem; }
.stMainBlockContainer :is(p, li) { max-width: 78ch; }
.stMainBlockContainer [data-testid="stCaptionContainer"] p { max-width: 100ch; }
.lab-lead { font-size: 1.18rem; line-height: 1.55; max-width: 68ch; margin: 0 0 0.4rem; }
.lab-gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 0.7rem 0.6rem; }
.st-key-examples .lab-gallery { grid-template-columns: repeat(auto-fit, minmax(84px, 1fr)); }
.lab-gallery figure { margin: 0; }
.lab-gallery img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 0.4rem; display: block; }
.lab-small { display: grid; width: 72px; height: 72px; gap: 2px; border-radius: 0.5rem; overflow: hidden; }
.lab-small.lab-several { grid-template-columns: 1fr 1fr; }
.lab-small img { width: 100%; height: 100%; min-height: 0; object-fit: cover; display: block; }
.st-key-offer { background: color-mix(in srgb, currentColor 4%, transparent); }
:is(.st-key-offer, .st-key-stale) [data-testid="stMarkdown"] { min-width: min(24rem, 100%); }
.lab-no-picture { aspect-ratio: 1; border: 1px solid; border-radius: 0.4rem; opacity: 0.5; font-size: 0.7rem; }
.lab-gallery figcaption { font-size: 0.74rem; line-height: 1.3; opacity: 0.78; overflow-wrap: anywhere; }
[class*="st-key-verdict"] p { font-size: 1.16rem; line-height: 1.5; max-width: 80ch; }
.st-key-checks p { max-width: none; line-height: 1.75; }
[data-testid="stPageLink-NavLink"] > span:last-child { white-space: normal; overflow: visible; line-height: 1.35; }
@media (max-width: 640px) {
  .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; }
  .lab-gallery { grid-template-columns: repeat(auto-fill, minmax(76px, 1fr)); }
}
</style>
""".replace("INK", INK)


def apply_style() -> None:
    """Add the lab's style sheet to the page."""
    st.html(CSS)
