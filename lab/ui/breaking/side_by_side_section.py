"""Side by side instead of stacked: five arrangements of the same number of parameters, trained here alike."""

from __future__ import annotations

import streamlit as st

from lab.errors import LabError
from lab.experiments.base import Result
from lab.experiments.side_by_side.asked import SideRequest
from lab.experiments.side_by_side.tasks import TASKS
from lab.ui.building.saying import command, explained
from lab.ui.showing import on_a_phone, show_chart
from lab.ui.text import plain
from lab.ui.working import outcome

SIZES = (8_000, 24_000, 72_000)
OFFER = (
    "Trains five small networks of the same size on every task, three times each with other first weights, and shows "
    "them images they have not seen. About four minutes on two cores; nothing is downloaded."
)


def side_by_side_section(choice: object = None) -> None:
    """Show the settings, what was found, the curves and the differences; the page's network plays no part in it."""
    st.markdown(
        "Why put layers **on top of** each other and not **beside** each other? Five networks with equally many "
        "parameters: a stack of five layers, one wide layer, four layers of different kernels side by side, the stack "
        "without activations, and a fully connected network. All see the same images in the same number of steps."
    )
    request = _asked()
    if request is None:
        return
    command(request)
    result = outcome(request, offer=OFFER)
    if result is None:
        return
    explained(result.manifest["findings"])
    phone = on_a_phone()
    show_chart(
        result, "accuracy_by_budget", key="budget_chart", view={"width": "content"}, columns=1 if phone else 2,
        size=280 if phone else 430,
    )  # fmt: skip
    show_chart(result, "stack_leads", key="leads_chart")
    _tables(result)


def _asked() -> SideRequest | None:
    """Show the settings and return what they ask; None when they make no sense."""
    opened = _opened()
    tasks, parameters, seen = st.columns([5, 2, 2], gap="medium", vertical_alignment="bottom")
    chosen = tasks.multiselect(
        "Tasks", list(TASKS), default=opened.tasks.split(","), key="side_tasks", format_func=lambda name: TASKS[name]
    )
    sizes = sorted({*SIZES, opened.parameters})
    size = parameters.selectbox(
        "Parameters each", sizes, index=sizes.index(opened.parameters), key="side_size", format_func="{:,}".format
    )
    images = seen.number_input("Images seen in training", 100, 2_000_000, opened.seen, 1_000, key="side_seen")
    try:
        return SideRequest(
            tasks=",".join(name for name in TASKS if name in chosen),
            parameters=size,
            size=opened.size,
            per_class=opened.per_class,
            test_per_class=opened.test_per_class,
            seen=int(images),
            seeds=opened.seeds,
        )
    except LabError as error:
        st.warning(plain(error))
        return None


def _opened() -> SideRequest:
    """Return what the boxes start from: the run that the page was opened on, or the usual question."""
    asked = st.session_state.get("opened_request") or {}
    if asked.get("experiment") == SideRequest.experiment:
        return SideRequest.from_dict(asked)
    return SideRequest()


def _tables(result: Result) -> None:
    with st.expander("The networks", icon=":material/table_rows:"):
        columns = {"title": "network", "about": "what it is", "width": "channels", "parameters": "parameters"}
        st.dataframe(result["networks"][list(columns)].rename(columns=columns), hide_index=True, key="side_networks")
    with st.expander("Every moment", icon=":material/table_rows:"):
        st.caption("Means over seeds; 95 % intervals over seeds and test images.")
        st.dataframe(result["summary"], hide_index=True, key="side_summary")
