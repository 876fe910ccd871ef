"""The questions of the page *Break the stack*, one tab each; only the open one is computed."""

from __future__ import annotations

from lab.ui.ablation.collapse_section import collapse_section
from lab.ui.ablation.concatenation_section import concatenation_section
from lab.ui.ablation.intervention_section import intervention_section
from lab.ui.ablation.late_layers_section import late_layers_section
from lab.ui.ablation.other_probes_section import other_probes_section
from lab.ui.ablation.width_vs_depth_section import width_vs_depth_section
from lab.ui.ablation.without_activations_section import without_activations_section
from lab.ui.question_section import Sections

SECTIONS: Sections = {
    "Break a part": intervention_section,
    "y = j(x)?": late_layers_section,
    "No activations": without_activations_section,
    "One convolution": collapse_section,
    "Side by side": width_vs_depth_section,
    "All layers": concatenation_section,
    "Other probes": other_probes_section,
}
