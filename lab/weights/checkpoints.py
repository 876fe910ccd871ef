"""Reading a network's weights from a file: every name, shape and number type checked before anything is loaded.

`reading` opens the file, `matching` finds the network's tensors in it, `conversion` asks timm about other names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.weights.checking import LISTED, check_fit, check_numbers, refuse_not_finite, shape_text, shapes_of, some
from lab.weights.conversion import converted
from lab.weights.matching import Fit, StateDict, Tensors, best, fits, judged, split, state_dicts
from lab.weights.networks import Built, architecture_of, classifier_names
from lab.weights.reading import SUFFIXES, read_content

if TYPE_CHECKING:
    import torch
    from torch import nn

# How timm looks for weights in a folder of the hub's layout.
FOLDER_FILES = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")
HEAD_WEIGHT = re.compile(r"(^|\.)(head|fc|classifier|linear)\.weight$")


def read_tensors(path: Path) -> Tensors:
    """Return the largest dictionary of tensors in a checkpoint, in its own order.

    Raises LabError when the file cannot be read, holds anything but plain tensors and containers, or holds no
    tensors.
    """
    return max(_found_in(path), key=lambda found: len(found.tensors)).tensors


def build_from_file(build: Callable[..., nn.Module], path: Path, part: str = "") -> Built:
    """Return `build()` with the checkpoint's weights; its classifier is made as wide as the checkpoint's.

    `build` takes timm's option `num_classes`. `part` picks one of several networks in a file by a word of the place
    where it lies (`student`, `encoder_k`). A checkpoint whose classifier does not suit gives a network without one.
    Raises LabError listing the names that do not fit; then nothing is loaded.
    """
    found = _found_in(path)
    module = build()
    heads, children = classifier_names(module), tuple(name for name, _ in module.named_children())
    ways = _ways(module, found, heads, children, part, path)
    classes = _classes_of(best(ways), module, heads)
    if best(ways).faults:  # another width of the classifier can be what timm's conversion fails at
        classes = next((width for width in _classes_named(found, module) if width != module.num_classes), classes)
    if classes is not None and classes != module.num_classes:
        module = build(num_classes=classes)
        ways = _ways(module, found, heads, children, part, path)
        if _classes_of(best(ways), module, heads) == 0:
            module, classes = build(num_classes=0), 0
            ways = _ways(module, found, heads, children, part, path)
    fit = best(ways)
    check_fit(fit, module, path)
    _load(module, fit.tensors, path)
    return Built(module, (path,), tuple(_notes(fit, ways, heads if classes == 0 else ())))


def load_by_name(module: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Load weights whose names and shapes are the network's; raises LabError otherwise, having loaded nothing."""
    tops = tuple(name.partition(".")[0] for name in tensors)  # whatever is too much is a fault
    fit = judged("", "", dict(tensors), (), shapes_of(module), tops, ())
    check_fit(fit, module, path)
    _load(module, fit.tensors, path)


def load_by_position(module: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Load weights that have other names but the network's order, after checking the count and every shape."""
    wanted = module.state_dict()
    if len(wanted) != len(tensors):
        raise LabError(
            f"{path} holds {len(tensors)} tensors and {architecture_of(module)} has {len(wanted)}; nothing was loaded"
        )
    for (name, own), (given, value) in zip(wanted.items(), tensors.items(), strict=True):
        if own.shape != value.shape:
            shapes = f"{given} is {shape_text(value.shape)} and {name} should be {shape_text(own.shape)}"
            raise LabError(f"{path}: {shapes}; nothing was loaded")
    _load(module, dict(zip(wanted, tensors.values(), strict=True)), path)


def local_weights(folder: Path) -> Path:
    """Return the weights in a folder of the hub's layout, chosen as timm does; raises LabError when there are none."""
    for name in FOLDER_FILES:
        if (folder / name).is_file():
            return folder / name
    others = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    if not others:
        raise LabError(f"{folder} holds no weights; put model.safetensors beside config.json")
    return others[0]


def _found_in(path: Path) -> list[StateDict]:
    found = state_dicts(read_content(path))
    if not found:
        raise LabError(f"{path} holds no weights by name; save them with torch.save(model.state_dict(), PATH)")
    return found


def _ways(
    module: nn.Module, found: Sequence[StateDict], heads: Sequence[str], children: Sequence[str], part: str, path: Path
) -> list[Fit]:
    """Return the ways to read a file as a network: by name, and as timm converts it where no way by name is right."""
    wanted = shapes_of(module)
    ways = [fit for one in found for fit in fits(wanted, children, heads, one)]
    if part:
        named = sorted({fit.where for fit in ways if fit.tensors and fit.where})
        ways = [fit for fit in ways if part in fit.where.split(".") or part == fit.where]
        if not ways:
            there = f"; write one of {', '.join(named[:8])}" if named else ""
            raise LabError(f"{path} has no part {part!r} that could be {architecture_of(module)}{there}")
    if all(fit.faults for fit in ways):
        places = {fit.place for fit in ways}
        ways += [
            fit for one in found if one.place in places for fit in _converted(module, one, wanted, heads, children)
        ]
        if part:
            ways = [fit for fit in ways if part in fit.where.split(".") or part == fit.where]
    return ways


def _converted(
    module: nn.Module,
    found: StateDict,
    wanted: Mapping[str, tuple[int, ...]],
    heads: Sequence[str],
    children: Sequence[str],
) -> Iterator[Fit]:
    for prefix, tensors, beside in converted(module, found):
        before, _ = split(found.tensors, prefix)
        changed = [n for n, value in tensors.items() if n in before and n in wanted and before[n].shape != value.shape]
        yield judged(found.place, prefix, tensors, beside, wanted, children, heads, changed)


def _classes_of(fit: Fit, module: nn.Module, heads: Sequence[str]) -> int | None:
    """Return how many classes the checkpoint's classifier has; 0 when it has none that suits the network's features."""
    wanted, widths = shapes_of(module), set()
    for head in heads:
        own = {name: shape for name, shape in wanted.items() if name.startswith(f"{head}.")}
        if not own:  # the network was made without a classifier
            return None
        for name, shape in own.items():
            given = tuple(fit.tensors[name].shape) if name in fit.tensors else ()
            if len(given) != len(shape) or given[1:] != shape[1:]:
                return 0
            widths.add(given[0])
    return widths.pop() if len(widths) == 1 else 0


def _classes_named(found: Sequence[StateDict], module: nn.Module) -> list[int]:
    """Return how many classes tensors with a classifier's name and shape are for, whatever else is in their names."""
    features = {getattr(module, name, 0) for name in ("num_features", "head_hidden_size")}
    return [
        int(value.shape[0])
        for one in found
        for name, value in one.tensors.items()
        if HEAD_WEIGHT.search(name) and value.dim() == 2 and value.shape[1] in features
    ]


def _load(module: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    own = module.state_dict()
    for name, value in tensors.items():
        check_numbers(name, value, own[name], path)
    refuse_not_finite(tensors, path)
    module.load_state_dict(dict(tensors), strict=False)


def _notes(fit: Fit, ways: Sequence[Fit], lost_heads: Sequence[str]) -> Iterator[str]:
    """Yield what a reader must know of how a file was read, a sentence each; nothing when it is the network alone."""
    if lost_heads:
        yield (
            f"its classifier is not this network's ({', '.join(lost_heads)}): the network was loaded without a "
            "classifier"
        )
    if fit.converted:
        yield f"reshaped for this network by timm's own conversion: {some(fit.converted)}"
    others = sorted({way.where for way in ways if not way.faults and way.tensors and way.where != fit.where})
    if others:
        where = fit.where or "the outermost level"
        yield f"taken from {where}; others there fit too: {some(others)} (write FILE#{others[0]})"
    if fit.beside:
        many = "tensors are" if len(fit.beside) > 1 else "tensor is"
        yield f"{len(fit.beside)} {many} not the network's and left out: {_grouped(fit.beside)}"


def _grouped(names: Sequence[str]) -> str:
    """Return names as the modules they belong to, each with how many it has, if those are few."""
    found = list(names)
    for depth in range(1, 1 + max(name.count(".") + 1 for name in names)):
        counts = Counter(".".join(name.split(".")[:depth]) for name in names)
        if len(counts) > LISTED:
            break
        found = [name if count == 1 else f"{name} ({count})" for name, count in counts.items()]
    return some(found)
