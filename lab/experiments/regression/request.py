"""What is asked of a number: a network, images with a number each, layers and controls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, Request, model_option, option
from lab.experiments.early import CardLookup, problems_of
from lab.experiments.separability.request import ProbeRequest
from lab.images import groups_stamp, settled_groups, short_name, table_columns, with_columns
from lab.models import card
from lab.probing.controls import OPTIONAL

DRAWN_LABEL = "scale"  # of the drawn pets, which the question is asked of where nothing else is named


@dataclass(frozen=True)
class RegressRequest(Request):
    """Which network, images, number, layers and controls; `seed` moves the splits and the shuffled numbers."""

    experiment: ClassVar[str] = "regress"

    model: str = model_option()
    data: str = option(
        DEFAULT_DATA, "images with a number each: a table of labels (CSV, JSON lines, Parquet), a folder or zip with a "
        "metadata.csv, or a drawn set",
    )  # fmt: skip
    label: str = option("", "the column of numbers (of a drawn set: one of its factors), where data does not name it")
    images: int | None = option(None, "at most N images", least=10, most=1_000_000)
    layers: str = option("blocks", "stages, blocks, or names with commas between them")
    pooling: str = option("avg", "avg, max, avg+max, cls or a grid such as 2x2")
    controls: tuple[str, ...] = option(tuple(OPTIONAL), "controls beside chance", known=tuple(OPTIONAL))
    folds: int = option(5, "folds of the cross-validation", least=2, most=20)
    repeats: int = option(3, "how often it is repeated with other folds", least=1, most=50)
    seed: int = option(0, "moves folds and shuffled numbers", least=0, most=2**31 - 1)
    groups: str = option(
        "auto", "what never straddles a split: auto (copies, as found), none, or a CSV file_name,group"
    )
    split: str = option(
        "auto", "auto: a split that came with the images is used as it is; none: folds over all images",
        choices=("auto", "none"),
    )  # fmt: skip

    @property
    def spec(self) -> str:
        """The images with the column of their numbers."""
        label = self.label or (DRAWN_LABEL if self.data == DEFAULT_DATA else "")
        return with_columns(self.data, label=label) if label else self.data

    def canonical(self) -> Self:
        """Return the request with weights and the paths of images and groups spelled out."""
        return replace(super().canonical(), groups=settled_groups(self.groups))

    def as_probe(self) -> ProbeRequest:
        """Return what a probe run of the same network, images, layers and controls is asked."""
        return ProbeRequest(
            models=(self.model,), data=self.spec, layers=self.layers, pooling=self.pooling, controls=self.controls,
            folds=self.folds, repeats=self.repeats, seed=self.seed, groups=self.groups, split=self.split,
        )  # fmt: skip

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for a network, layer or column that is not there."""
        problems = problems_of(self, (self.model,), cards)
        if problems:
            raise problems[self.model]
        columns = table_columns(self.spec)
        if self.label and columns and self.label not in columns:
            raise LabError(f"{self.data} has no column {self.label!r}; it has {', '.join(columns)}")

    def sources(self) -> dict[str, str]:
        """Return a stamp of the checkpoint, the images and the table of groups."""
        return {**super().sources(), "groups": groups_stamp(self.groups)}

    def title(self) -> str:
        """Return "network on the number of images"."""
        what = f"{self.label} of " if self.label else "numbers of "
        return f"{self.model.split('@')[0]} on {what}{short_name(self.data)}"
