"""Models: find a network in all of timm, and see its layers."""

from __future__ import annotations

from lab.ui import model_search
from lab.ui.heading import heading

heading(
    "Models",
    "Every network that timm knows, and those trained here, by name, family, size and cost. Choose one to see its "
    "layers; what is on this computer needs no download.",
)
model_search.model_search()
