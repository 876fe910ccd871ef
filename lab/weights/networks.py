"""Making a network with timm and random weights; every source of weights begins with it."""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.shortages import need_memory
from lab.weights.zoo import timm_version

if TYPE_CHECKING:
    from torch import nn


# Beside the weights themselves: the tensors they are read from, or what one image makes of them
ROOM = 1.5


@dataclass(frozen=True)
class Built:
    """A network with its weights, the files they came from, and what of those is not in it, a sentence each."""

    module: nn.Module
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    preprocess: Any = None


def build_network(id: str, seed: int = 0, **options: Any) -> nn.Module:
    """Return `timm.create_model(id, **options)` with weights drawn from a seed; the global random state is as before.

    Raises LabError when timm cannot make it, or it needs more memory than there is.
    """
    import timm

    check_room(id, **options)
    try:
        with warnings.catch_warnings(), own_random_state(seed):
            warnings.simplefilter("ignore")  # timm warns of renamed models; the id is the user's choice
            return timm.create_model(id, **options)
    except RuntimeError as error:
        if "Unknown model" in str(error) or "Invalid pretrained tag" in str(error):
            raise LabError(f"timm {timm.__version__} has no model {id!r} ({error})") from error
        raise


def check_room(id: str, **options: Any) -> None:
    """Raise LabError when a network needs more memory than there is; it is not built for that."""
    size = weights_size(id, **options)
    count = f"{size / 4e9:.1f} billion" if size >= 4e9 else f"{size / 4e6:.0f} million"
    need_memory(round(ROOM * size), f"{id} ({count} parameters)", "pick a smaller network")


def weights_size(id: str, **options: Any) -> int:
    """Return the bytes of a network's weights, 0 where timm cannot tell without building it."""
    try:
        return _weights_size(id, **options)
    except TypeError:  # an option the network does not know, or one that cannot be remembered
        return 0


@functools.lru_cache(maxsize=256)
def _weights_size(id: str, **options: Any) -> int:
    import timm
    import torch

    try:
        with warnings.catch_warnings(), own_random_state(0), torch.device("meta"):
            warnings.simplefilter("ignore")
            module = timm.create_model(id, **options)
    except (RuntimeError, NotImplementedError, ValueError, AssertionError, OSError, KeyError, AttributeError):
        return 0  # some networks compute with their weights while they are made; errors of the id are told by building
    tensors = (*module.parameters(), *module.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@contextmanager
def own_random_state(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator, and give it back its state at the end."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def weights_digest(module: nn.Module) -> str:
    """Return a hex digest of a network's weights: architecture, names, shapes, values, and the version of timm."""
    import torch

    digest = hashlib.sha256(f"{architecture_of(module)}\0{timm_version()}".encode())
    for name, tensor in module.state_dict().items():
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(memoryview(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()))
    return digest.hexdigest()


def architecture_of(module: nn.Module) -> str:
    """Return a timm network's architecture, or its class when it is not timm's."""
    return str((getattr(module, "pretrained_cfg", None) or {}).get("architecture", type(module).__name__))


def classifier_names(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the modules that turn features into class scores (two in distilled networks)."""
    configured = (getattr(module, "pretrained_cfg", None) or {}).get("classifier")
    names: Sequence[str] = [configured] if isinstance(configured, str) else list(configured or ())
    modules = dict(module.named_modules())
    return tuple(name for name in names if name in modules)


def file_stamp(path: Path) -> str:
    """Return a cheap stamp of a file that changes when it does: name, size, time; "" when it is not there."""
    try:
        facts = path.stat()
    except OSError:
        return ""
    return f"{path.name}:{facts.st_size}:{facts.st_mtime_ns}"
