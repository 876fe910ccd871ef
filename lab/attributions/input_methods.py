"""Methods of Captum that put a map on the picture's own pixels.

Integrated gradients: Sundararajan, Taly and Yan (2017). SmoothGrad: Smilkov et al. (2017). Occlusion: Zeiler and
Fergus (2014). Guided backpropagation: Springenberg et al. (2015). DeepLift: Shrikumar, Greenside and Kundaje (2017).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from captum.attr import DeepLift, GuidedBackprop, IntegratedGradients, NoiseTunnel, Occlusion, Saliency
from torch import nn

from lab.attributions.shared_pass import scored
from lab.attributions.task import PICTURE, AttributionMaps, AttributionTask, Tick, joined

if TYPE_CHECKING:
    from torch import Tensor

NOISE = 0.15  # SmoothGrad's noise as a share of the picture's range, as in the paper
WINDOWS = 7  # the occluding square is a seventh of the picture's side, and moves by half of itself


class Scored(nn.Module):
    """A network as Captum wants it: a module that returns one number per image; counts the images it has seen."""

    def __init__(self, network: nn.Module, score: Callable[[Tensor], Tensor], tick: Callable[[int], None]) -> None:
        super().__init__()
        self.network = network
        self.score = score
        self.tick = tick
        self.images = 0

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores `(N,)`."""
        scores = self.score(images)
        self.images += len(images)
        self.tick(self.images)
        return scores


def one_by_one(explain: Callable[[AttributionTask], AttributionMaps]) -> Callable[[AttributionTask], AttributionMaps]:
    """Make a method for one image into one for several: Captum's tools lay out a batch's copies in different orders."""

    def of_all(task: AttributionTask) -> AttributionMaps:
        count = len(task.images)
        parts = [explain(replace(task.of(k), tick=_share(task.tick, k, count))) for k in range(count)]
        return joined(parts)

    return of_all


@one_by_one
def integrated_gradients(task: AttributionTask) -> AttributionMaps:
    """Return integrated gradients on the picture, summed over colours: signed."""
    with captum_view(task, task.steps) as network:
        explained = IntegratedGradients(network).attribute(
            task.images, baselines=_baseline(task), n_steps=task.steps, internal_batch_size=task.chunk
        )
        return _complete(task, network, explained)


@one_by_one
def deeplift(task: AttributionTask) -> AttributionMaps:
    """Return DeepLift's contributions (rescale rule) on the picture, summed over colours: signed."""
    with captum_view(task, 2) as network, warnings.catch_warnings():
        # Captum says that it sets hooks, which are its own and are removed again.
        warnings.filterwarnings("ignore", message="Setting forward, backward hooks")
        explained = DeepLift(network).attribute(task.images.clone().requires_grad_(), baselines=_baseline(task))
        return _complete(task, network, explained)


@one_by_one
def guided_backpropagation(task: AttributionTask) -> AttributionMaps:
    """Return the gradient with negative parts cut off at every ReLU, the largest size over colours."""
    with captum_view(task, 1) as network, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting backward hooks")
        explained = GuidedBackprop(network).attribute(task.images.clone().requires_grad_())
    return AttributionMaps({PICTURE: explained.detach().abs().amax(dim=1)})


@one_by_one
def smoothgrad(task: AttributionTask) -> AttributionMaps:
    """Return the mean gradient of noisy copies of the picture, the largest size over colours."""
    spread = NOISE * float(task.images.max() - task.images.min())
    with captum_view(task, task.steps) as network, torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.seed)
        explained = NoiseTunnel(Saliency(network)).attribute(
            task.images.clone().requires_grad_(),
            nt_samples=task.steps,
            nt_samples_batch_size=min(task.chunk, task.steps),
            stdevs=spread,
            abs=False,
        )
    return AttributionMaps({PICTURE: explained.detach().abs().amax(dim=1)})


@one_by_one
def occlusion(task: AttributionTask) -> AttributionMaps:
    """Return how far the score falls when a square over a pixel is blanked out, averaged over squares: signed."""
    side = max(2, task.images.shape[-1] // WINDOWS)
    stride = max(1, side // 2)
    positions = (-(-(task.images.shape[-2] - side) // stride) + 1) * (-(-(task.images.shape[-1] - side) // stride) + 1)
    with captum_view(task, positions + 1) as network, torch.no_grad():
        explained = Occlusion(network).attribute(
            task.images,
            sliding_window_shapes=(3, side, side),
            strides=(3, stride, stride),
            baselines=_baseline(task),
            perturbations_per_eval=task.chunk,
        )
    return AttributionMaps({PICTURE: explained.detach().mean(dim=1)})


@contextmanager
def captum_view(task: AttributionTask, passes: int) -> Iterator[Scored]:
    """Yield the network as a module of scores that no other thread uses, without in-place operations of modules."""
    with scored(task.module, task.target) as score, out_of_place(task.module):
        yield Scored(task.module, score, lambda done: task.tick(min(done, passes), passes))


@contextmanager
def out_of_place(module: nn.Module) -> Iterator[None]:
    """Let no module overwrite its input within the block: Captum's hooks need what went in."""
    changed = [child for child in module.modules() if getattr(child, "inplace", False) is True]
    try:
        for child in changed:
            child.inplace = False  # type: ignore[assignment]
        yield
    finally:
        for child in changed:
            child.inplace = True  # type: ignore[assignment]


def _share(tick: Tick, image: int, images: int) -> Tick:
    return lambda done, total: tick(image * total + done, images * total)


def _baseline(task: AttributionTask) -> Tensor:
    return task.baseline.expand_as(task.images).clone()


def _complete(task: AttributionTask, network: Scored, explained: Tensor) -> AttributionMaps:
    """Sum over colours, with what the attributions add up to and what they should."""
    explained = explained.detach()
    with torch.no_grad():
        owed = network(task.images) - network(_baseline(task))
    sums = explained.sum(dim=(1, 2, 3))
    return AttributionMaps({PICTURE: explained.sum(dim=1)}, {PICTURE: sums}, {PICTURE: owed})
