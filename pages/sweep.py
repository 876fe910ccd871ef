"""Sweep: many networks on many image sets, finished or under way."""

from __future__ import annotations

from lab.ui.heading import heading
from lab.ui.sweep import sweep_section

heading(
    "Sweep", "Many networks on many image sets: where in each the classes come apart, and how much of it is there yet."
)
sweep_section()
