"""Networks whose code is the user's: modules given from Python (`NAME@python:DIGEST`) and factories in a file
(`module:PATH:FACTORY@code`), which is executed only where whoever started the program has named that very file.

The name of a given module is made of its weights, the settings and the code of its classes, so it stands for this
network only; another process has to be given it again. `…/SEED` and `@code:SEED` are its untrained twins.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

from lab.errors import LabError, kind_of, nearest
from lab.layers.outputs import main_tensor
from lab.roots import on_network, permitted
from lab.weights.networks import Built, file_stamp, own_random_state, weights_digest
from lab.weights.reinitialising import reinitialised

if TYPE_CHECKING:
    from torch import nn

MODULE_SCHEME = "module:"
ALLOWED_VARIABLE = "FEATURE_LAB_CODE"  # a JSON list of the files whose code may be run; for workers, set by the option
NAME_LENGTH = 16
LIBRARIES = ("torch.", "torchvision.", "timm.", "transformers.", "open_clip.")  # code that does not change by itself


@dataclass(frozen=True)
class _Given:
    """A network of this process and how it is given its images."""

    module: nn.Module
    preprocess: Any
    notes: tuple[str, ...]


_GIVEN: dict[str, _Given] = {}


# --- modules from Python --------------------------------------------------------------------------------------------


def remember(module: nn.Module, preprocess: Any, notes: tuple[str, ...] = ()) -> str:
    """Remember a network of the lab's own (see `own_copy`) and how it is given its images; return what names it."""
    name = hashlib.sha256(f"{weights_digest(module)}\0{code_digest(module)}\0{preprocess!r}".encode()).hexdigest()[
        :NAME_LENGTH
    ]
    _GIVEN.setdefault(name, _Given(module, preprocess, notes))
    return name


def check(id: str, argument: str) -> None:
    """Raise LabError when this process was given no such network."""
    if argument.partition("/")[0] not in _GIVEN:
        raise LabError(
            f"{id}@python:{argument} was a network in the memory of another process; give it to lab.probe again, or "
            "name the file that makes it as module:FILE:FACTORY with --allow-code FILE"
        )


def build(id: str, argument: str) -> Built:
    """Return a copy of the network, or of an untrained twin of it."""
    check(id, argument)
    name, _, seed = argument.partition("/")
    given = _GIVEN[name]
    if seed:
        return Built(reinitialised(given.module, int(seed), id), preprocess=given.preprocess)
    return Built(copy.deepcopy(given.module), notes=given.notes, preprocess=given.preprocess)


def stamp(id: str, argument: str) -> str:
    """Return the name itself: it is made of the network."""
    return argument if argument.partition("/")[0] in _GIVEN else ""


# --- factories in files ---------------------------------------------------------------------------------------------


@contextmanager
def code_allowed(files: Iterable[str | Path]) -> Iterator[None]:
    """Allow the code of these files, and no other, to be run in the block, by this process and workers it starts.

    Raises LabError for a file that is not there.
    """
    before = os.environ.get(ALLOWED_VARIABLE)
    listed = [os.path.realpath(Path(file).expanduser()) for file in files]
    for file in listed:
        if not os.path.isfile(file):
            raise LabError(f"--allow-code names {file}, and there is no such file")
    os.environ[ALLOWED_VARIABLE] = json.dumps(listed)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(ALLOWED_VARIABLE, None)
        else:
            os.environ[ALLOWED_VARIABLE] = before


def check_code(id: str, argument: str) -> None:
    """Raise LabError unless the file of a factory may be run and is there."""
    _seed(id, argument)
    _allowed_file(id)


def build_code(id: str, argument: str) -> Built:
    """Run the file of a factory, call it, and return the network that it makes, or an untrained twin of it.

    Raises LabError for code that was not allowed, that fails, or that makes no network.
    """
    import torch

    path, factory = _allowed_file(id)
    try:
        with own_random_state(0):  # weights that are random are the same every time
            made = _made_by(path, factory)
    except LabError:
        raise
    except Exception as error:
        raise LabError(f"{factory} of {path} failed with {_told(error)}; mend the file") from error
    module, preprocess = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(module, torch.nn.Module):
        raise LabError(
            f"{factory} of {path} returned {kind_of(module)}; it must return a torch.nn.Module, or one and its "
            "preprocess"
        )
    module, notes = own_copy(module)
    if argument:
        return Built(reinitialised(module, _seed(id, argument), id), (path,), preprocess=preprocess)
    return Built(module, (path,), notes, preprocess)


def stamp_code(id: str, argument: str) -> str:
    """Return a stamp of the file that makes the network."""
    return file_stamp(Path(parts(id)[0]))


def parts(id: str) -> tuple[str, str]:
    """Return the path and the name of the factory of `module:PATH:FACTORY`."""
    path, _, factory = id.removeprefix(MODULE_SCHEME).rpartition(":")
    if not path or not factory.isidentifier():
        raise LabError(f"{id!r} names no factory; write module:path/to/file.py:function")
    return path, factory


def _allowed_file(id: str) -> tuple[Path, str]:
    path, factory = parts(id)
    if on_network():
        raise LabError(f"{id} is code, and a dashboard that others reach runs none; probe it on the command line")
    allowed = json.loads(os.environ.get(ALLOWED_VARIABLE, "[]"))
    if os.path.realpath(path) not in allowed:
        raise LabError(
            f"{id} is code, which is run only where it was allowed: add --allow-code {path} to the command that you "
            "start (from Python give the network itself: lab.probe(module, images))"
        )
    return permitted(path), factory


def _made_by(path: Path, factory: str) -> Any:
    """Run a file and return what one of its functions returns; what lies beside the file can be imported meanwhile."""
    name = f"feature_lab_given_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LabError(f"{path} is no Python file; name one that ends in .py")
    found = importlib.util.module_from_spec(spec)
    sys.modules[name] = found  # dataclasses and pickling look a class up by its module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(found)
        make = getattr(found, factory, None)
        if callable(make):
            return make()
    finally:
        sys.path.remove(str(path.parent))
    own = [key for key, value in vars(found).items() if getattr(value, "__module__", "") == name and callable(value)]
    raise LabError(f"{path} has no function {factory!r}{nearest(factory, own)}; it has: {', '.join(own) or 'none'}")


def _seed(id: str, argument: str) -> int:
    if not argument or argument.isdecimal():
        return int(argument or 0)
    raise LabError(f"{argument!r} is not a seed; use {id}@code:SEED with a whole number from 0")


# --- what both have -------------------------------------------------------------------------------------------------


def code_digest(module: nn.Module) -> str:
    """Return a hex digest of a network but for its weights' values: its modules, their settings, and the code of
    classes that are no library's."""
    shapes = [(name, tuple(tensor.shape)) for name, tensor in module.state_dict().items()]
    digest = hashlib.sha256(f"{shapes!r}\0{module!r}".encode())
    for name, child in module.named_modules():
        kind = type(child)
        plain = {key: value for key, value in vars(child).items() if _is_plain(value) and key != "training"}
        digest.update(f"{name}\0{kind.__module__}.{kind.__qualname__}\0{sorted(plain.items())!r}".encode())
        for base in kind.__mro__:
            if not f"{base.__module__}.".startswith((*LIBRARIES, "builtins.")):
                codes = (getattr(value, "__code__", None) for value in vars(base).values())
                digest.update("".join(_text_of(code) for code in codes if code is not None).encode())
    return digest.hexdigest()


def _text_of(code: CodeType) -> str:
    """Return what a function does, without where it stands in its file."""
    inner = "".join(_text_of(value) if isinstance(value, CodeType) else repr(value) for value in code.co_consts)
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {inner}\n"


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_is_plain(inner) for inner in value)
    return isinstance(value, (bool, int, float, str, type(None)))


def _as_tensor(_module: nn.Module, _inputs: Any, output: Any) -> Any:
    """Let a copy put out one tensor, as the lab's questions expect of a network."""
    tensor = main_tensor(output)
    return output if tensor is None else tensor


def own_copy(module: nn.Module) -> tuple[nn.Module, tuple[str, ...]]:
    """Return a frozen copy on the CPU, in eval mode and float32, and what was changed for that, a sentence each.

    Of a tuple, dictionary or object that the network puts out, the copy puts out the tensor that stands for it.

    Raises LabError for a network that cannot be copied.
    """
    import torch

    try:
        made = copy.deepcopy(module).to("cpu").eval().requires_grad_(False)
    except (RuntimeError, TypeError, ValueError, NotImplementedError, AttributeError) as error:
        raise LabError(
            f"this {type(module).__name__} cannot be copied ({_told(error)}), and the lab never works on your own; "
            "give a network that copy.deepcopy can copy"
        ) from error
    if _as_tensor not in made._forward_hooks.values():
        made.register_forward_hook(_as_tensor)
    kinds = {p.dtype for p in made.parameters() if p.is_floating_point()} - {torch.float32}
    if not kinds:
        return made, ()
    named = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
    return made.float(), (f"weights in {named} were read as float32",)


def _told(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300]
