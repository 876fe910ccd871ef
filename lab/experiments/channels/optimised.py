"""Optimised images as rows: which are wanted, what they look like on their way, and which of a table is which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lab.encode import jpeg
from lab.partial_results import PartialResults

if TYPE_CHECKING:
    from lab.experiments.channels.targets import ChannelTarget
    from lab.visualization.objectives import Objective

MOST, LEAST = "most", "least"  # the ends of a channel, as those of exemplar patches
COLUMNS = ["layer", "target", "end", "copy", "thumbnail"]


@dataclass(frozen=True, eq=False)
class WantedImage:
    """One image to be optimised: it raises its target, or at the end "least" lowers it; `copy` is from 0."""

    target: ChannelTarget
    end: str = MOST
    copy: int = 0

    @property
    def sign(self) -> int:
        """1 for an image that raises its target, -1 for one that lowers it."""
        return 1 if self.end == MOST else -1

    @property
    def objective(self) -> Objective:
        """What the search raises."""
        return self.target.objective if self.end == MOST else self.target.objective.negated()

    @property
    def row(self) -> dict[str, object]:
        """Layer, target, end and copy, as in tables."""
        return {"layer": self.target.layer.name, "target": self.target.name, "end": self.end, "copy": self.copy}


def with_ends(images: pd.DataFrame) -> pd.DataFrame:
    """Return the table `visualizations` with the ends of its images; those of earlier runs all raise their target."""
    return images if "end" in images else images.assign(end=MOST)


def first_images(images: pd.DataFrame, end: str = MOST) -> pd.DataFrame:
    """Return the first image of each target that raises it (or, of `end` "least", lowers it)."""
    images = with_ends(images)
    return images[(images["copy"] == 0) & (images["end"] == end)]


def keep_unfinished(
    partial_results: PartialResults, number: int, wanted: Sequence[WantedImage], pixels: np.ndarray
) -> None:
    """Leave what batch `number` of a run looks like now; `pixels` are uint8 `(N, S, S, 3)`."""
    pictures = [jpeg(one) for one in pixels]
    partial_results[f"unfinished/{number}"] = {
        **{name: np.array([one.row[name] for one in wanted]) for name in COLUMNS[:-1]},
        "bytes": np.frombuffer(b"".join(pictures), dtype=np.uint8),
        "length": np.array([len(one) for one in pictures]),
    }


def unfinished_images(partial_results: PartialResults) -> pd.DataFrame:
    """Return layer, target, end, copy and thumbnail (JPEG) of the images of a run so far, in the order of its work."""
    parts, number = [pd.DataFrame(columns=COLUMNS)], 0
    while (found := partial_results.get(f"unfinished/{number}")) is not None:
        ends = np.cumsum(found["length"])
        pictures = np.split(found["bytes"], ends[:-1])
        table = pd.DataFrame({name: found[name] for name in COLUMNS[:-1]})
        parts.append(table.assign(thumbnail=[one.tobytes() for one in pictures]))
        number += 1
    return pd.concat(parts[1:] or parts, ignore_index=True)
