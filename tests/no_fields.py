"""Networks loaded without their receptive fields, which take most of the time and have tests of their own."""

from __future__ import annotations

from typing import Any

import pytest

from lab.layers import table
from lab.layers.receptive import UNKNOWN
from lab.models import LoadedModel, load_model

MODEL = "test_resnet@untrained:1"
SMALL: dict[str, Any] = {"model": MODEL, "data": "drawn:shapes", "per_class": 6}


def leave_out_fields(patch: pytest.MonkeyPatch) -> None:
    """Measure no receptive field until the patch is undone."""
    patch.setattr(table, "measure", lambda _module, layers, _size: {layer.name: UNKNOWN for layer in layers})


def loaded_without_fields(factory: pytest.TempPathFactory) -> LoadedModel:
    """Return `MODEL`, loaded into a home folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(factory.mktemp("models")))
        leave_out_fields(patch)
        return load_model(MODEL)
