"""How layers build: the beginner's questions, each measured on a real network."""

from __future__ import annotations

from lab.ui.building.cells import CSS
from lab.ui.building.sections import SECTIONS
from lab.ui.heading import heading
from lab.ui.question_section import page_of_questions
from lab.ui.selection import choose

heading(
    "How layers build",
    "What does a layer do with the one before it?",
    css=CSS,
)
page_of_questions("how_layers_build", SECTIONS, choose("picture"))
