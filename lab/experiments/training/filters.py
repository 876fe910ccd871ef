"""What becomes of the filters of a network's first convolution since step 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lab.experiments.first_filters import filter_picture, first_filters

if TYPE_CHECKING:
    from torch import nn


def filters_at(module: nn.Module, step: int) -> Iterator[dict[str, Any]]:
    """Yield a row per filter of a checkpoint; `with_cosines` makes a table of the rows of all checkpoints."""
    found = first_filters(module)
    for number, weights in enumerate(found[1] if found else ()):
        yield {
            "step": step,
            "layer": found[0] if found else "",
            "filter": number,
            "norm": float(np.linalg.norm(weights)),
            "weights": weights,
            "thumbnail": filter_picture(weights),
        }


def with_cosines(filters: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the table `filters`: each row with the cosine between the filter and itself at step 0."""
    start = {row["filter"]: row["weights"] for row in filters if row["step"] == 0}
    for row in filters:
        mine, first = row["weights"].ravel(), start[row["filter"]].ravel()
        row["cosine"] = float(mine @ first / max(float(np.linalg.norm(mine) * np.linalg.norm(first)), 1e-12))
    table = pd.DataFrame(filters, columns=["step", "layer", "filter", "norm", "cosine", "weights", "thumbnail"])
    return table.drop(columns="weights")
