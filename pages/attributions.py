"""What a layer looks at: attributions at every layer, and whether they are to be trusted."""

from __future__ import annotations

from lab.ui.attributions.sections import SECTIONS
from lab.ui.heading import heading
from lab.ui.question_section import page_of_questions
from lab.ui.selection import choose

heading(
    "What a layer looks at",
    "Which parts of a picture does an answer come from, seen at each depth? Every map here stands beside the "
    "checks that tell an explanation from a pretty picture.",
)
page_of_questions("attributions", SECTIONS, choose("picture"))
