"""What a map explains: one number per image, read at the network's output or at a layer.

    auto | INDEX | LABEL          a class of the network: its logit
    probe[@LAYER][:CLASS]         the decision of a linear probe at a layer (at every layer its own, without @LAYER)

A probe's score is its logit for the class less the mean of the others', so with two classes it is the log-odds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lab.activations.pooling import pool
from lab.activations.recording import record
from lab.errors import LabError, nearest
from lab.layers import Layer

if TYPE_CHECKING:
    from torch import Tensor, nn

OUTPUT = ""  # the place of a score that is read at the network's output
IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class LinearProbe:
    """A linear classifier on one layer's pooled, standardised activation.

    `weight` `(K, D)` and `bias` `(K,)` apply to `(vector - mean) / scale`; `accuracy` is out of fold, with its 95 %
    interval. `means` `(K, D)` are those of each class's vectors.
    """

    layer: Layer
    classes: tuple[str, ...]
    weight: np.ndarray = field(repr=False)
    bias: np.ndarray = field(repr=False)
    mean: np.ndarray = field(repr=False)
    scale: np.ndarray = field(repr=False)
    accuracy: float
    ci_low: float
    ci_high: float
    pooling: str = "avg"
    means: np.ndarray | None = field(repr=False, default=None)

    def logits(self, activation: Tensor) -> Tensor:
        """Return the logits `(N, K)` of a raw activation of the layer."""
        import torch

        vectors = pool(activation, self.layer, self.pooling)
        weight, bias, mean, scale = (
            torch.as_tensor(values, dtype=vectors.dtype, device=vectors.device)
            for values in (self.weight, self.bias, self.mean, self.scale)
        )
        return (vectors - mean) / scale @ weight.T + bias


@dataclass(frozen=True)
class Target:
    """A class index per image `(N,)`, and the probe that names classes, None for the network's own output."""

    index: Tensor
    probe: LinearProbe | None = None

    @property
    def place(self) -> str:
        """Name of the layer at which the score is read, `OUTPUT` for the network's output."""
        return self.probe.layer.name if self.probe else OUTPUT

    def score(self, output: Tensor) -> Tensor:
        """Return the number that is explained, `(N,)`, for the network's output or the probed layer's activation.

        More rows than `index` has are taken as copies, one after the other, of the same images.
        """
        logits = self._logits(output)
        own = logits.gather(1, self._repeated(logits)).squeeze(1)
        if self.probe is None:
            return own
        return own - (logits.sum(dim=1) - own) / (logits.shape[1] - 1)

    def probability(self, output: Tensor) -> Tensor:
        """Return the probability of the class, `(N,)`."""
        logits = self._logits(output)
        return logits.softmax(dim=1).gather(1, self._repeated(logits)).squeeze(1)

    def of(self, image: int) -> Target:
        """Return the target of one image of the batch."""
        return Target(self.index[image : image + 1], self.probe)

    def _logits(self, output: Tensor) -> Tensor:
        return output if self.probe is None else self.probe.logits(output)

    def _repeated(self, logits: Tensor) -> Tensor:
        return self.index.to(logits.device).repeat(len(logits) // len(self.index))[:, None]


@dataclass(frozen=True)
class TargetChoice:
    """A target as it is written, read: `kind` is "auto", "class" or "probe"."""

    kind: str
    name: str = ""
    layer: str = ""

    @classmethod
    def parse(cls, text: str) -> TargetChoice:
        """Return what `auto`, `INDEX`, `LABEL` or `probe[@LAYER][:CLASS]` asks for."""
        text = text.strip()
        if text in ("", "auto"):
            return cls("auto")
        head, _, name = text.partition(":")
        if head == "probe" or head.startswith("probe@"):
            layer = head.removeprefix("probe").removeprefix("@")
            if head.endswith("@") or (":" in text and not name):
                raise LabError(f"target {text!r} is not finished; write probe, probe@LAYER or probe@LAYER:CLASS")
            return cls("probe", name, layer)
        return cls("class", text)


def class_target(module: nn.Module, images: Tensor, wanted: TargetChoice) -> Target:
    """Return the network's class for images `(N, 3, H, W)`: the one it is surest of, or the one that is wanted.

    Raises LabError when the network has no such class, or puts out no classes.
    """
    import torch

    # `record` keeps other threads off the network: their hooks would see these images.
    with torch.no_grad(), record(module, ()):
        logits = module(images)
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or logits.shape[1] < 2:
        raise LabError("this network puts out no classes; ask for a probe's decision instead (target probe)")
    if wanted.kind == "auto":
        return Target(logits.argmax(dim=1))
    number = class_index(wanted.name, logits.shape[1])
    return Target(torch.full((len(images),), number))


def class_index(text: str, classes: int) -> int:
    """Return the index of a class by its number or its label; labels are known for ImageNet's 1,000 classes.

    Raises LabError for a number or label that is not there, and for a label that several classes share.
    """
    if text.isdecimal():
        if int(text) >= classes:
            raise LabError(f"target {text} is out of range; this network has the classes 0 to {classes - 1}")
        return int(text)
    names = labels(classes)
    found = _named(text, names)
    if len(found) == 1:
        return found[0]
    if found:
        candidates = ", ".join(f"{k} ({names[k]})" for k in found)
        raise LabError(f"{text!r} is the name of {len(found)} classes: {candidates}; give the number of one")
    if not names:
        raise LabError(f"the names of this network's {classes} classes are not known; give a number or `probe`")
    known = ["auto", "probe", *(part.strip() for name in names for part in name.split(","))]
    raise LabError(f"there is no class {text!r}{nearest(text, known)}; give auto, a number, a label or probe")


def _named(text: str, names: Sequence[str]) -> list[int]:
    """Return the classes that `text` names: by the first of their names, by all of them as written, or by any."""
    wanted = text.strip().casefold()
    every = [[part.strip().casefold() for part in name.split(",")] for name in names]
    first = [k for k, own in enumerate(every) if own[0] == wanted]
    whole = [k for k, name in enumerate(names) if name.casefold() == wanted and "," in name]
    return first or whole or [k for k, own in enumerate(every) if wanted in own]


@cache
def labels(classes: int) -> tuple[str, ...]:
    """Return the names of a network's classes, () unless it has ImageNet's 1,000 (they come with timm)."""
    if classes != IMAGENET_CLASSES:
        return ()
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    return tuple(info.index_to_description(k) for k in range(classes))


def short_names(classes: int) -> list[str]:
    """Return the first name of every class, with its number where two classes share it, [] where none are known."""
    first = [name.split(",")[0] for name in labels(classes)]
    shared = {name for name, count in Counter(map(str.casefold, first)).items() if count > 1}
    return [f"{name} ({k})" if name.casefold() in shared else name for k, name in enumerate(first)]


def class_name(index: int, classes: int) -> str:
    """Return a class's label and number, or its number alone."""
    names = labels(classes)
    return f"{names[index].split(',')[0]} ({index})" if names else f"class {index}"
