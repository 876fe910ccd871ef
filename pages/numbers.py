"""Numbers: at which layer can a number or grade of each image, or each of several labels, be read?"""

from __future__ import annotations

from lab.ui.heading import heading
from lab.ui.numbers.sections import SECTIONS
from lab.ui.question_section import page_of_questions
from lab.ui.selection import choose

heading(
    "Numbers and labels",
    "At which layer can an age, a size, a grade or several labels be read?",
)
page_of_questions("numbers", SECTIONS, choose("data", vectors=True))
