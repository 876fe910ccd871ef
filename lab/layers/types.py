"""A network's layers as data: what each one is, and how a request picks some of them. Torch-free.

How the table is made from a network is the business of `lab.layers.table`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lab.errors import LabError, briefly, nearest
from lab.names import names_given

Kind = Literal["stem", "block", "stage", "head", "module"]
Layout = Literal["NCHW", "NHWC", "NLC", "NC"]
ReceptiveFieldStatus = Literal["exact", "upper bound", "global", "unknown"]


@dataclass(frozen=True)
class Layer:
    """One place in a network whose output can be read, by its name in `named_modules`.

    kind: "stem" (before the first block), "block", "stage" (a group of blocks), "head" (between the last block and
    the classifier) or "module" (any other). `stage_end` marks the layers that "stages" picks: a block can be one
    too.
    depth: the share of the network's weighted layers (convolutions and linear maps, the classifier not counted)
    that have run when the output is ready; 0 is the image, 1 the last features before the classifier.
    layout: axes of the output; tokens `(N, L, C)` begin with `prefix_tokens` that stand for no place. height and
    width count positions and are 0 when the output has none or their arrangement is not known. stride is pixels per
    position (0 likewise). receptive_field: side in pixels of the part of the image that one position can depend on;
    see `lab.layers.receptive`. flops and parameters: what one image costs up to here, see `lab.layers.costs`.
    """

    name: str
    kind: Kind
    depth: float
    layout: Layout
    channels: int
    height: int
    width: int
    stride: int
    receptive_field: int
    receptive_field_status: ReceptiveFieldStatus
    prefix_tokens: int = 0
    stage_end: bool = False
    type: str = ""
    flops: int = 0
    parameters: int = 0
    receptive_field_height: int = 0
    receptive_field_width: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the layer as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Layer:
        """Return the layer that `as_dict` described."""
        return cls(**values)


@dataclass(frozen=True)
class Exclusion:
    """A module whose output cannot be used as a layer, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Cost:
    """Of one image, from the pixels to some point of the network."""

    flops: int
    parameters: int
    peak_bytes: int = 0


def select_layers(
    layers: Sequence[Layer], spec: str | Sequence[str], *, exclusions: Sequence[Exclusion] = ()
) -> tuple[Layer, ...]:
    """Return the layers that `spec` picks, in the order in which they run.

    "blocks" is the stem, every block and the head; "stages" the stem, the end of every stage and the head; "all"
    every one; anything else is names with commas between them, or a list of names. Raises LabError for a name that is
    not among the layers, with the reason if it is among `exclusions`.
    """
    if not isinstance(layers, (list, tuple)) or not all(isinstance(layer, Layer) for layer in layers):
        raise LabError(f"layers are {briefly(layers)}; give those of a network, load_model(…).layers")
    if isinstance(spec, str) and spec in PICKS:
        picked = tuple(layer for layer in layers if PICKS[spec](layer))
        return picked or tuple(layers)
    names = list(dict.fromkeys(names_given("layers", spec)))
    if not names:
        raise LabError(f"no layer is named in {spec!r}; give {', '.join(PICKS)} or names with commas between them")
    known = {layer.name for layer in layers}
    for name in names:
        if name not in known:
            raise LabError(_no_such_layer(name, layers, exclusions))
    return tuple(layer for layer in layers if layer.name in names)


def check_channel(layer: Layer, index: int) -> None:
    """Raise LabError when a layer has no channel `index`."""
    if not 0 <= index < layer.channels:
        raise LabError(
            f"channel is {index}; layer {layer.name} has {layer.channels} channels, so it must be from 0 to "
            f"{layer.channels - 1}"
        )


def check_position(layer: Layer, row: int, column: int) -> None:
    """Raise LabError when a layer has no position at a row and column; a layer without positions has one."""
    for name, value, size in (("row", row, max(1, layer.height)), ("column", column, max(1, layer.width))):
        if not 0 <= value < size:
            raise LabError(f"{name} is {value}; layer {layer.name} has {size}, so it must be from 0 to {size - 1}")


PICKS = {
    "blocks": lambda layer: layer.kind in ("stem", "block", "head"),
    "stages": lambda layer: layer.kind in ("stem", "stage", "head") or layer.stage_end,
    "all": lambda layer: True,
}


def _no_such_layer(name: str, layers: Sequence[Layer], exclusions: Sequence[Exclusion]) -> str:
    for exclusion in exclusions:
        if exclusion.name == name:
            return f"layer {name!r} cannot be read: {exclusion.reason}"
    near = nearest(name, [*PICKS, *(layer.name for layer in layers)])
    return f"there is no layer {name!r}{near}; `feature-lab layers MODEL` lists them"
