"""The questions of the page *Channels*, one tab each; only the open one is shown."""

from __future__ import annotations

from lab.ui.channels.card_section import card_section
from lab.ui.channels.kernels_section import kernels_section
from lab.ui.channels.sheet_section import sheet_section
from lab.ui.channels.strip_section import strip_section
from lab.ui.channels.wall_section import wall_section
from lab.ui.question_section import Sections

SECTIONS: Sections = {
    "Depth strip": strip_section,
    "Layer sheet": sheet_section,
    "All channels": wall_section,
    "Channel card": card_section,
    "First filters": kernels_section,
}
