"""What is asked where an image may have several labels: as of a number, with a column of labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.experiments.base import DEFAULT_DATA, option
from lab.experiments.regression.request import RegressRequest
from lab.images import short_name, with_columns


@dataclass(frozen=True)
class MultilabelRequest(RegressRequest):
    """Which network, images, labels, layers and controls; `seed` moves the splits and the shuffled labels."""

    experiment: ClassVar[str] = "multilabel"

    data: str = option(
        DEFAULT_DATA, "images with several labels each: a table of labels (CSV, JSON lines, Parquet), a folder or zip "
        "with a metadata.csv, or a drawn set",
    )  # fmt: skip
    label: str = option("", "the column of labels, as a;b or a JSON list, where data does not name it")
    classes: tuple[str, ...] = option((), "only these labels, A,B; quote a name that holds a comma")

    @property
    def spec(self) -> str:
        """The images with the column of their labels."""
        return with_columns(self.data, label=self.label) if self.label else self.data

    def title(self) -> str:
        """Return "network on several labels of images"."""
        return f"{self.model.split('@')[0]} on several labels of {short_name(self.data)}"
