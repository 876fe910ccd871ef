"""Networks loaded without their receptive fields, which take most of the time and have tests of their own."""

from __future__ import annotations

import pytest

from lab.layers import table
from lab.layers.receptive import UNKNOWN


def leave_out_fields(patch: pytest.MonkeyPatch) -> None:
    """Measure no receptive field until the patch is undone."""
    patch.setattr(table, "measure", lambda _module, layers, _size: {layer.name: UNKNOWN for layer in layers})
