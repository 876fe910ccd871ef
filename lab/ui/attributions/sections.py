"""The questions of the page *What a layer looks at*, one tab each; only the open one is shown."""

from __future__ import annotations

from lab.ui.attributions.maps_section import maps_section
from lab.ui.attributions.score_section import score_section
from lab.ui.question_section import Sections

SECTIONS: Sections = {
    "Maps of a picture": maps_section,
    "Which maps are right": score_section,
}
