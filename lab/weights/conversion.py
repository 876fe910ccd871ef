"""timm's own conversion of official checkpoints: other names, other image sizes.

Each of timm's modules converts what its networks' authors published with a function `checkpoint_filter_fn(state_dict,
model)` or one of a like name; `create_model(pretrained=True)` runs it on what it downloads, and so is done here with
files. It is code of timm that moves tensors; nothing of the file is run.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lab.weights.matching import StateDict, Tensors, split

if TYPE_CHECKING:
    from torch import nn

USUAL_PREFIXES = ("module.", "model.", "backbone.", "encoder.", "net.", "visual.", "timm_model.", "base_model.")
MOST_TRIES = 12


def converted(module: nn.Module, found: StateDict) -> Iterator[tuple[str, Tensors, tuple[str, ...]]]:
    """Yield (prefix, tensors, names beside it) as each of timm's filters for this network makes them.

    A filter that is made for other names fails; what it fails with is no news to anybody.
    """
    import torch

    tries = 0
    for filter in _filters(module):
        for prefix in _prefixes(found.tensors):
            inside, beside = split(found.tensors, prefix)
            tries += 1
            if tries > MOST_TRIES or not all(_is_plain(value) for value in inside.values()):
                return
            try:
                with warnings.catch_warnings(), torch.no_grad():
                    warnings.simplefilter("ignore")
                    made = filter(dict(inside), module)
            except Exception:
                continue
            if isinstance(made, dict):
                yield prefix, {str(name): value for name, value in made.items() if _is_plain(value)}, beside


def _filters(module: nn.Module) -> list[Callable[[Tensors, nn.Module], Any]]:
    """Return the filters in the timm modules that make the architecture and define its class."""
    from timm.models import is_model, model_entrypoint

    name = str((getattr(module, "pretrained_cfg", None) or {}).get("architecture", ""))
    homes = [model_entrypoint(name).__module__] if is_model(name) else []
    homes.append(type(module).__module__)
    found: dict[str, Any] = {}
    for home in homes:
        for label, value in vars(sys.modules.get(home, object())).items():
            if callable(value) and ("filter_fn" in label or label.startswith("_filter_")):
                found.setdefault(label, value)
    return [found[label] for label in sorted(found, key=lambda label: (label != "checkpoint_filter_fn", label))]


def _prefixes(tensors: Tensors) -> list[str]:
    """Return what may stand before official names: nothing, what all names share, a usual word."""
    found, shared = [""], ""
    while len({name[len(shared) :].partition(".")[0] for name in tensors}) == 1:
        first = next(iter(tensors))[len(shared) :].partition(".")
        if not first[1]:
            break
        shared += first[0] + "."
        found.append(shared)
    for base in tuple(found):
        found += [base + word for word in USUAL_PREFIXES if any(name.startswith(base + word) for name in tensors)]
    return list(dict.fromkeys(found))


def _is_plain(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_quantized
