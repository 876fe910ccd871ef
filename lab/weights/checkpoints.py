"""Reading weights from files: tensors only, every name and shape checked before anything is loaded.

`.safetensors` holds nothing but tensors. `.pth`, `.pt`, `.bin` and `.ckpt` are pickles: they are read with torch's
weights-only reader, which knows tensors and plain containers and refuses everything else unexecuted.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import LabError

if TYPE_CHECKING:
    import torch
    from torch import nn

Tensors = dict[str, "torch.Tensor"]

# Where training scripts put the weights within a checkpoint, the averaged ones first (as timm's own reader has it).
WRAPPERS = (
    "state_dict_ema",
    "model_ema",
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "weights",
    "params",
)
# What wrappers around a network (DataParallel, torch.compile, Lightning) put before each name.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "backbone.", "encoder.")
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
# How timm looks for weights in a folder of the hub's layout.
FOLDER_FILES = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")
LISTED = 4


def read_tensors(path: Path) -> Tensors:
    """Return the tensors in a checkpoint by name, out of whatever wrapper they lie in.

    Raises LabError when the file cannot be read, holds anything but plain tensors and containers, or holds no
    tensors.
    """
    if path.suffix not in SUFFIXES:
        raise LabError(f"{path} is not a checkpoint the lab reads; give one of {', '.join(SUFFIXES)}")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    tensors = _unwrapped(content)
    if not tensors:
        raise LabError(f"{path} holds no weights by name; save them with torch.save(model.state_dict(), PATH)")
    return _without_prefix(tensors)


def build_from_file(build: Callable[..., nn.Module], path: Path) -> nn.Module:
    """Return `build()` with the checkpoint's weights; its classifier is made as wide as the checkpoint's.

    `build` takes timm's option `num_classes`. Raises LabError listing the names that do not fit; then nothing is
    loaded.
    """
    tensors = read_tensors(path)
    module = build()
    classes = _classes_in(tensors, module)
    if classes is not None and classes != module.num_classes:
        module = build(num_classes=classes)
    load_by_name(module, tensors, path)
    return module


def load_by_name(module: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Load weights whose names and shapes are the network's; raises LabError otherwise, having loaded nothing."""
    wanted = module.state_dict()
    # BatchNorm's counter of batches is newer than many checkpoints and of no use here
    missing = [name for name in wanted if name not in tensors and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in tensors if name not in wanted]
    wrong = [
        f"{name} is {_shape(tensors[name])} and should be {_shape(wanted[name])}"
        for name in wanted
        if name in tensors and tensors[name].shape != wanted[name].shape
    ]
    found = [("missing", missing), ("unexpected", unexpected), ("of another shape", wrong)]
    problems = [f"{len(names)} {what}: {_some(names)}" for what, names in found if names]
    if problems:
        raise LabError(
            f"{path} does not fit {_name(module)} ({'; '.join(problems)}); nothing was loaded, check the model id"
        )
    refuse_not_finite(tensors, path)
    module.load_state_dict(dict(tensors), strict=False)


def load_by_position(module: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Load weights that have other names but the network's order, after checking the count and every shape."""
    wanted = module.state_dict()
    if len(wanted) != len(tensors):
        raise LabError(f"{path} holds {len(tensors)} tensors and {_name(module)} has {len(wanted)}; nothing was loaded")
    for (name, own), (given, value) in zip(wanted.items(), tensors.items(), strict=True):
        if own.shape != value.shape:
            raise LabError(f"{path}: {given} is {_shape(value)} and {name} should be {_shape(own)}; nothing was loaded")
    refuse_not_finite(tensors, path)
    module.load_state_dict(dict(zip(wanted, tensors.values(), strict=True)))


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
    others = sorted(path for path in folder.glob("*") if path.suffix in SUFFIXES)
    if not others:
        raise LabError(f"{folder} holds no weights; put model.safetensors beside config.json")
    return others[0]


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise LabError(
            f"{path} is not a readable .safetensors file ({_line(error)}); download or save it again"
        ) from error


def _read_pickle(path: Path) -> Any:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on pickle protocols; what cannot be read is an error below
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise LabError(
            f"{path} holds more than plain tensors, or is damaged; it was not executed: save the state_dict alone, "
            f"best as .safetensors"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise LabError(f"{path} is not a readable checkpoint ({_line(error)}); download or save it again") from error


def _unwrapped(content: Any, depth: int = 0) -> Tensors:
    """Return the tensors by name in a checkpoint's content, looking into known wrappers."""
    import torch

    if not isinstance(content, Mapping) or depth > 3:
        return {}
    for wrapper in WRAPPERS:
        if isinstance(content.get(wrapper), Mapping) and (inner := _unwrapped(content[wrapper], depth + 1)):
            return inner
    return {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}


def _without_prefix(tensors: Tensors) -> Tensors:
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in tensors):
            return _without_prefix({name.removeprefix(prefix): value for name, value in tensors.items()})
    return tensors


def _classes_in(tensors: Mapping[str, torch.Tensor], module: nn.Module) -> int | None:
    """Return how many classes the checkpoint's classifier has: 0 when it has none, None when it cannot be told."""
    found = [tensors.get(f"{name}.weight") for name in classifier_names(module)]
    if not found:
        return None
    widths = {int(value.shape[0]) for value in found if value is not None}
    if not widths:
        return 0
    return widths.pop() if len(widths) == 1 else None


def classifier_names(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the modules that turn features into class scores (two in distilled networks)."""
    configured = (getattr(module, "pretrained_cfg", None) or {}).get("classifier")
    names: Sequence[str] = [configured] if isinstance(configured, str) else list(configured or ())
    modules = dict(module.named_modules())
    return tuple(name for name in names if name in modules)


def _name(module: nn.Module) -> str:
    return str((getattr(module, "pretrained_cfg", None) or {}).get("architecture", type(module).__name__))


def _shape(tensor: torch.Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a single number"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:120]
