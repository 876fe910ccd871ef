"""Rectifiers whose gradient serves a search: the values of ReLU and ReLU6, but silence and saturation can be left."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.autograd import Function

SHARE_AT_LIMIT = 0.1  # of the gradient that a rectifier at its limit passes in the search


class Rectifier(nn.Module):
    """A ReLU, or one with a limit above, of the same values; its gradient serves the search (`_Passing`)."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit, self.lenient = limit, False

    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad:
            passed: Tensor = _Passing.apply(x, self.limit, self.lenient)
            return passed
        return x.clamp(0, self.limit)


class _Passing(Function):
    """A rectifier's gradient, for a loss that is lowered.

    Shut, it passes nothing, or if lenient all but what leads further away (Lucid's `redirected_relu_grad`). At its
    limit it passes a share, so that an image does not stay faint once every position has reached it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, limit: float, lenient: bool) -> Tensor:
        ctx.save_for_backward(x)
        ctx.limit, ctx.lenient = limit, lenient
        return x.clamp(0, limit)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x,) = ctx.saved_tensors
        gradient = gradients[0]
        shut = x < 0
        if ctx.lenient:
            shut = shut & (gradient > 0)
        return gradient.masked_fill(shut, 0).where(x <= ctx.limit, SHARE_AT_LIMIT * gradient), None, None


def rectifiers(module: nn.Module, within: str) -> list[tuple[str, nn.Module]]:
    """Return the rectifiers of a module that is named `within`, itself included, by name."""
    return [
        (name, child)
        for name, child in module.named_modules()
        if type(child) in (nn.ReLU, nn.ReLU6) and f"{name}.".startswith(f"{within}.")
    ]


def replaced(module: nn.Module, name: str) -> Rectifier:
    """Put a rectifier of the same values in the place of one, and return it."""
    old = module.get_submodule(name)
    new = Rectifier(6.0 if type(old) is nn.ReLU6 else float("inf"))
    new.training = old.training
    parent, _, short = name.rpartition(".")
    setattr(module.get_submodule(parent), short, new)
    return new
