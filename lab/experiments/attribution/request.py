"""What is asked about attributions. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from lab.attributions.methods import named
from lab.attributions.targets import TargetChoice, class_index
from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, LAYERS_HELP, Request, model_option, option
from lab.experiments.early import CardLookup, check_classes
from lab.experiments.picture import PICTURE_HELP, picture_name
from lab.images import class_names, stamp
from lab.images.synthetic import DRAWN_SETS, RUNGS
from lab.layers import select_layers
from lab.models import ModelRef, card

METHODS_HELP = "fast (all that one pass gives), all, or names with commas between them"
BASELINES = ("mean", "black", "white")
DEFAULT_PICTURE = "photo:flower"

EXPLAINED_RUNGS = ("part", "arrangement", "object")  # whose masks hold what differs, and little else


@dataclass(frozen=True)
class AttributeRequest(Request):
    """One picture, one network, what is to be explained, where, by which methods, and whether maps are checked."""

    experiment: ClassVar[str] = "attribute"
    command_words: ClassVar[tuple[str, ...]] = ("attribute",)

    model: str = model_option()
    picture: str = option(DEFAULT_PICTURE, PICTURE_HELP)
    target: str = option("auto", "auto, a class by number or label, probe, or probe@LAYER:CLASS")
    layers: str = option("stages", LAYERS_HELP)
    method: str = option("fast", METHODS_HELP)
    probe_data: str = option(DEFAULT_DATA, "image set whose classes a probe tells apart (target probe)")
    per_class: int = option(60, "images a class that a probe is fitted on", least=4, most=100_000)
    steps: int = option(24, "points on a path, or noisy copies", least=2, most=1000)
    baseline: str = option("mean", "what a blank picture looks like", choices=BASELINES)
    checks: bool = option(True, "check every map: randomised weights, edges, insertion and deletion")
    seed: int = option(0, "moves random weights, random orders and noise", least=0, most=2**31 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        named(self.method)
        TargetChoice.parse(self.target)

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for a class or a probe's layer there is not, besides what all questions check."""
        super().check(cards)
        target, known = TargetChoice.parse(self.target), cards(self.model)
        if target.kind == "probe":
            classes = class_names(self.probe_data)
            check_classes([target.name] if target.name else [], classes, self.probe_data)
        if known is None:
            return
        if target.kind == "probe" and target.layer:
            select_layers(known.layers, target.layer, exclusions=known.exclusions)
        if target.kind == "class" and known.classifier_classes > 1:
            class_index(target.name, known.classifier_classes)

    def title(self) -> str:
        """Return what is looked at."""
        return f"What {self.model.split('@')[0]} looks at in {picture_name(self.picture)}"

    def canonical(self) -> Self:
        """Return the request spelled out; what a target does not need goes back to its default."""
        plain = super().canonical()
        if TargetChoice.parse(self.target).kind == "probe":
            return plain
        default = type(self)()
        return replace(plain, probe_data=default.probe_data, per_class=default.per_class)

    def sources(self) -> dict[str, str]:
        """Return stamps of weights, picture and, for a probe, its images."""
        found = super().sources()
        return {**found, "data": stamp(self.probe_data)} if TargetChoice.parse(self.target).kind == "probe" else found


@dataclass(frozen=True)
class ScoreRequest(Request):
    """Which methods find, at which layer, the parts of drawn pictures that really differ between the classes?"""

    experiment: ClassVar[str] = "attribution_score"
    command_words: ClassVar[tuple[str, ...]] = ("attribution-score",)

    model: str = model_option()
    data: str = option(DEFAULT_DATA, f"a drawn image set: {', '.join(DRAWN_SETS)}")
    layers: str = option("stages", LAYERS_HELP)
    method: str = option("fast", METHODS_HELP)
    images: int = option(12, "pictures a class that are explained", least=2, most=1000)
    per_class: int = option(60, "other images a class that the probes are fitted on", least=4, most=100_000)
    steps: int = option(24, "points on a path, or noisy copies", least=2, most=1000)
    seed: int = option(0, "moves pictures and folds", least=0, most=2**20)

    def __post_init__(self) -> None:
        super().__post_init__()
        named(self.method)
        if not self.data.startswith("drawn:"):
            raise LabError(
                f"the parts that differ are only known of drawn images, and {self.data!r} are not; use drawn:pets"
            )

    def title(self) -> str:
        """Return what is looked at."""
        return f"Do attributions of {self.model.split('@')[0]} find what differs in {self.data}?"


@dataclass(frozen=True)
class ExplanationsRequest(Request):
    """Which explanation is right, and where, on rungs of the ladder that know which part decides."""

    experiment: ClassVar[str] = "explanations"

    model: str = model_option()
    rungs: tuple[str, ...] = option(EXPLAINED_RUNGS, "which rungs", known=tuple(RUNGS))
    layers: str = option("stages", LAYERS_HELP)
    method: str = option("fast", METHODS_HELP)
    images: int = option(12, "pictures a class and rung that are explained", least=2, most=1000)
    per_class: int = option(100, "other drawings a class and rung that probes are fitted on", least=20, most=5000)
    steps: int = option(24, "points on a path, or noisy copies", least=2, most=1000)
    pairs: int = option(10, "pairs of optimised images a layer, 0 for none", least=0, most=100)
    reader: str = option("", "a network that reads optimised images, ID[@WEIGHTS]; empty: the network's other layers")
    seed: int = option(0, "moves pictures and folds", least=0, most=2**20)

    def __post_init__(self) -> None:
        super().__post_init__()
        named(self.method)
        if not self.rungs:
            raise LabError("no rung was named; name at least one")

    def title(self) -> str:
        """Return what is looked at."""
        return f"Which explanation of {self.model.split('@')[0]} is right?"

    def canonical(self) -> Self:
        """Return the request spelled out, its reader too; a network that reads itself does so at its other layers."""
        plain = super().canonical()
        reader = str(ModelRef.parse(self.reader)) if self.reader else ""
        return replace(plain, reader="" if reader == plain.model else reader)

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for a reader there is not, besides what all questions check."""
        super().check(cards)
        if self.reader:
            cards(self.reader)

    def sources(self) -> dict[str, str]:
        """Return stamps of the network and of its reader."""
        found = super().sources()
        return {**found, "reader": ModelRef.parse(self.reader).stamp()} if self.reader else found

    def of_rung(self, rung: str) -> ScoreRequest:
        """Return the question about one rung."""
        return ScoreRequest(
            self.model, RUNGS[rung].spec, self.layers, self.method, self.images, self.per_class, self.steps, self.seed
        )
