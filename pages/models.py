"""Models: find a network in all of timm, and see its layers."""

from __future__ import annotations

from lab.ui import model_search
from lab.ui.heading import heading

heading(
    "Models",
    "Every network that timm knows, and those trained here. Choose one to see its layers.",
)
model_search.model_search()
