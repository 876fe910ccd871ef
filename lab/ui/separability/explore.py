"""What stands below the verdict: the whole story, the chosen layer and image, the tabs; drawn anew alone."""

from __future__ import annotations

import streamlit as st

from lab.experiments.result import Result
from lab.ui.chosen import chosen_image
from lab.ui.layer_panel import image_panel, layer_panel
from lab.ui.separability import details, panels


@st.fragment
def explore(result: Result) -> None:
    """Show all of a result that a click on one of its parts changes."""
    metric, shown = panels.chart_options(result)
    panels.hero_chart(result, details.shown_network(result), key="accuracy_chart", metric=metric, controls=shown)
    panels.facts(result)
    panels.how_to_read()
    model = details.model_picker(result)
    image_panel(result, model, chosen_image(result["images"]["image"].tolist()))
    layer_panel(result, model)
    details.details(result, model)
