"""How a network is trained: one row of `RECIPES` per kind of network, told apart by the modules it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn
    from torch.optim import Optimizer


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Rates are per step of one batch; the rate rises over `warm_up` epochs and then falls to zero along a cosine by the
    last epoch. `patience` is how many epochs without a better validation loss end it, `changes` how strongly images are
    changed (0: only mirrored). With `eased` they are changed no more than the network can bear: some networks do not
    leave chance on changed images, and learn a thousand unchanged ones by heart.
    """

    name: str
    fits: str
    optimiser: str
    learning_rate: float
    weight_decay: float
    epochs: int
    warm_up: float
    batch: int = 32
    smoothing: float = 0.05
    patience: int = 12
    changes: float = 1.0
    eased: bool = False


RECIPES: tuple[Recipe, ...] = (
    Recipe("hybrid", "attention on top of convolutions", "muon", 5e-3, 0.05, 60, 5, patience=20),
    Recipe("attention", "networks with attention", "muon", 5e-3, 0.05, 120, 5, patience=40, eased=True),
    Recipe("layer norm", "convolutional networks with layer normalisation", "muon", 1e-2, 0.05, 60, 3, eased=True),
    Recipe("batch norm", "convolutional networks with batch normalisation", "muon", 5e-3, 0.05, 30, 1),
    Recipe("plain", "networks without normalisation", "muon", 5e-3, 0.02, 30, 2),
)


def recipe_for(module: nn.Module) -> Recipe:
    """Return the first row of `RECIPES` that fits a network's modules."""
    kinds = {kind for child in module.modules() for kind in _kinds(type(child).__name__)}
    kinds |= {"hybrid"} if {"attention", "batch norm"} <= kinds else set()
    return next((recipe for recipe in RECIPES if recipe.name in kinds), RECIPES[-1])


def make_optimiser(module: nn.Module, recipe: Recipe) -> Optimizer:
    """Return the optimiser; vectors (biases, scales) and single numbers do not decay, as is usual."""
    decayed = [p for p in module.parameters() if p.ndim > 1]
    kept = [p for p in module.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": kept, "weight_decay": 0.0}]
    return OPTIMISERS[recipe.optimiser](groups, recipe.learning_rate)


def _kinds(name: str) -> Iterator[str]:
    """Yield the kinds that a module's class stands for."""
    if "Attention" in name or "Attn" in name:
        yield "attention"
    if name.startswith(("LayerNorm", "RmsNorm", "GroupNorm")):
        yield "layer norm"
    if name.startswith("BatchNorm") or "BatchNormAct" in name:
        yield "batch norm"


def _adamw(groups: list[dict[str, object]], rate: float) -> Optimizer:
    from torch.optim import AdamW

    return AdamW(groups, lr=rate, betas=(0.9, 0.98), foreach=True)


def _sgd(groups: list[dict[str, object]], rate: float) -> Optimizer:
    from torch.optim import SGD

    return SGD(groups, lr=rate, momentum=0.9, nesterov=True, foreach=True)


def _muon(groups: list[dict[str, object]], rate: float) -> Optimizer:
    from lab.training.muon import Muon

    return Muon(groups, rate)


OPTIMISERS: dict[str, Callable[[list[dict[str, object]], float], Optimizer]] = {
    "muon": _muon,
    "adamw": _adamw,
    "sgd": _sgd,
}
