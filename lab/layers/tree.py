"""A network's layers as an indented tree of their names, each with what it is and puts out. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence

from lab.layers.types import Layer

INDENT = "   "


def layer_tree(layers: Sequence[Layer]) -> list[str]:
    """Return one line per layer, and one per module around layers that is none itself, parents before children."""
    known = {layer.name: layer for layer in layers}
    order: dict[str, None] = {}
    for layer in layers:
        parts = layer.name.split(".")
        for end in range(1, len(parts) + 1):
            order.setdefault(".".join(parts[:end]))
    first = {name: position for position, name in enumerate(order)}
    names = sorted(order, key=lambda name: [first[name[: len(name) - len(rest)]] for rest in _rests(name)])
    return [_line(name, known.get(name)) for name in names]


def _rests(name: str) -> list[str]:
    """Return what follows each ancestor's name, the farthest ancestor first, "" for the name itself."""
    parts = name.split(".")
    return ["".join(f".{part}" for part in parts[end:]) for end in range(1, len(parts) + 1)]


def _line(name: str, layer: Layer | None) -> str:
    indent, short = INDENT * name.count("."), name.rpartition(".")[2]
    if layer is None:
        return f"{indent}{short}"
    size = f"{layer.channels} × {layer.height} × {layer.width}" if layer.height else f"{layer.channels}"
    kind = "" if layer.kind == "module" else f", {layer.kind}"
    facts = [f"{layer.type}{kind}", size, f"depth {layer.depth:.2f}", *_field(layer), f"{_short(layer.flops)}FLOPs"]
    return f"{indent}{short}  {', '.join(facts)}"


def _field(layer: Layer) -> list[str]:
    """Return what a position sees of the image, nothing when it is not known."""
    side: int | str = layer.receptive_field
    if layer.receptive_field_height != layer.receptive_field_width:
        side = f"{layer.receptive_field_height} × {layer.receptive_field_width}"
    told = {"exact": f"sees {side} px", "upper bound": f"sees at most {side} px", "global": "sees all"}
    return [told[layer.receptive_field_status]] if layer.receptive_field_status in told else []


def _short(number: int) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number} "
