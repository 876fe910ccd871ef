"""The questions of the page *What a layer looks at*, one tab each; only the open one is computed."""

from __future__ import annotations

from lab.ui.looking.attribution_section import attribution_section
from lab.ui.looking.score_section import score_section
from lab.ui.tabs import Tab

SECTIONS = (
    Tab("Maps of a picture", "Which places of this picture does an answer come from?", attribution_section),
    Tab("Which maps are right", "Do maps find what really differs between two classes?", score_section),
)
