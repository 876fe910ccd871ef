"""Models: find a network in all of timm, and see its layers."""

from __future__ import annotations

from lab.ui import model_search
from lab.ui.heading import heading

heading(
    "Models",
    "Every network of timm, and those trained here.",
)
model_search.model_search()
