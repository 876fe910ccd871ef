"""The questions of the page *Numbers and labels*, one tab each; only the open one is computed."""

from __future__ import annotations

from lab.ui.numbers.number_section import grades_section, labels_section, number_section
from lab.ui.question_section import Sections

SECTIONS: Sections = {"Numbers": number_section, "Grades": grades_section, "Several labels": labels_section}
