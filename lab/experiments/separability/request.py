"""What a probe run is asked: networks, images, layers and controls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from lab.errors import LabError
from lab.experiments.base import DATA_HELP, DEFAULT_DATA, DEFAULT_MODEL, Request, option
from lab.experiments.given_vectors import from_python, in_full, is_in_memory, vector_sources, vectors_title
from lab.images import groups_stamp, settled, settled_groups, short_name
from lab.models.reference import NONE_NAMED
from lab.names import names_in
from lab.probing.controls import OPTIONAL
from lab.probing.task import LOGISTIC, RIDGE


@dataclass(frozen=True)
class ProbeRequest(Request):
    """Which networks, images, layers and controls; `seed` moves the splits and the shuffled labels."""

    experiment: ClassVar[str] = "probe"
    command_words: ClassVar[tuple[str, ...]] = ("probe",)
    added: ClassVar[tuple[str, ...]] = ("probe", "embeddings", "labels", "images", "split", "beside")

    models: tuple[str, ...] = option((DEFAULT_MODEL,), "a timm model, ID[@WEIGHTS]; more than once", repeated="model")
    data: str = option(DEFAULT_DATA, DATA_HELP)
    classes: tuple[str, ...] = option((), "only these classes, A,B; quote a name that holds a comma")
    per_class: int | None = option(None, "at most N images a class", least=2, most=1_000_000)
    layers: str = option("blocks", "stages, blocks, or names with commas between them")
    pooling: str = option("avg", "avg, max, avg+max, cls or a grid such as 2x2")
    controls: tuple[str, ...] = option(tuple(OPTIONAL), "controls beside chance", known=tuple(OPTIONAL))
    probe: str = option(
        LOGISTIC, "logistic regression, or ridge: in closed form, which many classes hardly make slower",
        choices=(LOGISTIC, RIDGE),
    )  # fmt: skip
    folds: int = option(5, "folds of the cross-validation", least=2, most=20)
    repeats: int = option(3, "how often it is repeated with other folds", least=1, most=50)
    seed: int = option(0, "moves folds and shuffled labels", least=0, most=2**31 - 1)
    groups: str = option(
        "auto", "what never straddles a split: auto (copies, as found), none, or a CSV file_name,group"
    )
    split: str = option(
        "auto", "auto: a split that came with the images (a table's column, folders train and test) is used as it is; "
        "none: folds over all images", choices=("auto", "none"),
    )  # fmt: skip
    beside: str = option("", "also probe these columns of the images' table, A,B (group: its groups), at every layer")
    embeddings: str = option(
        "", "vectors of another tool instead of a model's: .npz, .safetensors, .parquet or a folder of .npy, one array "
        "a layer in order of depth"
    )  # fmt: skip
    labels: str = option("", "of --embeddings: the array or column of labels, or a CSV or Parquet file beside it")
    images: str = option("", "of --embeddings: the images of its rows, for the control pixels; as --data")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.groups:
            raise LabError("groups is empty; it must be auto, none, or the path of a CSV file (file_name, group)")
        if self.embeddings:
            self._check_given()
        elif self.labels or self.images:
            raise LabError("labels and images belong to --embeddings FILE; give it, or leave them out")
        elif not self.models:
            raise LabError(NONE_NAMED)
        if len(set(self.models)) < len(self.models):
            raise LabError(f"a model was named twice among {', '.join(self.models)}; name each once")

    def canonical(self) -> Self:
        """Return the request with weights and the paths of images and groups spelled out; of vectors that are given,
        without what only networks have."""
        if not self.embeddings:
            return replace(super().canonical(), groups=settled_groups(self.groups))
        left_out = {"untrained"} if self.images else {"untrained", "pixels"}
        return replace(
            self, models=(), data="", groups=settled_groups(self.groups),
            controls=tuple(name for name in self.controls if name not in left_out),
            embeddings=in_full(self.embeddings), labels=in_full(self.labels),
            images=self.images if self.in_memory else settled(self.images),
        )  # fmt: skip

    @property
    def in_memory(self) -> bool:
        """Whether the vectors are arrays that a Python process was given."""
        return is_in_memory(self.embeddings)

    def command(self) -> str:
        """Return the command line that asks the same; of what was given from Python, a comment that says so."""
        if not self.in_memory:
            return Request.command(self._as_asked())
        return from_python(self.embeddings, self.python())

    def python(self) -> str:
        """Return the call that asks the same from Python."""
        if Request.from_python(self):
            words = Request.python(self).partition(", ")[2]
            return f"lab.{self.experiment}({words.removesuffix(')').replace('data=', 'images=')})"
        if not self.in_memory:
            return Request.python(self._as_asked())
        given = [f"{name}={getattr(self, name)!r}" for name in ("folds", "repeats", "seed")]
        if self.probe != LOGISTIC:
            given.append(f"probe={self.probe!r}")
        return f"lab.probe_arrays(layers, labels, {', '.join(given)}, controls={self.controls!r})"

    def sources(self) -> dict[str, str]:
        """Return a stamp of each checkpoint, of the images, of the table of groups and of vectors that are given."""
        own = vector_sources(self.embeddings, self.labels, self.images) if self.embeddings else super().sources()
        return {**own, "groups": groups_stamp(self.groups)}

    def title(self) -> str:
        """Return "network, network on images" and what is read beside the class, or what given vectors are called."""
        if self.embeddings:
            return vectors_title(self.embeddings)
        images = short_name(self.data)
        beside = f", beside {', '.join(names_in(self.beside))}" if self.beside else ""
        return f"{', '.join(model.split('@')[0] for model in self.models)} on {images}{beside}"

    def _as_asked(self) -> Self:
        """Return the request with the usual network and images, which whoever gives vectors leaves as they are."""
        return replace(self, models=(DEFAULT_MODEL,), data=DEFAULT_DATA) if self.embeddings else self

    def _check_given(self) -> None:
        """Raise LabError for fields that do not go with vectors that are given."""
        if self.models not in ((), (DEFAULT_MODEL,)) or self.data not in ("", DEFAULT_DATA):
            raise LabError(
                "embeddings are read instead of a model and data; leave --model and --data out (the images that belong "
                "to the rows are --images)"
            )
        if self.split != "auto" or self.beside:
            raise LabError("split and beside are for images; a file of vectors has its split and groups as columns")
        if self.classes or self.per_class is not None or self.pooling != "avg":
            raise LabError("classes, per_class and pooling are for networks; choose rows before writing the embeddings")
        if self.controls != tuple(OPTIONAL):
            if "untrained" in self.controls:
                raise LabError(
                    "vectors that are given have no untrained twin; leave the control untrained out, or probe the model"
                )
            if "pixels" in self.controls and not self.images:
                raise LabError("the control pixels needs the images of the rows; give them as images, or leave it out")
