"""The first filters as they are, trained and untrained."""

from __future__ import annotations

import streamlit as st

from lab.experiments.channels.kernels import KernelsRequest
from lab.ui.channels.tiles import kernels
from lab.ui.findings import show_command, show_sentences
from lab.ui.run_status import result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.text import escaped


def kernels_section(subject: Selection) -> None:
    """Show the kernels of the first convolution."""
    request = request_for(KernelsRequest, subject)
    result = result_or_status(request, offer="Draws the kernels of the first convolution, trained and untrained.")
    if result is None:
        return
    show_sentences(result.manifest["findings"])
    table = result["kernels"]
    shown = list(table.groupby("model", sort=False))[:2]  # of the random starts one picture is enough
    for number, (model, rows) in enumerate(shown):
        st.markdown(f"**{'As they are' if number == 0 else 'With random weights'}** · {escaped(model)}")
        st.html(kernels(rows))
    st.caption("Gray is zero; each filter is scaled to its largest weight.")
    show_command(request)
