"""Separability: at which layer do the classes come apart?"""

from __future__ import annotations

import streamlit as st

from lab.experiments.separability.request import ProbeRequest
from lab.ui import examples, run_status, url_state
from lab.ui.draft import result_container
from lab.ui.heading import heading
from lab.ui.separability import controls, explore, panels

heading(
    "Separability",
    "At which layer do the classes come apart? A linear classifier, a probe, is fitted at each.",
)

request = url_state.requested(ProbeRequest)
settings = st.container()  # above, but drawn once it is known whether there is a result to make room for
result = run_status.result_or_status(
    request,
    offer="Not run yet. Press Run.",
    button=False,
)
with settings:
    changed = controls.experiment_controls(request, folded=result is not None)
seen = result or run_status.result_before(request)
if seen is None:
    examples.drawn_examples(request.data, per_class=9)
else:
    with result_container(changed or result is None):
        panels.problems(seen)
        panels.verdicts(seen)
        explore.explore(seen)
