"""The questions of the page *Break the stack*, one tab each; only the open one is computed."""

from __future__ import annotations

from lab.ui.ablation.collapse_section import collapse_section
from lab.ui.ablation.concatenation_section import together_section
from lab.ui.ablation.intervention_section import changes_section
from lab.ui.ablation.late_layers_section import tail_section
from lab.ui.ablation.width_vs_depth_section import side_by_side_section
from lab.ui.ablation.without_activations_section import linear_section
from lab.ui.question_section import Sections

SECTIONS: Sections = {
    "Break a part": changes_section,
    "y = j(x)?": tail_section,
    "No activations": linear_section,
    "One convolution": collapse_section,
    "Side by side": side_by_side_section,
    "All layers": together_section,
}
