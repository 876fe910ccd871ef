"""The settings of a probe experiment as widgets: a draft beside the experiment that is shown, until Run is pressed.

The draft starts as what the URL shows and lives in this browser session only; pressing Run makes it the URL's.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from lab.embeddings.vector_sets import read_vector_set
from lab.errors import LabError
from lab.experiments.separability.request import ProbeRequest
from lab.images import class_names
from lab.models import ModelRef
from lab.names import list_of, names_in
from lab.probing.controls import OPTIONAL
from lab.probing.task import LOGISTIC, RIDGE
from lab.ui.choices import image_sets, known_classes, known_columns, with_current
from lab.ui.draft import fill_in, folding, run_row
from lab.ui.inputs import columns_box, images_box, network_finder, networks_box, upload_images
from lab.ui.run_status import launch, note_problem
from lab.ui.separability import vectors
from lab.ui.text import escaped

POOLINGS = ("avg", "max", "avg+max", "2x2")
GROUPINGS = ("auto", "none")
SPLITS = {"auto": "as it came", "none": "folds over all"}
LAYER_CHOICES = ("stages", "blocks", "by name")


def experiment_controls(shown: ProbeRequest, *, folded: bool) -> bool:
    """Show the settings, filled in from `shown`, with the button that runs them; return whether they were changed.

    `folded` to one line once there is a result: that comes first.
    """
    fill_in(shown, _widget_values(shown))
    with folding(shown, folded=folded):
        if given := bool(st.session_state[vectors.EMBEDDINGS]):
            vectors.given_vectors()
        else:
            networks, images = st.columns(2, gap="medium")
            with networks:
                _networks()
            with images:
                _images()
        with st.expander("Classes, layers, controls and more", icon=":material/tune:"):
            _details(given)
        return run_row(shown, draft, label="Run", key="run", start=_run)


def draft() -> ProbeRequest:
    """Return the request that the widgets describe now; raises LabError when they make no sense."""
    state = st.session_state
    named = state.get("draft_layer_names") or ""
    controls = tuple(name for name in OPTIONAL if name in state["draft_controls"])
    shared = {name: state[f"draft_{name}"] for name in ("folds", "repeats", "seed", "probe")} | {
        "layers": ",".join(named.replace(",", " ").split())
        if state["draft_layers"] == "by name"
        else state["draft_layers"],
        "groups": (state["draft_groups"] or "auto").strip(),
    }
    if state[vectors.EMBEDDINGS]:
        return ProbeRequest(**shared, **vectors.vector_fields(controls))
    return ProbeRequest(
        models=tuple(state["draft_models"]),
        data=(state["draft_data"] or "").strip(),
        classes=tuple(state["draft_classes"]),
        per_class=state["draft_per_class"],
        pooling=state["draft_pooling"],
        controls=controls,
        split=state["draft_split"],
        beside=list_of(state["draft_beside"]),
        **shared,
    )


def _widget_values(shown: ProbeRequest) -> dict[str, Any]:
    by_name = shown.layers not in LAYER_CHOICES
    return {
        "draft_models": list(shown.models),
        "draft_data": shown.data,
        "draft_classes": list(shown.classes),
        "draft_per_class": shown.per_class,
        "draft_layers": "by name" if by_name else shown.layers,
        "draft_layer_names": shown.layers if by_name else "",
        "draft_pooling": shown.pooling,
        "draft_controls": list(shown.controls),
        "draft_probe": shown.probe,
        "draft_folds": shown.folds,
        "draft_repeats": shown.repeats,
        "draft_seed": shown.seed,
        "draft_groups": shown.groups,
        "draft_split": shown.split,
        "draft_beside": list(names_in(shown.beside)),
        vectors.EMBEDDINGS: shown.embeddings,
        vectors.LABEL: shown.labels,
        vectors.IMAGES: shown.images,
    }


def _networks() -> None:
    networks_box(key="draft_models", placeholder="choose one, or type any timm id")
    told, find, given = st.columns([4, 3, 4], vertical_alignment="top")
    told.caption("One or more, or any timm id and Enter.")
    with given:
        vectors.vectors_popover()
    with find.popover("Find", icon=":material/search:", width="stretch"):
        network_finder("draft_models")


def _images() -> None:
    images_box(key="draft_data", on_change=_forget_classes, persist_state="page")
    known = image_sets().get(st.session_state["draft_data"] or "")
    told, upload = st.columns([2, 1], vertical_alignment="top")
    told.caption(
        escaped(_about(known)) if known else "A folder or zip with one subfolder per class, or a table of labels."
    )
    with upload:
        upload_images(_take_upload, key="upload")
    columns_box(key="draft_data", change=_forget_classes)


def _about(known: Any) -> str:
    return f"{known.description} {'Downloaded once.' if known.needs_download else 'No download.'}"


def _forget_classes() -> None:
    st.session_state["draft_classes"] = []


def _take_upload(path: str) -> None:
    st.session_state["draft_data"] = path
    _forget_classes()


def _details(given: bool) -> None:
    """Show the other settings; vectors that are `given` have no classes to choose, no pooling, no split of images."""
    left, right = st.columns(2, gap="medium")
    with left:
        if not given:
            _classes()
        st.segmented_control("Layers", LAYER_CHOICES, key="draft_layers", required=True, persist_state="page")
        if st.session_state["draft_layers"] == "by name":
            st.text_input(
                "Layer names", key="draft_layer_names", placeholder="blocks.1.0, blocks.5.0", persist_state="page"
            )
        if not given:
            _pooling()
        _probe()
    with right:
        _control_boxes(given)
        _folds()
        if not given:
            _split()


def _classes() -> None:
    names = with_current(known_classes(st.session_state["draft_data"] or ""), st.session_state["draft_classes"])
    st.multiselect(
        "Classes", names, key="draft_classes", accept_new_options=True, placeholder="all of them", persist_state="page"
    )
    st.number_input(
        "Images per class, at most", min_value=2, value=None, step=10, key="draft_per_class", persist_state="page",
        placeholder="all (drawn sets: 100)",
    )  # fmt: skip


def _pooling() -> None:
    st.selectbox(
        "Pooling", with_current(POOLINGS, [st.session_state["draft_pooling"]]), key="draft_pooling",
        accept_new_options=True, persist_state="page",
        help="How a layer's map becomes one vector.",
    )  # fmt: skip


def _probe() -> None:
    st.segmented_control(
        "Probe", (LOGISTIC, RIDGE), key="draft_probe", required=True, persist_state="page",
        help="**logistic**: logistic regression, the usual probe; **ridge**: ridge regression, in closed form: with "
        "many classes it takes a small part of the time. Controls and intervals are the same.",
    )  # fmt: skip


def _folds() -> None:
    folds, repeats, seed = st.columns(3)
    folds.number_input("Folds", 2, 20, key="draft_folds", persist_state="page")
    repeats.number_input("Repeats", 1, 50, key="draft_repeats", persist_state="page")
    seed.number_input(
        "Seed", 0, 2**31 - 1, key="draft_seed", persist_state="page", help="Moves the folds and the shuffled labels."
    )
    st.selectbox(
        "Copies in one fold", with_current(GROUPINGS, [st.session_state["draft_groups"]]), key="draft_groups",
        accept_new_options=True, persist_state="page",
        help="**auto**: copies of a picture never straddle a split; **none**: every image counts by itself; or a CSV "
             "file with file_name and group.",
    )  # fmt: skip


def _split() -> None:
    split, beside = st.columns(2)
    split.selectbox(
        "Split", SPLITS, key="draft_split", format_func=SPLITS.__getitem__, persist_state="page",
        help="A split that came with the images (a column, or folders train and test) is used; findings are of the "
             "test part.",
    )  # fmt: skip
    beside.multiselect(
        "Site or class? Also probe",
        with_current(known_columns(st.session_state["draft_data"] or ""), st.session_state["draft_beside"]),
        key="draft_beside", accept_new_options=True, placeholder="no other column", persist_state="page",
        help="Columns of the images' table, such as the site, probed beside the class.",
    )  # fmt: skip


def _run(wanted: ProbeRequest) -> None:
    """Start the draft, unless a quick look already tells that it cannot work: then that is told."""
    try:
        if wanted.embeddings:
            read_vector_set(wanted.embeddings, wanted.labels)
        else:
            class_names(wanted.data)
        if len(wanted.models) == 1:  # with several, a run goes on without those that cannot be had
            ModelRef.parse(wanted.models[0]).check()
    except (LabError, OSError) as error:
        note_problem(error)
        return
    launch(wanted)


def _control_boxes(given: bool) -> None:
    st.multiselect(
        "Controls, beside chance",
        vectors.possible(OPTIONAL) if given else list(OPTIONAL),
        key="draft_controls",
        persist_state="page",
        help="; ".join(f"**{name}**: {why}" for name, why in OPTIONAL.items()),
    )
    st.caption("Without controls a high accuracy may mean little.")
