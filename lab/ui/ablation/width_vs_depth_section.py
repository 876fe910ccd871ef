"""Side by side instead of stacked: five arrangements of the same number of parameters, trained here alike."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from lab.charts.width_vs_depth import accuracy_by_budget, stack_leads
from lab.errors import LabError
from lab.experiments.result import Result
from lab.experiments.width_vs_depth.request import WidthVsDepthRequest
from lab.experiments.width_vs_depth.tasks import TASKS, tasks_named
from lab.ui.answer import answered
from lab.ui.chart import on_a_phone, show_chart
from lab.ui.text import escaped
from lab.ui.url_state import opened
from lab.ui.url_widgets import url_field

SIZES = (8_000, 24_000, 72_000)
OFFER = "Trains five small networks of the same size on every task, three times each. Nothing is downloaded."


def width_vs_depth_section(choice: object = None) -> None:
    """Show the settings, what was found, the curves and the differences; the page's network plays no part in it."""
    st.markdown(
        "Five networks with equally many parameters and steps: a stack of five layers, one wide layer, four layers "
        "side by side, the stack without activations, and a fully connected one."
    )
    request = _requested()
    if request is None:
        return
    if (result := answered(request, offer=OFFER)) is None:
        return
    phone = on_a_phone()
    show_chart(
        result, accuracy_by_budget, key="budget_chart", view={"width": "content"}, columns=1 if phone else 2,
        size=260 if phone else 430,
    )  # fmt: skip
    show_chart(result, stack_leads, key="leads_chart", height=480)
    _tables(result)


def _requested() -> WidthVsDepthRequest | None:
    """Show the settings and return what they ask; None when they make no sense."""
    shown = (opened(WidthVsDepthRequest) or WidthVsDepthRequest()).canonical()
    chosen = st.multiselect(
        "Tasks", list(TASKS), default=list(tasks_named(shown.tasks)), key="side_tasks", format_func=TASKS.__getitem__
    )
    parameters, seen = st.columns(2, gap="medium")
    kept = url_field(WidthVsDepthRequest(), "parameters", key="side_size")
    sizes = sorted({*SIZES, st.session_state["side_size"]})
    size = parameters.selectbox("Parameters each", sizes, format_func="{:,}".format, **kept)
    images = seen.number_input(
        "Images seen in training",
        100,
        2_000_000,
        step=1_000,
        **url_field(WidthVsDepthRequest(), "seen", key="side_seen"),
    )
    try:
        named = ",".join(name for name in TASKS if name in chosen)
        return replace(shown, tasks=named, parameters=size, seen=int(images))
    except LabError as error:
        st.warning(escaped(error))
        return None


def _tables(result: Result) -> None:
    with st.expander("The networks", icon=":material/table_rows:"):
        columns = {"title": "network", "about": "what it is", "width": "channels", "parameters": "parameters"}
        st.dataframe(result["networks"][list(columns)].rename(columns=columns), hide_index=True, key="side_networks")
    with st.expander("Every moment", icon=":material/table_rows:"):
        st.caption("Means over seeds; 95 % intervals.")
        st.dataframe(result["summary"], hide_index=True, key="side_summary")
