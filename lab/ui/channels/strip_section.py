"""The depth strip: one picture and the most selective channels for two classes, from the first layer to the last."""

from __future__ import annotations

from itertools import combinations

import streamlit as st

from lab.charts.channels import reached_by_target, selectivity_by_depth
from lab.experiments.channels.depth_strip import DepthStripRequest
from lab.experiments.picture import offered_pictures, picture_name
from lab.ui.channels.sheet_section import size_box
from lab.ui.channels.tiles import strip
from lab.ui.chart import show_chart
from lab.ui.choices import known_classes, with_current
from lab.ui.chosen import layer_picker, layers_as_html
from lab.ui.findings import show_command, show_sentences
from lab.ui.run_status import result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.url_widgets import url_field

OFFER = (
    "At the end of every stage: the channel that best tells each of two classes, its patches, and an image made for it."
)


MOST_PAIRS = 60  # of classes that are offered; any other can be typed
OWN = "The first image of the set"


def strip_section(subject: Selection) -> None:
    """Show the strip of the chosen network and images."""
    request = _request(subject)
    result = result_or_status(request, offer=OFFER)
    if result is None:
        return
    layers = [str(name) for name in result["strip"]["layer"].unique()]
    chosen = layer_picker(layers, layers[0])  # the walk begins at the input, and the strip is as wide as it is deep
    layers_as_html(strip(result["strip"], result["exemplars"], result["visualizations"], chosen), key="layer_strip")
    st.caption(
        "Patches are exactly the pixels a value depends on. Maps are bright where the channel is as strong as in the "
        "top hundredth of images. AUC: held out, with its 95 % interval; 0.5 is chance. A click "
        "enlarges."
    )
    show_sentences(result.manifest["findings"])
    show_chart(result, selectivity_by_depth, key="strip_chart")
    with st.expander("What the images reach", icon=":material/stacked_line_chart:"):
        show_chart(result, reached_by_target, key="strip_reached")
    show_command(request)


def _request(subject: Selection) -> DepthStripRequest:
    """Show the boxes for the picture and, of more than two, the classes, and return what they name."""
    usual, state = DepthStripRequest(), st.session_state
    known = known_classes(subject.data)
    picture, classes, sizes = st.columns([3, 3, 2], gap="medium")
    size = size_box(subject, usual, sizes)
    tied = url_field(usual, "picture", key="strip_picture")
    seen = picture.selectbox(
        "Picture that the maps lie on", with_current(["", *offered_pictures()], [state["strip_picture"]]),
        format_func=lambda spec: picture_name(spec) if spec else OWN, accept_new_options=True, **tied,
    )  # fmt: skip
    tied = url_field(usual, "classes", key="strip_classes")
    if len(known) <= 2:
        return request_for(
            DepthStripRequest, subject, picture=seen or "", classes=state["strip_classes"] or "", size=size
        )
    pairs = [",".join(pair) for pair in combinations(known, 2)][:MOST_PAIRS]
    two = classes.selectbox(
        "Two classes", with_current(["", *pairs[1:]], [state["strip_classes"]]), accept_new_options=True,
        format_func=lambda pair: (pair or pairs[0]).replace(",", " and "), help="Any two, with a comma.", **tied,
    )  # fmt: skip
    return request_for(DepthStripRequest, subject, picture=seen or "", classes=two or "", size=size)
