"""Numbers: at which layer can a number of each image be read?"""

from __future__ import annotations

from lab.ui.heading import heading
from lab.ui.numbers.number_section import number_section
from lab.ui.question_section import page_of_questions
from lab.ui.selection import choose

heading(
    "Numbers",
    "An age, a size, a grade: at which layer can a number of each image be read? A ridge regression is asked at each, "
    "beside an untrained twin, shuffled numbers and the raw pixels.",
)
page_of_questions("numbers", {"Numbers": number_section}, choose("data"))
