"""The questions of the pages *What a layer looks at* and *Channels*, one tab each; only the open one is shown."""

from __future__ import annotations

from lab.ui.channels.attribution_section import attribution_section
from lab.ui.channels.card_section import card_section
from lab.ui.channels.kernels_section import kernels_section
from lab.ui.channels.score_section import score_section
from lab.ui.channels.sheet_section import sheet_section
from lab.ui.channels.strip_section import strip_section
from lab.ui.tabs import Tab

OF_A_PICTURE = (
    Tab("Maps of a picture", "Which places of this picture does an answer come from?", attribution_section),
    Tab("Which maps are right", "Do maps find what really differs between two classes?", score_section),
)
OF_CHANNELS = (
    Tab("Depth strip", "What does each depth pick out?", strip_section),
    Tab("Layer sheet", "What do the channels of a layer look for?", sheet_section),
    Tab("Channel card", "What excites one channel, what feeds it, and what does it do?", card_section),
    Tab("First filters", "What do the first filters look like?", kernels_section),
)
