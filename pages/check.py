"""Check: is a new checkpoint no worse than the one before, and at which layers did training change what can be read?"""

from __future__ import annotations

import streamlit as st

from lab.experiments.equivalence.request import CheckRequest
from lab.ui import checking, examples, run_status, url_state
from lab.ui.draft import result_container
from lab.ui.heading import heading

heading(
    "Check",
    "Is a new checkpoint no worse than the one before, and where did it change?",
)

request = url_state.requested(CheckRequest)
settings = st.container()  # above, but drawn once it is known whether there is a result to make room for
result = run_status.result_or_status(
    request,
    offer="Not checked yet. Press Check now; the default compares a trained network with the same untrained.",
    button=False,
)
with settings:
    changed = checking.check_controls(request, folded=result is not None)
if result is None:
    if request.data:
        examples.drawn_examples(request.data, per_class=9)
else:
    with result_container(changed):
        checking.check_view(result)
