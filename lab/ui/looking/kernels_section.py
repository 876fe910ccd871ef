"""The first filters as they are, trained and untrained."""

from __future__ import annotations

import streamlit as st

from lab.experiments.looking.kernels import KernelsRequest
from lab.ui.looking.tiles import kernels
from lab.ui.saying import command, explained
from lab.ui.subject import Subject, request_for
from lab.ui.text import plain
from lab.ui.working import outcome


def kernels_section(subject: Subject) -> None:
    """Show the kernels of the first convolution."""
    request = request_for(KernelsRequest, subject)
    result = outcome(request, offer="Draws the kernels of the first convolution, trained and untrained. A few seconds.")
    if result is None:
        return
    explained(result.manifest["findings"])
    table = result["kernels"]
    for number, (model, rows) in enumerate(table.groupby("model", sort=False)):
        st.markdown(f"**{'As they are' if number == 0 else 'With random weights'}** · {plain(model)}")
        st.html(kernels(rows))
    st.caption("Gray is zero; the largest weight of each filter reaches black or white. Colours as in the picture.")
    command(request)
