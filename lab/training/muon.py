"""Muon: matrices of weights step along the orthogonal matrix nearest to their momentum, everything else by AdamW.

Keller Jordan 2024 (kellerjordan.github.io/posts/muon), with the step's size as Liu et al. 2025 (arXiv 2502.16982) set
it, so that learning rates of AdamW carry over. Here because small networks on a thousand drawn pets took three times
as many epochs with AdamW, and some never left chance. torch's own (`torch.optim.Muon`) takes no convolutions, which
are most of these networks; timm's takes them, but both round to bfloat16: 2.8 times as long a step on a CPU without it
(test_resnet, one thread), and a state of more than tensors, which our
checkpoints do not hold. Tests compare ours with torch's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

# Quintic Newton-Schulz iteration: takes every singular value to within 0.7 to 1.2 in five steps (Jordan 2024).
QUINTIC = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
SMALLEST_SIDE = 4  # matrices with a shorter side (a classifier of two classes) gain nothing from it
MATCH_ADAMW = 0.2


class Muon(Optimizer):
    """Muon for matrices and whole convolutions, AdamW for all else (scales, biases, embeddings, depthwise kernels)."""

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float,
        *,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.95),
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "betas": betas, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take a step from the gradients; those that are None are left out."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                if is_matrix(parameter):
                    self._along_orthogonal(parameter, group)
                else:
                    self._adam(parameter, group)

    def _along_orthogonal(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter, memory_format=torch.contiguous_format)
        state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
        matrix = state["momentum"].reshape(len(parameter), -1)
        size = MATCH_ADAMW * max(matrix.shape) ** 0.5
        parameter.add_(orthogonal(matrix).reshape(parameter.shape), alpha=-group["lr"] * size)

    def _adam(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
        first, second = group["betas"]
        state["step"] += 1
        state["mean"].lerp_(parameter.grad, 1 - first)
        state["square"].mul_(second).addcmul_(parameter.grad, parameter.grad, value=1 - second)
        count = float(state["step"])
        scale = (state["square"] / (1 - second**count)).sqrt_().add_(1e-8)
        parameter.addcdiv_(state["mean"], scale, value=-group["lr"] / (1 - first**count))


def is_matrix(parameter: Tensor) -> bool:
    """Return whether Muon steps a parameter: a linear map, or a convolution that mixes channels."""
    if parameter.ndim not in (2, 4) or 1 in parameter.shape[:2]:
        return False
    return min(len(parameter), parameter[0].numel()) >= SMALLEST_SIDE


def orthogonal(matrix: Tensor) -> Tensor:
    """Return roughly the nearest (semi-)orthogonal matrix: the same singular vectors, singular values near 1."""
    one, three, five = QUINTIC
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    found = wide / (wide.norm() + 1e-7)
    for _ in range(ITERATIONS):
        square = found @ found.T
        found = one * found + (three * square + five * square @ square) @ found
    return found if matrix.shape[0] <= matrix.shape[1] else found.T
