"""What a network whose code is the user's own does, as a digest: weights alone do not tell one code from another."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.layers.outputs import main_tensor
from lab.layers.tracing import BATCH, in_eval_mode
from lab.shortages import is_memory_short
from lab.weights.networks import own_random_state

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Behaviour:
    """A hex digest of what every module puts out, and how many class scores the network puts out, 0 for none.

    Scores are what a linear map puts out and the network hands on as it is.
    """

    digest: str
    classes: int


def behaviour_of(module: nn.Module, input_size: tuple[int, int, int], name: str) -> Behaviour:
    """Return what a network does with two images of random numbers `(C, H, W)`.

    Raises LabError when it cannot be run on them.
    """
    import torch

    digest = hashlib.sha256()
    scores: list[Any] = []

    def read(place: str) -> Any:
        def hook(child: nn.Module, _inputs: Any, output: Any) -> None:
            tensor = main_tensor(output)
            if isinstance(child, torch.nn.Linear):
                scores[:] = [output]
            if tensor is not None:
                digest.update(place.encode() + tensor.detach().cpu().float().contiguous().numpy().tobytes())

        return hook

    handles = [child.register_forward_hook(read(place)) for place, child in module.named_modules()]
    images = torch.rand((BATCH, *input_size), generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad(), in_eval_mode(module), own_random_state(0):
            found = main_tensor(module(images))
    except Exception as error:
        if is_memory_short(error):
            raise
        lines = str(error).strip().splitlines() or [""]
        raise LabError(
            f"{name} cannot be run on images of shape {input_size}: {type(error).__name__}: {lines[0][:200]}; give "
            "preprocess= as the network wants its images, or the part of it that takes images alone"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    classes = found.shape[1] if found is not None and found.dim() == 2 and any(found is one for one in scores) else 0
    return Behaviour(digest.hexdigest(), classes)
