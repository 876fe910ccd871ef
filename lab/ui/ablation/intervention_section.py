"""One part of the network is broken at a time: what is left for a frozen probe, and for a refit one."""

from __future__ import annotations

import streamlit as st

from lab.charts.ablation import MOST_CURVES, agreement_bars, intervention_curves, intervention_forest
from lab.charts.broken_parts import largest_effects
from lab.experiments.ablation.intervention_findings import breakable
from lab.experiments.ablation.interventions import InterventionRequest
from lab.experiments.result import Result
from lab.interventions import INTERVENTIONS
from lab.ui.answer import answered
from lab.ui.chart import show_chart, with_legend
from lab.ui.findings import show_command
from lab.ui.selection import Selection, request_for
from lab.ui.tables import explained_table
from lab.ui.text import escaped
from lab.ui.url_widgets import url_field

NAMES = {"spread": "Early, middle, late", "all": "Every part"}
MOST_TELLING = ("permute", "reinit", "skip")  # what loses nothing where it happens, and yet much at the end
OFFER = "Breaks one part of the network at a time (skip, swap, permute, re-initialise …) and measures what is left."


def intervention_section(subject: Selection) -> None:
    """Show what every intervention leaves of the chosen network."""
    st.markdown(
        "**The frozen probe**, fitted to the intact network, shows whether layers still *understand each other*; **a "
        "refit probe** whether the information is *still there*."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        places = st.segmented_control(
            "Places", list(NAMES), required=True, format_func=NAMES.__getitem__, label_visibility="collapsed",
            **url_field(InterventionRequest(), "places", key="break_places"),
        )  # fmt: skip
        request = request_for(InterventionRequest, subject, places=places)
        show_command(request)
    if (result := answered(request, offer=OFFER, command=False)) is None:
        return
    if not breakable(result.tables):  # what was found says why
        return
    show_chart(result, largest_effects, key="largest_effects")
    show_chart(result, intervention_forest, key="changes_chart")
    _curves(result)
    if "top1" in result["changes"] and result["changes"]["top1"].notna().any():
        with st.expander("Does the network's own classifier still say the same?", icon=":material/rule:"):
            show_chart(result, agreement_bars, key="agreement_chart")
    _not_possible(result)
    _table(result)


def _curves(result: Result) -> None:
    table = result["curve"]
    broken = table[table["intervention"] != "intact"]
    names = {name: INTERVENTIONS[name].title for name in broken["intervention"].unique()}
    if not names:
        return
    usual = next((name for name in MOST_TELLING if name in names), next(iter(names)))
    shown = st.pills(
        "Layer by layer, after", list(names), default=usual, key="changes_shown", format_func=names.__getitem__,
    ) or usual  # fmt: skip
    places = broken.loc[broken["intervention"] == shown, "place"].nunique()
    height = with_legend(1 + min(places, MOST_CURVES))
    show_chart(result, intervention_curves, key="changes_curves", intervention=str(shown), height=height)


def _not_possible(result: Result) -> None:
    for row in result["reasons"].to_dict("records"):
        st.caption(f"{escaped(row['title'])}: not here, because {escaped(row['reason'])}.")


def _table(result: Result) -> None:
    with st.expander("What each intervention does, and every number", icon=":material/table_rows:"):
        st.markdown("\n".join(f"- **{escaped(row.title)}**: {escaped(row.about)}" for row in INTERVENTIONS.values()))
        explained_table(result, "changes", key="changes_table", drop=["problem"])
