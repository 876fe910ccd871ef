"""What was trained on this computer: open one, or delete it."""

from __future__ import annotations

import streamlit as st

from lab.experiments.training.request import TrainRequest
from lab.ui import url_state
from lab.ui.text import count, duration, escaped
from lab.weights.trained import Trained, forget, list_trained


def trained_models() -> None:
    """Show every network that was trained here, the newest first; nothing when there is none."""
    trained = list_trained()
    if not trained:
        return
    st.header("Trained on this computer")
    for each in trained:
        _row(each)


def _row(trained: Trained) -> None:
    about, test = trained.about, trained.about["test"]
    key = f"{trained.id}_{trained.name}"
    with st.container(border=True, key=f"trained_{key}"):
        told, show, delete = st.columns([6, 1, 1], vertical_alignment="center")
        told.markdown(
            f"**{escaped(trained.ref())}** on {escaped(about['request']['data'])}: {test['accuracy']:.3f} of the test "
            f"images right ({test['ci_low']:.2f} to {test['ci_high']:.2f}) after "
            f"{count(int(about['epochs']), 'epoch')}, {duration(about['seconds'])}"
        )
        show.button("Show", key=f"show_{key}", width="stretch", on_click=_open, args=(dict(about["request"]),))
        with delete.popover("Delete", width="stretch"):
            st.caption("Runs that used these weights keep their results.")
            st.button("Delete the weights", key=f"forget_{key}", on_click=forget, args=(trained.id, trained.name))


def _open(values: dict[str, object]) -> None:
    url_state.show(TrainRequest.from_dict(values))
