"""Other kinds of probe on the same layers: do they find the same best layer, and what does each cost?"""

from __future__ import annotations

import streamlit as st

from lab.charts.other_probes import accuracy_by_probe
from lab.experiments.other_probes.run import OtherProbesRequest
from lab.probing.kinds import PROBES
from lab.registry import meaning
from lab.ui.answer import answered
from lab.ui.chart import show_chart
from lab.ui.findings import show_command
from lab.ui.selection import Selection, request_for
from lab.ui.url_widgets import url_field

OFFER = "Reads every layer with each kind of probe; the attentive one takes most of the time."
BEST = {
    "probe": "probe", "layer": "best layer", "accuracy": "accuracy", "difference": "minus logistic",
    "difference_low": "from", "difference_high": "to", "agrees": "same best layer", "numbers": "numbers fitted",
    "seconds": "seconds",
}  # fmt: skip


def other_probes_section(subject: Selection) -> None:
    """Show what each kind of probe reads by depth, and where they disagree about the best layer."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        usual = OtherProbesRequest()
        layers = st.segmented_control("Layers", ["stages", "blocks"], **url_field(usual, "layers", key="probes_layers"))
        attentive = st.toggle("With the attentive probe", **url_field(usual, "attentive", key="probes_attentive"))
        request = request_for(OtherProbesRequest, subject, layers=layers or usual.layers, attentive=attentive)
        show_command(request)
    st.caption(" · ".join(f"**{kind.title}**: {kind.about}" for kind in PROBES.values()))
    if (result := answered(request, offer=OFFER, command=False)) is None:
        return
    show_chart(result, accuracy_by_probe, key="probes_chart")
    config = {
        name: st.column_config.Column(told, help=meaning("other_probes", "best", name)) for name, told in BEST.items()
    }
    st.dataframe(result["best"][list(BEST)].round(3), hide_index=True, column_config=config, key="probes_table")
