"""The questions of the page *Break the stack*, one tab each; only the open one is computed."""

from __future__ import annotations

from lab.ui.ablation.collapse_section import collapse_section
from lab.ui.ablation.concatenation_section import together_section
from lab.ui.ablation.intervention_section import changes_section
from lab.ui.ablation.late_layers_section import tail_section
from lab.ui.ablation.width_vs_depth_section import side_by_side_section
from lab.ui.ablation.without_activations_section import linear_section
from lab.ui.selection import Selection
from lab.ui.tabs import Tab

SECTIONS: tuple[Tab[Selection], ...] = (
    Tab("Break a part", "Skip, swap, permute, re-initialise: what is left of the network?", changes_section),
    Tab("y = j(x)?", "Why not feed the image straight to the last layers?", tail_section),
    Tab("No activations", "What is left when every layer is linear?", linear_section),
    Tab("One convolution", "Are many linear layers more than one?", collapse_section),
    Tab("Side by side", "Why stack layers and not lay them side by side?", side_by_side_section),
    Tab("All layers", "Is the last layer enough?", together_section),
)
