"""Making a network with timm and random weights; every source of weights begins with it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import LabError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Built:
    """A network with its weights, and the files they came from."""

    module: nn.Module
    files: tuple[Path, ...] = ()


def build_network(id: str, seed: int = 0, **options: Any) -> nn.Module:
    """Return `timm.create_model(id, **options)` with weights drawn from a seed; the global random state is as before.

    Raises LabError when timm cannot make it.
    """
    import timm

    try:
        with warnings.catch_warnings(), own_random_state(seed):
            warnings.simplefilter("ignore")  # timm warns of renamed models; the id is the user's choice
            return timm.create_model(id, **options)
    except RuntimeError as error:
        if "Unknown model" in str(error) or "Invalid pretrained tag" in str(error):
            raise LabError(f"timm {timm.__version__} has no model {id!r} ({error})") from error
        raise


@contextmanager
def own_random_state(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator, and give it back its state at the end."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def file_stamp(path: Path) -> str:
    """Return a cheap stamp of a file that changes when it does: name, size, time; "" when it is not there."""
    try:
        facts = path.stat()
    except OSError:
        return ""
    return f"{path.name}:{facts.st_size}:{facts.st_mtime_ns}"
