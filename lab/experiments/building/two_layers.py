"""A very small network that tells rectangles, diamonds and neither apart: its training, and what its filters hold.

Two convolutions without padding, so no border gives a place away; the largest response of each channel anywhere is
read by a linear classifier. The same with one convolution is the control that has no layer to build on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, cross_entropy, max_pool2d, relu

from lab.experiments.building.stroke_drawings import CLASSES

FIRST_KERNEL, SECOND_KERNEL, POOL = 5, 7, 2
RATE, BATCH = 0.01, 32
# What a response of the first layer costs: few strong ones make edges (Olshausen & Field 1996).
SPARSENESS = 0.3
ANGLES = np.arange(0, 180, 10)
FREQUENCIES = (0.12, 0.18, 0.24, 0.3)  # cycles per pixel: bars two to four pixels wide


class TwoLayers(nn.Module):
    """`filters` of 5 × 5, then, unless `second` is 0, as many of 7 × 7 over all of them at half the resolution."""

    def __init__(self, filters: int, second: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, filters, FIRST_KERNEL)
        self.second = nn.Conv2d(filters, second, SECOND_KERNEL) if second else None
        self.classify = nn.Linear(second or filters, len(CLASSES))

    def edges(self, images: Tensor) -> Tensor:
        """Return what the second layer gets, `(N, filters, h, w)`."""
        return max_pool2d(relu(self.first(images)), POOL)

    def read(self, responses: Tensor) -> Tensor:
        """Return the largest response of each of the last channels, `(N, C)`, from the first layer's."""
        if self.second is not None:
            responses = relu(self.second(max_pool2d(responses, POOL)))
        return responses.amax((2, 3))

    def channels(self, images: Tensor) -> Tensor:
        """Return the largest response of each of the last channels in each image `(N, 1, H, W)`, `(N, C)`."""
        return self.read(relu(self.first(images)))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits `(N, 3)`."""
        answer: Tensor = self.classify(self.channels(images))
        return answer


def beginning(filters: int, second: int, seed: int) -> TwoLayers:
    """Return a network with its first weights; leaves torch's own random numbers as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return TwoLayers(filters, second)


def batches(images: int) -> int:
    """Return how many batches of so many images an epoch has."""
    return images // BATCH


def train(
    network: TwoLayers, images: np.ndarray, labels: np.ndarray, *, seed: int, epochs: int, step: Callable[[], None]
) -> None:
    """Train a network on images `(N, H, W)`; the same arguments give the same network, also in several threads.

    `step` is called before each batch.
    """
    order = torch.Generator().manual_seed(seed)
    shown, wanted = torch.from_numpy(images)[:, None], torch.from_numpy(labels)
    each = batches(len(images))
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=epochs * each)
    for _ in range(epochs):
        for taken in torch.randperm(len(images), generator=order)[: each * BATCH].split(BATCH):
            step()
            optimizer.zero_grad()
            responses = relu(network.first(shown[taken]))
            loss = cross_entropy(network.classify(network.read(responses)), wanted[taken])
            (loss + SPARSENESS * responses.mean()).backward()
            optimizer.step()
            schedule.step()


def accuracy(network: TwoLayers, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of images that are told right."""
    with torch.no_grad():
        answer = network(torch.from_numpy(images)[:, None]).argmax(1).numpy()
    return float((answer == labels).mean())


def orientation(kernels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the angle of the bars each kernel `(C, k, k)` answers most, in degrees, and how selective it is, 0 to 1.

    0 is horizontal, 90 vertical, 45 falls to the right. The answer to a grating at its best phase is the kernel's
    Fourier amplitude; selectivity is the length of the mean of the answers' energies over doubled angles.
    """
    side = kernels.shape[-1]
    y, x = np.mgrid[0:side, 0:side]
    energy = np.zeros((len(kernels), len(ANGLES)))
    for index, angle in enumerate(np.deg2rad(ANGLES)):
        for frequency in FREQUENCIES:
            across = frequency * (-x * np.sin(angle) + y * np.cos(angle))
            energy[:, index] += np.abs(np.tensordot(kernels, np.exp(2j * np.pi * across), 2)) ** 2
    mean = (energy * np.exp(2j * np.deg2rad(ANGLES))).sum(1) / np.maximum(energy.sum(1), 1e-300)
    return np.rad2deg(np.angle(mean)) / 2 % 180, np.abs(mean)


@lru_cache(maxsize=1)
def random_selectivity(share: float = 0.95, count: int = 4000) -> float:
    """Return the selectivity that so large a share of random filters (independent uniform weights) stays below."""
    kernels = np.random.default_rng(0x5E1).uniform(-1, 1, (count, FIRST_KERNEL, FIRST_KERNEL))
    return float(np.quantile(orientation(kernels)[1], share))


def group_of(angle: float) -> str:
    """Return "horizontal", "vertical" or "diagonal", whichever is nearest."""
    nearest = round(angle / 45) % 4
    return ("horizontal", "diagonal", "vertical", "diagonal")[nearest]


@dataclass(frozen=True)
class Combination:
    """One channel at the place of its largest response in each image: what each channel below adds, `(N, inputs)`."""

    added: np.ndarray
    bias: float
    own: np.ndarray

    @property
    def difference(self) -> float:
        """How far the sum is from the network's own number at most."""
        return float(np.abs(self.added.sum(1) + self.bias - self.own).max())


def combination(network: TwoLayers, channel: int, images: np.ndarray) -> Combination:
    """Return how second-layer `channel` comes about in images `(N, H, W)`, in double precision."""
    assert network.second is not None
    with torch.no_grad():
        edges = network.edges(torch.from_numpy(images)[:, None]).double()
        weight = network.second.weight[channel].double()
        bias = network.second.bias[channel].double()  # type: ignore[index]
        whole = conv2d(edges, weight[None], bias[None]).flatten(1)
        parts = conv2d(edges, weight[:, None], groups=len(weight)).flatten(2)
        place = whole.argmax(1)
        added = parts.gather(2, place[:, None, None].expand(-1, parts.shape[1], 1))[..., 0]
    own = whole.gather(1, place[:, None])[:, 0]
    return Combination(added.numpy(), float(bias), own.numpy())


def template(network: TwoLayers, channel: int) -> np.ndarray:
    """Return the pattern a second-layer channel looks for: its kernel slices, each drawn in its first-layer filter.

    As if nothing were rectified: the weights of both layers multiplied out, at the resolution of the image.
    """
    assert network.second is not None
    slices = network.second.weight[channel].double()
    spread = slices.repeat_interleave(POOL, 1).repeat_interleave(POOL, 2) / POOL**2
    flipped = network.first.weight[:, 0].double().flip(1, 2)
    drawn = conv2d(spread[None], flipped[None], padding=FIRST_KERNEL - 1)
    return np.asarray(drawn[0, 0].detach().numpy())
