"""Sweep: many networks on many image sets, finished or under way, and which layer of them to use for new images."""

from __future__ import annotations

from lab.ui.heading import heading
from lab.ui.sweeps.sections import sweep_tabs

heading(
    "Sweep", "Many networks on many image sets: where in each the classes come apart, how much of it is there yet, and "
    "which layer of them all to use for images that are new.",
)  # fmt: skip
sweep_tabs()
