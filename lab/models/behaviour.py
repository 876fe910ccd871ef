"""What a network whose code is the user's own does, as a digest: weights alone do not tell one code from another."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.layers.outputs import main_tensor
from lab.layers.tracing import BATCH, in_eval_mode
from lab.shortages import is_memory_short
from lab.weights.networks import own_random_state

if TYPE_CHECKING:
    from torch import nn


def behaviour_of(module: nn.Module, input_size: tuple[int, int, int], name: str) -> str:
    """Return a hex digest of what every module puts out for two images of random numbers `(C, H, W)`.

    Raises LabError when the network cannot be run on them.
    """
    import torch

    digest = hashlib.sha256()

    def read(place: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            tensor = main_tensor(output)
            if tensor is not None:
                digest.update(place.encode() + tensor.detach().cpu().float().contiguous().numpy().tobytes())

        return hook

    handles = [child.register_forward_hook(read(place)) for place, child in module.named_modules()]
    images = torch.rand((BATCH, *input_size), generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad(), in_eval_mode(module), own_random_state(0):
            module(images)
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
    return digest.hexdigest()
