"""Train and watch: a small network learns here, and its layers are read while it does."""

from __future__ import annotations

import streamlit as st

from lab.ui.heading import heading
from lab.ui.training.elsewhere import trainings_elsewhere, watched_elsewhere
from lab.ui.training.learning import learning
from lab.ui.training.settings import requested_training, settings
from lab.ui.training.trained_models import trained_models
from lab.ui.training.watch import watch

heading(
    "Train and watch",
    "Train a small network here, and watch what each layer learns.",
)
request = requested_training()
if not watched_elsewhere():
    settings(request)
    result = learning(request)
    if result is not None:
        st.header("Watch it learn")
        watch(result.manifest["trained"]["model"])
    trained_models()
trainings_elsewhere()
