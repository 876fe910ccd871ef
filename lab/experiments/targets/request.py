"""What is asked of a target that is no class: networks, images with a target each, layers and controls."""

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
DRAWN_GRADES = "clutter"
TABLE_HELP = "a table of labels (CSV, JSON lines, Parquet), a folder or zip with a metadata.csv, or a drawn set"


@dataclass(frozen=True)
class TargetRequest(Request):
    """Which networks, images, target, layers and controls; `seed` moves the splits and the shuffled targets."""

    model: str = model_option()
    others: tuple[str, ...] = option(
        (), "a network to compare with on the same images; more than once", repeated="other"
    )
    data: str = option(DEFAULT_DATA, f"images with a target each: {TABLE_HELP}")
    label: str = option("", "the column of targets, where data does not name it")
    images: int | None = option(None, "at most N images", least=10, most=1_000_000)
    layers: str = option("blocks", "stages, blocks, or names with commas between them")
    pooling: str = option("avg", "avg, max, avg+max, cls or a grid such as 2x2")
    controls: tuple[str, ...] = option(tuple(OPTIONAL), "controls beside chance", known=tuple(OPTIONAL))
    folds: int = option(5, "folds of the cross-validation", least=2, most=20)
    repeats: int = option(3, "how often it is repeated with other folds", least=1, most=50)
    seed: int = option(0, "moves folds and shuffled targets", least=0, most=2**31 - 1)
    groups: str = option(
        "auto", "what never straddles a split: auto (copies, as found), none, or a CSV file_name,group"
    )
    split: str = option(
        "auto", "auto: a split that came with the images is used as it is; none: folds over all images",
        choices=("auto", "none"),
    )  # fmt: skip

    noun: ClassVar[str]
    drawn_label: ClassVar[str] = ""  # what is read where nothing else is named

    def __post_init__(self) -> None:
        super().__post_init__()
        named = self.networks()
        if len(set(named)) < len(named):
            raise LabError(f"a network was named twice among {', '.join(named)}; name each once")

    @property
    def spec(self) -> str:
        """The images with the column of their targets."""
        label = self.label or (self.drawn_label if self.data == DEFAULT_DATA else "")
        return with_columns(self.data, label=label) if label else self.data

    def canonical(self) -> Self:
        """Return the request with weights and the paths of images and groups spelled out."""
        return replace(super().canonical(), groups=settled_groups(self.groups))

    def as_probe(self) -> ProbeRequest:
        """Return what a probe run of the same networks, images, layers and controls is asked."""
        return ProbeRequest(
            models=self.networks(), data=self.spec, layers=self.layers, pooling=self.pooling, controls=self.controls,
            folds=self.folds, repeats=self.repeats, seed=self.seed, groups=self.groups, split=self.split,
        )  # fmt: skip

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for a network, layer or column that is not there."""
        problems = problems_of(self, self.networks(), cards)
        if len(problems) == len(self.networks()):
            raise problems[self.model]
        columns = table_columns(self.spec)
        if self.label and columns and self.label not in columns:
            raise LabError(f"{self.data} has no column {self.label!r}; it has {', '.join(columns)}")

    def sources(self) -> dict[str, str]:
        """Return a stamp of each checkpoint, the images and the table of groups."""
        return {**super().sources(), "groups": groups_stamp(self.groups)}

    def _short_networks(self) -> str:
        return ", ".join(model.split("@")[0] for model in self.networks())


@dataclass(frozen=True)
class RegressRequest(TargetRequest):
    """A number of each image."""

    experiment: ClassVar[str] = "regress"
    noun: ClassVar[str] = "numbers"
    drawn_label: ClassVar[str] = DRAWN_LABEL

    data: str = option(DEFAULT_DATA, f"images with a number each: {TABLE_HELP}")
    label: str = option("", "the column of numbers (of a drawn set: one of its factors), where data does not name it")

    def title(self) -> str:
        """Return "network on the number of images"."""
        what = f"{self.label} of " if self.label else "numbers of "
        return f"{self._short_networks()} on {what}{short_name(self.data)}"


@dataclass(frozen=True)
class MultilabelRequest(TargetRequest):
    """Several labels an image."""

    experiment: ClassVar[str] = "multilabel"
    noun: ClassVar[str] = "several labels an image"

    data: str = option(DEFAULT_DATA, f"images with several labels each: {TABLE_HELP}")
    label: str = option("", "the column of labels, as a;b or a JSON list, where data does not name it")
    classes: tuple[str, ...] = option((), "only these labels, A,B; quote a name that holds a comma")

    def title(self) -> str:
        """Return "network on several labels of images"."""
        return f"{self._short_networks()} on several labels of {short_name(self.data)}"


@dataclass(frozen=True)
class GradesRequest(TargetRequest):
    """Ordered grades."""

    experiment: ClassVar[str] = "grades"
    noun: ClassVar[str] = "grades"
    drawn_label: ClassVar[str] = DRAWN_GRADES

    data: str = option(DEFAULT_DATA, f"images with a grade each: {TABLE_HELP}, or one folder a grade")
    label: str = option(
        "", "the column of grades (of a drawn set: a factor of few values), where data does not name it"
    )
    images: int | None = option(None, "at most N images of each grade", least=2, most=1_000_000)
    classes: tuple[str, ...] = option((), "the grades from low to high, A,B,C, where they are no numbers")

    def title(self) -> str:
        """Return "network on the grades of images"."""
        return f"{self._short_networks()} on grades of {short_name(self.data)}"
