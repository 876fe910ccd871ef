"""Ladder: at which depth each level of vision becomes readable, for any network."""

from __future__ import annotations

import streamlit as st

from lab.experiments.ladder.request import LadderRequest
from lab.ui import examples, run_status, url_state
from lab.ui.draft import result_container
from lab.ui.heading import heading
from lab.ui.ladder import controls, panels

heading(
    "Ladder",
    "“Edges, then parts, then faces.” Is it so? Drawings from hue to relations, probed at every layer.",
)

request = url_state.requested(LadderRequest)
settings = st.container()  # above, but drawn once it is known whether there is a result to make room for
result = run_status.result_or_status(
    request,
    offer="Not run yet. Press Run: twelve rungs, a trained network and three untrained twins.",
    button=False,
)
with settings:
    changed = controls.ladder_controls(request, folded=result is not None)
if result is None:
    for rung in ("drawn:hue", "drawn:contour", "drawn:animals"):
        examples.drawn_examples(rung, per_class=4, key=f"examples_{rung.removeprefix('drawn:')}")
else:
    with result_container(changed):
        panels.ladder_panels(result)
