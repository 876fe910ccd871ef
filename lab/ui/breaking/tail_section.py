"""y = j(x)? The last stage is given the image: the real error first, then adapters and what remains."""

from __future__ import annotations

import streamlit as st

from lab.experiments.breaking.tail import TailRequest
from lab.ui.breaking.choosing import Broken, opened, request_for
from lab.ui.breaking.finding import findings
from lab.ui.building.saying import command
from lab.ui.showing import show_chart
from lab.ui.working import outcome

LAST = "the last one"
OFFER = (
    "Hands the image to the last stage (and shows the error), then makes it fit by tiling, a random projection and "
    "least squares, and measures what remains. About a quarter of a minute."
)


def tail_section(choice: Broken) -> None:
    """Show what a late stage makes of the image itself."""
    st.markdown(
        "A network computes y = j(i(h(x))). If the last stage j is so clever, why not give it the image x itself?"
    )
    known = st.session_state.setdefault("tail_stages", {})
    usual = opened("tail", "stage", "")
    stages = list(dict.fromkeys(["", *known.get(choice.model, ()), usual]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        stage = st.selectbox(
            "Stage that gets the image", stages, index=stages.index(usual), key=f"tail_stage_{choice.model}",
            format_func=lambda name: name or LAST, width=260,
        )  # fmt: skip
        request = request_for(TailRequest, choice, stage=stage or "")
        command(request)
    result = outcome(request, offer=OFFER)
    if result is None:
        return
    if known.get(choice.model) != tuple(result.manifest["stages"]):
        known[choice.model] = tuple(result.manifest["stages"])
        st.rerun()
    error = result["error"].iloc[0]
    st.code(
        f"{error['kind']}: {error['message']}" if error["kind"] else error["message"], language=None, wrap_lines=True
    )
    findings(result.manifest["findings"])
    show_chart(result, "adapter_forest", key="tail_chart")
    with st.expander("How the image is made to fit, and every number", icon=":material/table_rows:"):
        st.markdown(
            "- **tiling**: each position gets the average colour of its part of the image, repeated over the channels\n"
            "- **random**: a random linear map of the pixels of its part\n"
            "- **least squares**: the linear map of those pixels that comes closest to the real features (ridge)"
        )
        st.caption(
            "Each is fitted on the training images of a fold, without labels, and tested on the others. before: a new "
            "reader of what enters the stage; r2: share of the real features' variance that the adapter explains."
        )
        st.dataframe(result["adapters"], hide_index=True, key="tail_table")
