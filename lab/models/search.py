"""Finding models by name, family, size, cost, input and licence, with what is known while none is loaded. Torch-free.

Parameters and operations of every architecture come from `architectures.csv` beside this file, which
`benchmarks/architectures.py` writes; a model that is newer than the table is known by its card, once there is one.
Networks that were trained here are found too, by the text that names them (`ID@lab:NAME`).
"""

from __future__ import annotations

import csv
import difflib
import fnmatch
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError, nearest
from lab.models.cards import known_parameters
from lab.weights import package_of, zoo
from lab.weights.hub import cached_repositories
from lab.weights.trained import Trained, list_trained

TABLE = Path(__file__).with_name("architectures.csv")
# Networks that people ask for first, in this order; all others follow by name.
WELL_KNOWN = (
    "resnet50", "resnet18", "vit_base_patch16_224", "vit_small_patch16_224", "vit_tiny_patch16_224", "convnext_tiny",
    "efficientnet_b0", "mobilenetv3_large_100", "mobilenetv3_small_100", "swin_tiny_patch4_window7_224", "resnet34",
    "resnet101", "densenet121", "vgg16", "deit_small_patch16_224", "deit_tiny_patch16_224", "convnext_base",
    "regnety_016", "mobilenetv2_100", "vit_base_patch14_dinov2", "vit_base_patch16_clip_224", "inception_v3",
)  # fmt: skip
ALIKE = 0.72  # of a word and the part of a name that it is taken for (difflib's ratio)
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}


@dataclass(frozen=True)
class ArchitectureRow:
    """What an architecture weighs: its timm module, parameters, and operations of one image (None: not known)."""

    family: str
    parameters: int
    flops: int | None


@dataclass(frozen=True)
class ModelFilter:
    """What a search asks for beside the name; None and "" ask for nothing.

    flops count a multiply-add as two; input_size is a side in pixels, licence a part of its name.
    """

    family: str = ""
    max_parameters: int | None = None
    max_flops: int | None = None
    input_size: int | None = None
    licence: str = ""
    offline: bool = False

    def __post_init__(self) -> None:
        known = families()
        if self.family and self.family not in known:
            raise LabError(f"timm has no family {self.family!r}{nearest(self.family, known)}; see --families")

    def fits(self, row: dict[str, Any]) -> bool:
        """Return whether a row of a search has all that is asked for; what is not known does not fit a limit."""
        size = row["input_size"].split("×")[-1]
        return (
            self.family in ("", row["family"])
            and _within(row["parameters"], self.max_parameters)
            and _within(row["flops"], self.max_flops)
            and (self.input_size is None or size == str(self.input_size))
            and self.licence.lower() in row["licence"].lower()
            and (row["offline"] or not self.offline)
        )


def search_models(query: str = "", wanted: ModelFilter | None = None) -> list[dict[str, Any]]:
    """Return the models whose id holds every word of `query` (with `*` or `?` in it: fits it). JSON-able.

    A word that no id holds is taken for those parts of names that are most like it (`meant`). First comes what is on
    this machine, packaged or trained here, last what has no weights; among equals the name that was given, then
    networks that are well known.

    Each row: name (a timm id), weights (those that would be taken: name@weights is the model), offline (whether the
    weights are on this machine), input_size ("3×224×224", "" when not known), family, parameters, flops (None when
    not known), licence.
    """
    fits = _fits(query)
    cached, known = cached_repositories(), {**_weights_of_cards(), **architectures()}
    rows = [
        _row(architecture, tag, cached, known.get(architecture.name))
        for architecture in zoo.architectures().values()
        for tag in architecture.tags or (None,)
        if fits(_id(architecture, tag))
    ]
    rows += [_trained(t, known.get(t.id)) for t in list_trained() if fits(t.ref())]
    found = [row for row in rows if wanted is None or wanted.fits(row)]
    order = {"packaged": 0, "lab": 1, "pretrained": 2, "untrained": 3}
    known_first = {name: number for number, name in enumerate(WELL_KNOWN)}

    def place(row: dict[str, Any]) -> tuple[object, ...]:
        name = row["name"].partition(".")[0]
        kind = order[row["weights"].partition(":")[0]]
        given = _plain(name) != _plain(query)
        return not row["offline"], kind, given, known_first.get(name, len(known_first)), row["name"]

    return sorted(found, key=place)


@functools.lru_cache(maxsize=64)
def meant(query: str) -> dict[str, tuple[str, ...]]:
    """Return, for each word of `query` that no model's id holds, the parts of names that it is taken for.

    >>> meant("resent50 a1")
    {'resent50': ('resnet50',)}
    """
    ids = [_plain(_id(one, tag)) for one in zoo.architectures().values() for tag in one.tags or (None,)]
    ids += [_plain(trained.ref()) for trained in list_trained()]
    words = [] if _is_pattern(query) else _words(query)
    missing = [word for word in words if not any(_plain(word) in id for id in ids)]
    parts = sorted({part for name in zoo.architectures() for part in (*name.split("_"), name)}) if missing else []
    return {word: tuple(difflib.get_close_matches(word, parts, n=1, cutoff=ALIKE)) for word in missing}


def _fits(query: str) -> Callable[[str], bool]:
    """Return whether an id is one that `query` asks for."""
    if _is_pattern(query):
        return lambda id: fnmatch.fnmatchcase(id.lower(), query.lower())
    likely = meant(query)
    words = [[_plain(word) for word in likely.get(word, (word,))] for word in _words(query)]
    return lambda id: all(any(word in _plain(id) for word in either) for either in words)


def _is_pattern(query: str) -> bool:
    return any(sign in query for sign in "*?")


def _words(query: str) -> list[str]:
    return query.lower().split()


def _plain(text: str) -> str:
    """Return text without what people leave out or write otherwise: ResNet-50 is resnet50."""
    return re.sub(r"[\s_-]", "", text.lower())


@functools.cache
def architectures() -> dict[str, ArchitectureRow]:
    """Return what is known of every architecture by name."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {
            row["name"]: ArchitectureRow(
                row["family"], int(row["parameters"]), int(row["flops"]) if row["flops"] else None
            )
            for row in csv.DictReader(file)
        }


def families() -> list[str]:
    """Return the timm modules that architectures come from."""
    return sorted({architecture.family for architecture in architectures().values()})


def quantity(text: str) -> int:
    """Return the number that "5M", "1.8G" or "300000" stands for; raises LabError when it is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgbt]?)", text.strip().lower())
    if match is None:
        raise LabError(f"{text!r} is no number; write it as 300000, 5M or 1.8G")
    return round(float(match[1]) * UNITS[match[2]])


def _row(
    architecture: zoo.Architecture, tag: zoo.Tag | None, cached: set[str], known: ArchitectureRow | None
) -> dict[str, Any]:
    id = _id(architecture, tag)
    package = package_of(id)
    weights = "packaged" if package else "pretrained" if tag and (tag.hub or tag.url) else "untrained"
    offline = bool(package and package.file()) or bool(tag and tag.hub in cached)
    size = "×".join(map(str, tag.input_size)) if tag and tag.input_size else ""
    return {
        "name": architecture.name if package else id,
        "weights": weights,
        "offline": offline,
        "input_size": size,
        "family": known.family if known else "",
        "parameters": known.parameters if known else None,
        "flops": known.flops if known else None,
        "licence": tag.licence if tag else "",
    }


def _trained(trained: Trained, known: ArchitectureRow | None) -> dict[str, Any]:
    side = trained.about["input"]["size"]
    return {
        "name": trained.id,
        "weights": f"lab:{trained.name}",
        "offline": True,
        "input_size": f"3×{side}×{side}",
        "family": known.family if known else "",
        "parameters": trained.about["parameters"],
        "flops": trained.about.get("flops"),  # trained by an earlier version of the lab: not known
        "licence": "",
    }


def _weights_of_cards() -> dict[str, ArchitectureRow]:
    return {name: ArchitectureRow("", parameters, None) for name, parameters in known_parameters().items()}


def _within(value: int | None, most: int | None) -> bool:
    return most is None or (value is not None and value <= most)


def _id(architecture: zoo.Architecture, tag: zoo.Tag | None) -> str:
    return f"{architecture.name}.{tag.name}" if tag and tag.name else architecture.name
