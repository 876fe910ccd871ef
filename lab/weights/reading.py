"""From a file to what it holds: tensors and plain containers, checked before they are read, never executed.

`.safetensors` holds nothing but tensors, and no checksum. `.pth`, `.pt`, `.bin`, `.ckpt` and `.tar` are pickles: they
are read with torch's weights-only reader, which knows tensors and plain containers. What training scripts put beside
the weights (settings, numpy numbers, paths) is named in `UNREAD`: an inert stand-in takes the place of each, its own
code is neither imported nor run. Any other class ends the reading. Pickles in an archive have a checksum per entry,
which is compared; the older ones without an archive have none.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import threading
import warnings
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from lab.errors import LabError
from lab.shortages import need_memory

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
# Classes of training scripts that hold settings and figures, by the beginning of their full names
UNREAD = (
    "argparse.Namespace", "types.SimpleNamespace", "pathlib.", "datetime.", "uuid.", "decimal.", "fractions.",
    "functools.partial", "typing.", "enum.", "collections.deque", "numpy.", "omegaconf.", "hydra.", "mmengine.",
    "mmcv.", "mmcls.", "mmpretrain.", "lightning.", "lightning_fabric.", "pytorch_lightning.", "torchmetrics.",
    "fvcore.", "iopath.", "detectron2.config", "ml_collections.", "transformers.training_args",
    "transformers.trainer_utils.", "accelerate.", "ray.", "wandb.", "timm.scheduler.", "timm.optim.", "torch.optim.",
    "torch.nn.modules.activation.", "torch.nn.modules.loss.", "torch.nn.functional.", "torch.torch_version.",
    "builtins.int", "builtins.float", "builtins.str", "builtins.bool", "builtins.list", "builtins.tuple",
    "builtins.slice", "builtins.range", "builtins.object", "builtins.dict", "builtins.bytes", "builtins.frozenset",
)  # fmt: skip
# Dictionaries of their own kind, which are read as plain ones
MAPPINGS = (
    "collections.defaultdict", "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict", "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict", "easydict.EasyDict", "addict.addict.Dict", "yacs.config.CfgNode",
    "fvcore.common.config.CfgNode", "detectron2.config.config.CfgNode", "box.box.Box", "munch.Munch",
    "mmengine.config.config.ConfigDict", "mmcv.utils.config.ConfigDict",
)  # fmt: skip
FLOATS = ("F16", "BF16", "F32", "F64")
LARGEST_INDEX = 256_000_000  # bytes of an archive's pickle without the tensors; real ones have a few megabytes
# The allow-list of torch's reader is one global, so files are read by one thread at a time
_READING = threading.Lock()


def read_content(path: Path) -> Any:
    """Return what a checkpoint holds: nested containers with tensors, on the CPU.

    Raises LabError when the ending is not one of `SUFFIXES` (in capitals or not), the file needs more memory than
    there is, a checksum is wrong, or it holds a class that is neither a tensor nor in `UNREAD`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise LabError(f"{path} is not a checkpoint the lab reads; give one of {', '.join(SUFFIXES)}")
    if path.suffix.lower() == ".safetensors":
        return _read_safetensors(path)
    return _read_pickle(path)


def check_number_types(path: Path) -> None:
    """Raise LabError when kernels or matrices in a .safetensors file are no plain floating-point numbers.

    For files that timm itself loads, which would cast them.
    """
    from safetensors import safe_open

    if path.suffix.lower() != ".safetensors":
        return
    with safe_open(path, framework="numpy") as file:
        for name in file.keys():  # noqa: SIM118 - it is no dictionary
            part = file.get_slice(name)
            if name.endswith("weight") and len(part.get_shape()) > 1 and part.get_dtype() not in FLOATS:
                raise LabError(
                    f"{path}: {name} is {part.get_dtype()}, and the network computes with float32; use the weights as "
                    "they were before quantising or casting"
                )


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    _check_room(path, path.stat().st_size)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError, AttributeError) as error:
        raise LabError(
            f"{path} is not a readable .safetensors file ({line(error)}); download or save it again"
        ) from error


def _read_pickle(path: Path) -> Any:
    import torch

    try:
        check_archive(path)
        allowed = _stand_ins(path)
        with _READING, warnings.catch_warnings(), torch.serialization.safe_globals(allowed):
            warnings.simplefilter("ignore")  # on pickle protocols; what cannot be read is an error below
            return torch.load(path, map_location="cpu", weights_only=True)
    except LabError:
        raise
    except pickle.UnpicklingError as error:
        raise LabError(_refused(path, error)) from error
    except Exception as error:  # a damaged pickle can end in any kind of error
        if "TorchScript" in str(error):
            raise LabError(f"{path} is a TorchScript program, not weights; save model.state_dict() instead") from error
        raise LabError(f"{path} is not a readable checkpoint ({line(error)}); download or save it again") from error


def _refused(path: Path, error: Exception) -> str:
    found = re.search(r"GLOBAL (\S+)", str(error))
    name = found[1] if found else ""
    what = f"an object of {name}" if name else "more than plain tensors, or is damaged"
    return (
        f"{path} holds {what}; it was not executed: save the weights alone with "
        "torch.save(model.state_dict(), PATH), best as .safetensors"
    )


def check_archive(path: Path) -> None:
    """Raise LabError when an archive asks for more memory than there is, or an entry's checksum is wrong."""
    if not zipfile.is_zipfile(path):
        _check_room(path, path.stat().st_size)
        return
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _check_room(path, sum(entry.file_size for entry in entries))
        large = [entry for entry in entries if entry.filename.endswith(".pkl") and entry.file_size > LARGEST_INDEX]
        if large:
            raise LabError(f"{path}: {large[0].filename} has {large[0].file_size:,} bytes, which no checkpoint needs")
        # torch.serialization.set_crc32_options(False) writes 0 for every entry
        bad = archive.testzip() if any(entry.CRC for entry in entries) else None
    if bad is not None:
        raise LabError(f"{path} is damaged: the checksum of {bad} is wrong; download or copy it again")


def _check_room(path: Path, size: int) -> None:
    need_memory(size, f"reading {path}", "use a machine with more, or a file with the weights alone")


def _stand_ins(path: Path) -> list[Any]:
    """Return torch's allow-list for a file: an inert stand-in for each class in it that `UNREAD` names."""
    found: list[Any] = []
    for name in sorted(_classes_in(path)):
        if name in MAPPINGS:
            found.append((_mapping_type(name), name))
        elif name.startswith(UNREAD):
            found.append((_Unread, name))
    return found


class _Unread:
    """Stands for an object whose class is neither imported nor run; it forgets whatever it is given."""

    def __new__(cls, *arguments: Any, **named: Any) -> _Unread:
        return object.__new__(cls)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def _mapping_type(name: str) -> Callable[..., Any]:
    """Return what makes an empty dictionary in place of one of a kind of its own."""
    return _plain_mapping if name == "collections.defaultdict" else OrderedDict


def _plain_mapping(*factory: Any) -> OrderedDict[Any, Any]:
    return OrderedDict()


def _classes_in(path: Path) -> set[str]:
    """Return the full names of the classes and functions that a pickle mentions, without running it."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            return set(_names(file, pickles=5))  # magic number, version, system, content, keys
    with zipfile.ZipFile(path) as archive:
        inner = [entry for entry in archive.infolist() if entry.filename.endswith("data.pkl")]
        for entry in inner:
            entry.CRC = None  # type: ignore[assignment] # was compared, if there is one
        return {name for entry in inner for name in _names(io.BytesIO(archive.read(entry)), pickles=1)}


def _names(file: IO[bytes], pickles: int) -> Iterator[str]:
    try:
        for _ in range(pickles):
            for code, argument, _position in pickletools.genops(file):
                if code.name == "GLOBAL":
                    yield _full_name(*str(argument).split(" ", 1))
    except (ValueError, EOFError, IndexError, UnicodeError, OverflowError):  # damaged: torch's reader says so
        return


def _full_name(module: str, name: str = "") -> str:
    """Return a class's name of today, as torch's reader looks it up (Python 2 had others)."""
    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    return f"{module}.{name}"


def line(error: BaseException) -> str:
    """Return the beginning of an error's text on one line."""
    return " ".join(str(error).split())[:120] or type(error).__name__
