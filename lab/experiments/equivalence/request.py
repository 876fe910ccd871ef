"""What a check is asked: a network or a file of vectors before, one after, and the largest drop that is allowed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from lab.embeddings.vector_files import vectors_stamp
from lab.errors import LabError, nearest
from lab.experiments.base import DATA_HELP, DEFAULT_DATA, DEFAULT_MODEL, LAYERS_HELP, Request, option
from lab.experiments.early import CardLookup, problems_of
from lab.experiments.given_vectors import in_full
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.targets.request import TARGET_REQUESTS, TargetRequest
from lab.images import groups_stamp, settled, settled_groups, short_name, stamp
from lab.images.targets import CLASS, TARGETS
from lab.layers import select_layers
from lab.models import ModelRef, card

BEST, ALL = "best", "all"
SHARED = ("folds", "repeats", "seed", "groups")  # fields of what a check is made of
VECTORS = (".npz", ".safetensors", ".parquet", ".npy")
FOLDERS = ("/", "./", "../", "~")  # what a path to a folder of .npy begins with
SIDE_HELP = "a timm model, ID[@WEIGHTS], or a file of vectors"


@dataclass(frozen=True)
class CheckRequest(Request):
    """Which two networks on which images; `seed` moves the splits, which both have in common."""

    experiment: ClassVar[str] = "check"
    command_words: ClassVar[tuple[str, ...]] = ("check",)
    added: ClassVar[tuple[str, ...]] = ("target", "label", "split")

    base: str = option(DEFAULT_MODEL, f"the one before: {SIDE_HELP}")
    new: str = option("tf_efficientnet_lite0@untrained:0", "the new one, likewise")
    data: str = option(DEFAULT_DATA, DATA_HELP)
    target: str = option(
        CLASS, "what is read: class (accuracy), number (R²), grades (weighted kappa; text ones from low to high as "
        "classes) or labels, several an image (mean AUC)", choices=TARGETS,
    )  # fmt: skip
    label: str = option("", "of another target than class: the column of it, where data does not name it")
    max_drop: float = option(0.02, "the largest drop that is allowed, of accuracy or the target's measure", least=0.0,
                             most=1.0)  # fmt: skip
    layer: str = option(BEST, "the layer that decides: best (of each), all, or its name in the one before")
    layers: str = option("blocks", LAYERS_HELP)
    classes: tuple[str, ...] = option((), "only these classes, A,B; quote a name that holds a comma")
    per_class: int | None = option(None, "at most N images a class", least=2, most=1_000_000)
    pooling: str = option("avg", "avg, max, avg+max, cls or a grid such as 2x2")
    folds: int = option(5, "folds of the cross-validation", least=2, most=20)
    repeats: int = option(3, "how often it is repeated with other folds", least=1, most=50)
    seed: int = option(0, "moves the folds", least=0, most=2**31 - 1)
    groups: str = option(
        "auto", "what never straddles a split: auto (copies, as found), none, or a CSV file_name,group"
    )
    split: str = option(
        "auto", "of networks, auto: a split that came with the images is used as it is; none: folds over all images",
        choices=("auto", "none"),
    )  # fmt: skip
    labels: str = option("", "of vectors: the array or column of labels, or a CSV or Parquet file beside them")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.base == self.new:
            raise LabError(f"base and new are both {self.base}; name the one before and the new one")
        if self.label and self.target == CLASS:
            raise LabError(
                "label is the column of a number, of grades or of several labels; that of classes is named in data "
                "(FILE?label=COLUMN), of vectors by labels"
            )
        if self.of_vectors and not (is_vectors(self.base) and is_vectors(self.new)):
            raise LabError(
                f"{self.base} and {self.new} are a network and a file of vectors; give two of a kind, since only the "
                "same rows can be compared"
            )

    @property
    def of_vectors(self) -> bool:
        """Whether files of vectors are compared rather than networks."""
        return is_vectors(self.base) or is_vectors(self.new)

    @property
    def sides(self) -> tuple[str, str]:
        """Base and new."""
        return self.base, self.new

    def as_probe(self) -> ProbeRequest:
        """Return the probe run of both networks that this check is made of."""
        return self._probe(
            models=tuple(str(ModelRef.parse(side)) for side in self.sides), data=self.data, layers=self.layers,
            classes=self.classes, per_class=self.per_class, pooling=self.pooling, split=self.split,
        )  # fmt: skip

    def as_probes_of_vectors(self) -> tuple[ProbeRequest, ProbeRequest]:
        """Return the probe run of each file of vectors."""
        base, new = (
            self._probe(models=(), data="", layers=self.layers, embeddings=side, labels=self.labels)
            for side in self.sides
        )
        return base, new

    def _probe(self, **fields: object) -> ProbeRequest:
        shared = {name: getattr(self, name) for name in SHARED}
        return ProbeRequest(controls=(), **shared, **fields)  # type: ignore[arg-type]

    def as_targets(self) -> tuple[TargetRequest, ...]:
        """Return what this check is made of where no classes are read: one question about both networks, or one about
        each file of vectors."""
        kind = TARGET_REQUESTS[self.target]
        shared = {
            "controls": (), "label": self.label, "layers": self.layers,
            **{name: getattr(self, name) for name in SHARED}, **({"classes": self.classes} if self.classes else {}),
        }  # fmt: skip
        if self.of_vectors:
            files = ({"embeddings": side, "labels": self.labels, "model": "", "data": ""} for side in self.sides)
            return tuple(kind.from_dict({**shared, **each}) for each in files)
        base, new = (str(ModelRef.parse(side)) for side in self.sides)
        images = {"data": self.data, "images": self.per_class, "pooling": self.pooling, "split": self.split}
        return (kind.from_dict({**shared, **images, "model": base, "others": (new,)}),)

    def canonical(self) -> Self:
        """Return the request with weights and paths spelled out."""
        if self.of_vectors:
            base, new = map(in_full, self.sides)
            return replace(self, base=base, new=new, data="", labels=in_full(self.labels))
        base, new = (str(ModelRef.parse(side)) for side in self.sides)
        return replace(self, base=base, new=new, data=settled(self.data), groups=settled_groups(self.groups))

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError when one of the two cannot be used, besides what all questions check."""
        if self.of_vectors:
            for side in self.sides:
                vectors_stamp(side)
            return
        if self.target == CLASS:
            super().check(cards)
        else:
            self.as_targets()[0].check(cards)
        for problem in problems_of(self, self.sides, cards).values():
            raise problem
        if (known := cards(self.base)) is not None:
            self.check_layer(layer.name for layer in select_layers(known.layers, self.layers))

    def check_layer(self, names: Iterable[str]) -> None:
        """Raise LabError when the layer that decides is none of `names`, the layers that are read."""
        known = [*names]
        if self.layer not in (BEST, ALL, *known):
            raise LabError(
                f"{self.base} has no layer {self.layer!r} among those that are read{nearest(self.layer, known)}; give "
                f"best, all, or one of {', '.join(known)}"
            )

    def sources(self) -> dict[str, str]:
        """Return a stamp of both sides, of the images and of the table of groups."""
        groups = {"groups": groups_stamp(self.groups)}
        if not self.of_vectors:
            return {"data": stamp(self.data), **groups, **{side: ModelRef.parse(side).stamp() for side in self.sides}}
        found = {side: vectors_stamp(side) for side in self.sides}
        if os.path.isabs(self.labels):
            found["labels"] = vectors_stamp(self.labels)
        return found | groups

    def command(self) -> str:
        """Return the command line that asks the same; the two sides stand without an option's name."""
        usual = type(self)()
        words = Request.command(replace(self._as_asked(), base=usual.base, new=usual.new))
        sides = () if self.sides == usual.sides else self.sides
        return " ".join(["feature-lab check", *map(shlex.quote, sides)]) + words.removeprefix("feature-lab check")

    def python(self) -> str:
        """Return the call that asks the same from Python."""
        return Request.python(self._as_asked())

    def _as_asked(self) -> Self:
        """Return the request with the usual images, which whoever gives vectors leaves as they are."""
        return replace(self, data=self.data or DEFAULT_DATA)

    def title(self) -> str:
        """Return "new against base on images"."""
        base, new = self.sides
        what = "" if self.target == CLASS else f", {self.label or self.target}"
        if self.of_vectors:
            return f"{Path(new).name} checked against {Path(base).name}{what}"
        names = [side.split("@")[0] for side in (new, base)]
        one, other = names if len(set(names)) == 2 else (new, base)
        return f"{one} checked against {other} on {short_name(self.data)}{what}"


def is_vectors(side: str) -> bool:
    """Return whether a side of a check is a file or folder of vectors rather than the name of a network, by its text.

    >>> is_vectors("features.npz"), is_vectors("resnet18@checkpoint:/tmp/new.safetensors")
    (True, False)
    """
    return "@" not in side and (side.lower().endswith(VECTORS) or side.startswith(FOLDERS))
