"""Sweep: many networks on many image sets, finished or under way, and which layer of them to use for new images."""

from __future__ import annotations

from lab.ui.heading import heading
from lab.ui.sweeps.sections import sweep_tabs

heading(
    "Sweep",
    "Many networks, many image sets: where classes come apart, and which layer to use.",
)  # fmt: skip
sweep_tabs()
