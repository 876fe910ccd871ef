"""Channels: what single channels look for, from exemplar patches to optimised images, at every depth."""

from __future__ import annotations

from lab.ui.channels.sections import SECTIONS
from lab.ui.channels.tiles import CSS
from lab.ui.heading import heading
from lab.ui.question_section import page_of_questions
from lab.ui.selection import choose

heading(
    "Channels",
    "What does a single channel look for? First natural patches, then images made for it.",
    css=CSS,
)
page_of_questions("channels", SECTIONS, choose("data"))
