"""Break the stack: what a network's layers are for, found by taking them apart."""

from __future__ import annotations

from lab.ui.ablation.sections import SECTIONS
from lab.ui.building.cells import CSS
from lab.ui.heading import heading
from lab.ui.question_section import page_of_questions
from lab.ui.selection import choose

heading(
    "Break the stack",
    "Take a part of the network away, and measure what is left.",
    css=CSS,
)
page_of_questions("break_the_stack", SECTIONS, choose("data"))
