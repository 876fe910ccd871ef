"""Reading a network's weights from a file: every name, shape and number type checked before anything is loaded.

`reading` opens the file, `matching` finds the network's tensors in it, `conversion` asks timm about other names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.weights.conversion import converted
from lab.weights.matching import Fit, StateDict, Tensors, best, fits, judged, split, state_dicts
from lab.weights.networks import Built, architecture_of
from lab.weights.reading import SUFFIXES, read_content

if TYPE_CHECKING:
    import torch
    from torch import nn

# How timm looks for weights in a folder of the hub's layout.
FOLDER_FILES = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")
LISTED = 4
HEAD_WEIGHT = re.compile(r"(^|\.)(head|fc|classifier|linear)\.weight$")
EXACT_FLOATS = ("float16", "bfloat16", "float32", "float64")
WHOLE_NUMBERS = ("uint8", "int8", "int16", "int32", "int64")


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
    _check_fit(fit, module, path)
    _load(module, fit.tensors, path)
    return Built(module, (path,), tuple(_notes(fit, ways, heads if classes == 0 else ())))


def load_by_name(module: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Load weights whose names and shapes are the network's; raises LabError otherwise, having loaded nothing."""
    tops = tuple(name.partition(".")[0] for name in tensors)  # whatever is too much is a fault
    fit = judged("", "", dict(tensors), (), _shapes(module), tops, ())
    _check_fit(fit, module, path)
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
            raise LabError(f"{path}: {given} is {_shape(value)} and {name} should be {_shape(own)}; nothing was loaded")
    _load(module, dict(zip(wanted, tensors.values(), strict=True)), path)


def refuse_not_finite(tensors: Mapping[str, torch.Tensor], source: Path | str) -> None:
    """Raise LabError naming the first tensor that holds NaN or infinity."""
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise LabError(f"{source}: {name} holds NaN or infinite numbers; the weights are damaged, use another file")


def local_weights(folder: Path) -> Path:
    """Return the weights in a folder of the hub's layout, chosen as timm does; raises LabError when there are none."""
    for name in FOLDER_FILES:
        if (folder / name).is_file():
            return folder / name
    others = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    if not others:
        raise LabError(f"{folder} holds no weights; put model.safetensors beside config.json")
    return others[0]


def classifier_names(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the modules that turn features into class scores (two in distilled networks)."""
    configured = (getattr(module, "pretrained_cfg", None) or {}).get("classifier")
    names: Sequence[str] = [configured] if isinstance(configured, str) else list(configured or ())
    modules = dict(module.named_modules())
    return tuple(name for name in names if name in modules)


def _found_in(path: Path) -> list[StateDict]:
    found = state_dicts(read_content(path))
    if not found:
        raise LabError(f"{path} holds no weights by name; save them with torch.save(model.state_dict(), PATH)")
    return found


def _ways(
    module: nn.Module, found: Sequence[StateDict], heads: Sequence[str], children: Sequence[str], part: str, path: Path
) -> list[Fit]:
    """Return the ways to read a file as a network: by name, and as timm converts it where no way by name is right."""
    wanted = _shapes(module)
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
    wanted, widths = _shapes(module), set()
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


def _check_fit(fit: Fit, module: nn.Module, path: Path) -> None:
    """Raise LabError saying why tensors are not the network's."""
    wanted = _shapes(module)
    misshapen = [n for n, value in fit.tensors.items() if tuple(value.shape) != wanted[n]]
    missing = [*fit.missing, *fit.head_missing]
    if not (missing or misshapen or fit.further):
        return
    if channels := _other_channels(fit, module, misshapen):
        raise LabError(
            f"{path} takes {channels} channel{'s' if channels > 1 else ''}, the lab's images have 3; use weights that "
            "were trained on RGB images"
        )
    wrong = [
        f"{name} is {_shape(fit.tensors[name])} and should be {'×'.join(map(str, wanted[name]))}" for name in misshapen
    ]
    unexpected = [*fit.further, *fit.beside]
    found = [("missing", missing), ("unexpected", unexpected), ("of another shape", wrong)]
    problems = "; ".join(f"{len(names)} {what}: {_some(names)}" for what, names in found if names)
    raise LabError(
        f"{path} does not fit {architecture_of(module)} ({problems}); nothing was loaded, {_way_out(fit, wanted)}"
    )


def _way_out(fit: Fit, wanted: Mapping[str, tuple[int, ...]]) -> str:
    if not fit.tensors:
        return "the names are another network's: check the model id"
    if fit.further and not fit.missing:
        return f"it has {len(fit.further)} tensors more than the network: give the id of the larger network"
    if len(fit.missing) > len(wanted) / 2:
        return "most names are another network's: check the model id"
    return "give the id of the network that the file was saved from"


def _other_channels(fit: Fit, module: nn.Module, misshapen: Sequence[str]) -> int:
    """Return how many channels a checkpoint's images have when that is all that does not fit, else 0."""
    first = (getattr(module, "pretrained_cfg", None) or {}).get("first_conv")
    firsts = {f"{name}.weight" for name in ([first] if isinstance(first, str) else first or ())}
    if fit.missing or fit.further or not misshapen or not set(misshapen) <= firsts:
        return 0
    shapes = [(tuple(fit.tensors[name].shape), _shapes(module)[name]) for name in misshapen]
    alike = all(len(one) == len(own) > 1 and (one[0], *one[2:]) == (own[0], *own[2:]) for one, own in shapes)
    return int(shapes[0][0][1]) if alike and shapes[0][1][1] == 3 else 0


def _load(module: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    own = module.state_dict()
    for name, value in tensors.items():
        _check_numbers(name, value, own[name], path)
    refuse_not_finite(tensors, path)
    module.load_state_dict(dict(tensors), strict=False)


def _check_numbers(name: str, value: torch.Tensor, own: torch.Tensor, path: Path) -> None:
    """Raise LabError for numbers that would become others in the network: whole, quantised, complex, sparse ones."""
    import torch

    kind, wanted = (str(dtype).removeprefix("torch.") for dtype in (value.dtype, own.dtype))
    whole = own.dtype in (torch.int64, torch.int32) and kind in WHOLE_NUMBERS
    fits = kind in EXACT_FLOATS if own.is_floating_point() else whole or kind == wanted
    odd = [
        ("a quantised tensor of ", value.is_quantized),
        ("a sparse tensor of ", value.layout != torch.strided),
        ("an empty tensor of ", value.device.type == "meta"),
    ]
    what = next((words for words, here in odd if here), "")
    if (fits or name.endswith("num_batches_tracked")) and not what:
        return
    raise LabError(
        f"{path}: {name} is {what}{kind} and the network computes with {wanted}; nothing was loaded, save the weights "
        "as they were before quantising or casting (float32, float16 or bfloat16)"
    )


def _notes(fit: Fit, ways: Sequence[Fit], lost_heads: Sequence[str]) -> Iterator[str]:
    """Yield what a reader must know of how a file was read, a sentence each; nothing when it is the network alone."""
    if lost_heads:
        yield (
            f"its classifier is not this network's ({', '.join(lost_heads)}): the network was loaded without a "
            "classifier"
        )
    if fit.converted:
        yield f"reshaped for this network by timm's own conversion: {_some(fit.converted)}"
    others = sorted({way.where for way in ways if not way.faults and way.tensors and way.where != fit.where})
    if others:
        where = fit.where or "the outermost level"
        yield f"taken from {where}; others there fit too: {_some(others)} (write FILE#{others[0]})"
    if fit.beside:
        many = "tensors are" if len(fit.beside) > 1 else "tensor is"
        yield f"{len(fit.beside)} {many} not the network's and left out: {_some(fit.beside)}"


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def _shape(tensor: torch.Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a single number"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
