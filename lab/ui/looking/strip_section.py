"""The depth strip: one picture and the most selective channels for two classes, from the first layer to the last."""

from __future__ import annotations

import streamlit as st

from lab.experiments.looking.depth_strip import DepthStripRequest
from lab.ui.looking.tiles import strip
from lab.ui.saying import command, explained
from lab.ui.showing import show_chart
from lab.ui.subject import Subject, request_for
from lab.ui.working import outcome

OFFER = (
    "At the end of every stage: the channel that best tells each of two classes from the rest, the patches that excite "
    "it, where it responds in a picture, and an image made for it. About a minute."
)


def strip_section(subject: Subject) -> None:
    """Show the strip of the chosen network and images."""
    request = request_for(DepthStripRequest, subject)
    result = outcome(request, offer=OFFER)
    if result is None:
        return
    st.html(strip(result["strip"], result["exemplars"], result["visualizations"]))
    st.caption(
        "Patches are exactly the pixels a value can depend on, so they grow with depth. The map is brightest where the "
        "channel is as strong as in the strongest hundredth of all images, dark at its average. Area: under the ROC "
        "curve, on images the channel was not chosen on, with its 95 % interval; 0.5 is chance."
    )
    explained(result.manifest["findings"])
    show_chart(result, "selectivity_by_depth", key="strip_chart")
    with st.expander("What the images reach", icon=":material/stacked_line_chart:"):
        show_chart(result, "reached_by_target", key="strip_reached")
    command(request)
