"""What the controls offer: networks, image sets and classes. Nothing here imports torch or reads an image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import streamlit as st

from lab.errors import LabError
from lab.images import SetInfo, catalogue, class_names, number_columns, table_columns
from lab.layers import select_layers
from lab.models import ModelRef, search_models
from lab.models.cards import cached_card
from lab.weights.trained import list_trained

C = TypeVar("C")

# Networks worth a first look; any other timm id can be typed. The packaged ones need no download.
NETWORKS = (
    "tf_efficientnet_lite0@packaged",
    "tf_efficientnet_lite0@untrained:0",
    "tf_efficientnet_lite1@packaged",
    "tf_efficientnet_lite2@packaged",
    "resnet18.a1_in1k@pretrained",
    "resnet50.a1_in1k@pretrained",
    "convnext_atto.d2_in1k@pretrained",
    "vit_tiny_patch16_224.augreg_in21k_ft_in1k@pretrained",
    "swin_tiny_patch4_window7_224.ms_in1k@pretrained",
)
MOST_CLASSES = 200


def networks() -> list[str]:
    """Return the networks to offer: those that were trained here, then `NETWORKS`."""
    return [*(trained.ref() for trained in list_trained()), *NETWORKS]


def image_sets() -> dict[str, SetInfo]:
    """Return the image sets on offer by name, those that need no download first.

    Sets of a group, such as the rungs of the ladder, are left out of the list; their names can be typed.
    """
    return {name: info for name, info in known_sets().items() if not info.group}


def known_sets() -> dict[str, SetInfo]:
    """Return every image set that has a name of its own."""
    return {info.name: info for info in catalogue() if "NAME" not in info.name}


@st.cache_data(show_spinner=False, ttl=60, max_entries=64)
def find_networks(text: str) -> list[dict[str, Any]]:
    """Return what timm has with `text` in its name; what is on this computer comes first."""
    return search_models(text)


@st.cache_data(show_spinner=False, ttl=20, max_entries=32)
def layer_names(model: str) -> list[str]:
    """Return a network's layers from its card, if it has been opened on this computer; [] if it has not."""
    known = cached_card(ModelRef.parse(model))
    return [layer.name for layer in select_layers(known.layers, "blocks")] if known else []


@st.cache_data(show_spinner=False, ttl=20, max_entries=32)
def own_size(model: str) -> int:
    """Return the side in pixels at which a network takes images, 0 where it has not been opened on this computer."""
    known = cached_card(ModelRef.parse(model))
    return min(known.preprocessing.input_size[1:]) if known else 0


def with_current(options: Iterable[C], current: Iterable[C]) -> list[C]:
    """Return options and whatever is chosen beside them, each once."""
    return list(dict.fromkeys([*options, *current]))


@st.cache_data(show_spinner=False, ttl=30, max_entries=64)
def known_numbers(data: str) -> list[str]:
    """Return the columns of a table, or the factors of a drawn set, that hold numbers; [] when that does not tell."""
    try:
        return list(number_columns(data)) if data else []
    except (LabError, OSError, ValueError):
        return []  # running it tells what is wrong


@st.cache_data(show_spinner=False, ttl=30, max_entries=64)
def known_columns(data: str) -> list[str]:
    """Return the columns of the table that says what the images are; [] where there is none."""
    try:
        return list(table_columns(data)) if data else []
    except (LabError, OSError, ValueError):
        return []  # running it tells what is wrong


@st.cache_data(show_spinner=False, ttl=30, max_entries=64)
def known_classes(data: str) -> list[str]:
    """Return the classes of an image set without opening its images; [] when that does not tell."""
    if not data:
        return []
    try:
        return list(class_names(data))[:MOST_CLASSES]
    except (LabError, OSError, ValueError):
        return []  # running it tells what is wrong
