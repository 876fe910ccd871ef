"""The settings of a training as widgets: a draft beside the training that is shown, until Train is pressed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from lab.errors import LabError
from lab.experiments.training.request import TrainRequest
from lab.models import ModelRef
from lab.ui import url_state
from lab.ui.choices import with_current
from lab.ui.draft import fill_in, run_row
from lab.ui.inputs import images_box
from lab.ui.text import escaped
from lab.weights.trained import find_trained

ARCHITECTURES = {
    "test_resnet": "test_resnet · a small ResNet",
    "test_efficientnet": "test_efficientnet · a small convolutional network",
    "test_convnext": "test_convnext · a small ConvNeXt",
    "efficientvit_m0": "efficientvit_m0 · a vision transformer on a convolutional stem",
    "test_vit": "test_vit · a plain vision transformer (wants far more images)",
    "test_nfnet": "test_nfnet · convolutions without normalisation",
    "test_mambaout": "test_mambaout · gated convolutions",
}
WATCHED = "watched"  # in the URL: the run of a training that a Python process watched
FIELDS = ("model", "data", "per_class", "size", "epochs", "rate", "enough", "seed", "name")


def requested_training() -> TrainRequest:
    """Return the training that the URL asks for; a run of watching stands for the training it watched."""
    _spell_out_watched()
    return url_state.requested(TrainRequest)


def settings(shown: TrainRequest) -> None:
    """Show the settings, filled in from `shown`, with the button that trains."""
    fill_in(shown, _widget_values(shown))
    with st.container(border=True, key="training_settings"):
        network, images = st.columns(2, gap="medium")
        network.selectbox(
            "Architecture",
            with_current(ARCHITECTURES, [st.session_state["train_model"]]),
            key="train_model",
            format_func=lambda name: ARCHITECTURES.get(name, name),
            accept_new_options=True,
            help="Any timm id; small ones learn soonest, from random weights.",
        )
        with images:
            images_box("Images to learn from", key="train_data")
        with st.expander("Images, epochs, seed and name", icon=":material/tune:"):
            _details()
        run_row(shown, draft, label="Train", key="train", icon="fitness_center")


def draft() -> TrainRequest:
    """Return the training that the widgets describe; raises LabError when they make no sense."""
    state = st.session_state
    values = {name: state[f"train_{name}"] for name in FIELDS}
    values["model"], values["data"] = (values["model"] or "").strip(), (values["data"] or "").strip()
    return TrainRequest(**values)


def _details() -> None:
    left, middle, right = st.columns(3, gap="medium")
    left.number_input("Images per class, at most", 3, 1_000_000, key="train_per_class", step=100)
    left.number_input("Side of the images in pixels", 32, 512, key="train_size", step=32)
    middle.number_input("Epochs at most (0: the recipe's)", 0, 10_000, key="train_epochs")
    middle.number_input(
        "Highest learning rate (0: the recipe's)", 0.0, 10.0, key="train_rate", format="%.4f", step=0.0005
    )
    right.number_input("Validation accuracy that is enough", 0.0, 2.0, key="train_enough", step=0.01)
    right.number_input("Seed", 0, 2**31 - 1, key="train_seed")
    st.text_input("Name of the weights", key="train_name", placeholder="chosen by itself", max_chars=60)


def _widget_values(shown: TrainRequest) -> dict[str, Any]:
    values = {f"train_{name}": getattr(shown, name) for name in FIELDS}
    # A name that the settings give by themselves must change when they do.
    if replace(shown, name="").canonical().name == shown.name:
        values["train_name"] = ""
    return values


def _spell_out_watched() -> None:
    """Where the URL names a run of watching, or of the ladder meanwhile, put the training it watched there; one that a
    Python process watched is shown by itself (`elsewhere`)."""
    run = st.query_params.get("run")
    if run is None or not run.startswith(("watch-", "ladder_steps-")):
        return
    if run.startswith("ladder_steps-"):
        st.session_state["watched_view"] = "Ladder"
    del st.query_params["run"]
    try:
        request = url_state.known_run(run).request
        if request.from_python():
            st.query_params[WATCHED] = run
            return
        ref = ModelRef.parse(request.networks()[0])
        trained, _ = find_trained(ref.id, ref.argument)
    except LabError as error:
        st.warning(f"This link cannot be shown: {escaped(error)}.")
        return
    url_state.show(TrainRequest.from_dict(trained.about["request"]))
