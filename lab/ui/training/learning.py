"""How a training went: what it found in words, its curve, live while it runs, and what its weights are called."""

from __future__ import annotations

import dataclasses

import pandas as pd
import streamlit as st

from lab.charts.training import learning_curve
from lab.experiments.result import Result
from lab.experiments.training.request import TrainRequest
from lab.models import ModelRef
from lab.training.state import history_of
from lab.ui.chart import show_chart, show_tables_chart
from lab.ui.examples import drawn_examples
from lab.ui.findings import show_findings
from lab.ui.run_cache import run_of
from lab.ui.run_status import result_or_status
from lab.ui.text import escaped

OFFER = "Not trained here yet. Press Train: a small network learns here. Nothing is downloaded."
LIVE_SECONDS = 2.0


def learning(request: TrainRequest) -> Result | None:
    """Show how the training went, or how it goes; return its result when it is finished."""
    result = result_or_status(request, offer=OFFER, button=False)
    if result is None:
        run = run_of(request)
        if run is not None and run.under_way:
            _live(request)
        else:
            drawn_examples(request.data, per_class=9)
        return None
    show_findings(result.manifest["findings"])
    left, right = st.columns([3, 2], gap="large")
    with left:
        show_chart(result, learning_curve, key="learning_chart", height=420)
    with right:
        _facts(result)
    return result


@st.fragment(run_every=LIVE_SECONDS)
def _live(request: TrainRequest) -> None:
    """Draw the curve as far as it has come, every other second."""
    run = run_of(request)
    epochs = history_of(run.partial_results) if run is not None else []
    if len(epochs) < 2:
        st.caption("The curve appears here after the second epoch.")
        return
    history = pd.DataFrame([dataclasses.asdict(epoch) for epoch in epochs])
    # How sure these are is told when all is done; a band of no width draws nothing.
    history["ci_low"] = history["ci_high"] = history["validation_accuracy"]
    show_tables_chart({"history": history}, learning_curve, key="live_chart")


def _facts(result: Result) -> None:
    trained = result.manifest["trained"]
    recipe = trained["recipe"]
    st.metric("Test images right", f"{100 * result['test'].iloc[0].accuracy:.1f} %", border=True)
    st.markdown(
        f"**{trained['parameters']:,}** weights, recipe for {escaped(recipe['fits'])}: {escaped(recipe['optimiser'])}, "
        f"learning rate rising to {recipe['learning_rate']:g} until epoch {recipe['warm_up']:g}, then falling along a "
        f"cosine; batches of {recipe['batch']}."
    )
    if ModelRef.parse(trained["model"]).stamp():
        st.markdown("Use its weights wherever a network is asked for:")
        st.code(trained["model"], language=None)
    else:
        st.markdown("Its weights are not on this computer: *Run it here* makes them.")
    with st.expander("Checkpoints", icon=":material/history:"):
        st.caption("Each is a network of its own; step 0 is untrained.")
        st.dataframe(result["checkpoints"], hide_index=True, key="checkpoints_table")
