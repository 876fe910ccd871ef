"""What is asked of a target that is no class: networks, images with a target each, layers and controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Self

from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, Request, model_option, option
from lab.experiments.early import CardLookup, problems_of
from lab.experiments.given_vectors import from_python, in_full, is_in_memory, vector_sources, vectors_title
from lab.experiments.separability.request import ProbeRequest
from lab.images import groups_stamp, settled, settled_groups, short_name, table_columns, with_columns
from lab.images.targets import GRADES, NUMBER, SEVERAL
from lab.models import card
from lab.probing.controls import OPTIONAL

DRAWN_LABEL = "scale"  # of the drawn pets, which the question is asked of where nothing else is named
DRAWN_GRADES = "clutter"
VECTORS_HELP = "vectors of another tool instead of a network's: .npz, .safetensors, .parquet or a folder of .npy"
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

    embeddings: str = option("", VECTORS_HELP)
    labels: str = option("", "of --embeddings: a CSV or Parquet file beside it, with the column of targets")
    row_images: str = option("", "of --embeddings: the images of its rows, for the control pixels; as --data")

    added: ClassVar[tuple[str, ...]] = ("embeddings", "labels", "row_images")
    target: ClassVar[str]  # what `open_image_set` calls it
    noun: ClassVar[str]
    drawn_label: ClassVar[str] = ""  # what is read where nothing else is named

    def __post_init__(self) -> None:
        super().__post_init__()
        named = self.networks()
        if len(set(named)) < len(named):
            raise LabError(f"a network was named twice among {', '.join(named)}; name each once")
        if self.embeddings:
            self._check_given()
        elif self.labels or self.row_images:
            raise LabError("labels and row_images belong to --embeddings FILE; give it, or leave them out")

    def _check_given(self) -> None:
        """Raise LabError for fields that do not go with vectors that are given."""
        usual = type(self)()
        if self.others or self.model not in ("", usual.model) or self.data not in ("", usual.data):
            raise LabError(
                "embeddings are read instead of networks and data; leave these out (the images that belong to the rows "
                "are row_images)"
            )
        if self.images is not None or self.pooling != usual.pooling or self.split != usual.split:
            raise LabError(
                "images, pooling and split are for networks; choose rows before writing the embeddings, which have "
                "their split as a column"
            )

    @property
    def spec(self) -> str:
        """The images, or vectors, with the column of their targets."""
        if self.embeddings:
            return self.embeddings
        label = self.label or (self.drawn_label if self.data == DEFAULT_DATA else "")
        return with_columns(self.data, label=label) if label else self.data

    def canonical(self) -> Self:
        """Return the request with weights and the paths of images and groups spelled out."""
        if not self.embeddings:
            return replace(super().canonical(), groups=settled_groups(self.groups))
        in_memory = is_in_memory(self.embeddings)
        return replace(
            self, model="", data="", groups=settled_groups(self.groups), embeddings=in_full(self.embeddings),
            labels=in_full(self.labels), row_images=self.row_images if in_memory else settled(self.row_images),
            controls=self.as_probe().canonical().controls,
        )  # fmt: skip

    def as_probe(self) -> ProbeRequest:
        """Return what a probe run of the same networks, images, layers and controls is asked."""
        shared = {name: getattr(self, name) for name in ("layers", "folds", "repeats", "seed", "groups", "controls")}
        if not self.embeddings:
            return ProbeRequest(
                models=self.networks(), data=self.spec, pooling=self.pooling, split=self.split, **shared
            )
        return ProbeRequest(
            models=(), data="", embeddings=self.embeddings, labels=self.labels, images=self.row_images, **shared
        )

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for a network, layer or column that is not there."""
        if self.embeddings:
            self.sources()
            return
        problems = problems_of(self, self.networks(), cards)
        if len(problems) == len(self.networks()):
            raise problems[self.model]
        columns = table_columns(self.spec)
        if self.label and columns and self.label not in columns:
            raise LabError(f"{self.data} has no column {self.label!r}; it has {', '.join(columns)}")

    def sources(self) -> dict[str, str]:
        """Return a stamp of each checkpoint, the images and the table of groups."""
        own = vector_sources(self.embeddings, self.labels, self.row_images) if self.embeddings else super().sources()
        return {**own, "groups": groups_stamp(self.groups)}

    def command(self) -> str:
        """Return the command line that asks the same; of arrays from Python, a comment that says so."""
        if is_in_memory(self.embeddings):
            return from_python(self.embeddings, self.python())
        return Request.command(self._as_asked())

    def python(self) -> str:
        """Return the call that asks the same from Python."""
        if is_in_memory(self.embeddings):
            given = [f"{name}={getattr(self, name)!r}" for name in ("label", "folds", "repeats", "seed", "controls")]
            return f"lab.probe_arrays(layers, targets, target={self.target!r}, {', '.join(given)})"
        return Request.python(self._as_asked())

    def _as_asked(self) -> Self:
        """Return the request with the usual network and images, which whoever gives vectors leaves as they are."""
        usual = type(self)()
        return replace(self, model=usual.model, data=usual.data) if self.embeddings else self

    def _subject(self, what: str) -> str:
        if self.embeddings:
            return f"{what} of {vectors_title(self.embeddings)}"
        return f"{', '.join(model.split('@')[0] for model in self.networks())} on {what} of {short_name(self.data)}"


@dataclass(frozen=True)
class RegressRequest(TargetRequest):
    """A number of each image."""

    experiment: ClassVar[str] = "regress"
    target: ClassVar[str] = NUMBER
    noun: ClassVar[str] = "numbers"
    drawn_label: ClassVar[str] = DRAWN_LABEL

    data: str = option(DEFAULT_DATA, f"images with a number each: {TABLE_HELP}")
    label: str = option("", "the column of numbers (of a drawn set: one of its factors), where data does not name it")

    def title(self) -> str:
        """Return "network on the number of images"."""
        return self._subject(self.label or "numbers")


@dataclass(frozen=True)
class MultilabelRequest(TargetRequest):
    """Several labels an image."""

    experiment: ClassVar[str] = "multilabel"
    target: ClassVar[str] = SEVERAL
    noun: ClassVar[str] = "several labels an image"

    data: str = option(DEFAULT_DATA, f"images with several labels each: {TABLE_HELP}")
    label: str = option("", "the column of labels, as a;b or a JSON list, where data does not name it")
    classes: tuple[str, ...] = option((), "only these labels, A,B; quote a name that holds a comma")

    def title(self) -> str:
        """Return "network on several labels of images"."""
        return self._subject("several labels")


@dataclass(frozen=True)
class GradesRequest(TargetRequest):
    """Ordered grades."""

    experiment: ClassVar[str] = "grades"
    target: ClassVar[str] = GRADES
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
        return self._subject("grades")


TARGET_REQUESTS: Final[Mapping[str, type[TargetRequest]]] = {
    kind.target: kind for kind in (RegressRequest, GradesRequest, MultilabelRequest)
}
