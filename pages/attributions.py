"""What a layer looks at: attributions at every layer, and whether they are to be trusted."""

from __future__ import annotations

from lab.ui.attributions.sections import SECTIONS
from lab.ui.heading import heading
from lab.ui.question_section import page_of_questions
from lab.ui.selection import choose

heading(
    "What a layer looks at",
    "Where in a picture does an answer come from? Every map comes with its checks.",
)
page_of_questions("attributions", SECTIONS, choose("picture"))
