"""Known answers that need no trained network: closed forms, receptive fields, CKA, the selectivity of a channel."""

from __future__ import annotations

from itertools import product
from math import erf
from typing import TYPE_CHECKING

import numpy as np

from lab.experiments.building.receptive_field_arithmetic import chain_field
from lab.experiments.building.size_arithmetic import output_size
from lab.experiments.channels.selectivity import selectivity
from lab.geometry.similarity import debiased_cka
from lab.layers import Layer
from lab.layers.receptive import measure
from lab.selfcheck.types import Found

if TYPE_CHECKING:
    from torch import nn

INPUT = (3, 224, 224)


def convolution_sizes() -> Found:
    """Compare the closed form of output sizes with torch, for every window that fits."""
    import torch
    from torch.nn.functional import conv1d, max_pool1d

    cases = wrong = 0
    windows = product(range(1, 20), (1, 2, 3, 5, 7), (1, 2, 3, 4), (0, 1, 2), (1, 2, 3))
    for size, kernel, stride, padding, dilation in windows:
        if dilation * (kernel - 1) + 1 > size + 2 * padding:
            continue
        image = torch.zeros(1, 1, size)
        real = conv1d(image, torch.zeros(1, 1, kernel), None, stride, padding, dilation).shape[2]
        wrong += output_size(size, kernel, stride, padding, dilation) != real
        cases += 1
        if padding <= kernel // 2:
            pooled = max_pool1d(image, kernel, stride, padding, dilation, ceil_mode=True).shape[2]
            wrong += output_size(size, kernel, stride, padding, dilation, ceil=True) != pooled
            cases += 1
    return Found(f"{cases - wrong} of {cases}", wrong == 0)


def stacks_of_windows() -> Found:
    """Compare n layers of 3 × 3 and of 5 × 5 with 2n + 1 and 4n + 1, and one with strides worked out by hand."""
    counts = range(1, 21)
    plain = all(chain_field([(3, 1, 1)] * n) == 2 * n + 1 for n in counts)
    wide = all(chain_field([(5, 1, 1)] * n) == 4 * n + 1 for n in counts)
    stem = chain_field([(7, 2, 1), (3, 2, 1), (3, 1, 1), (3, 1, 2)])  # 7, then 7+2·2=11, 11+2·4=19, 19+4·4=35
    words = f"3 × 3 {'as' if plain else 'not as'} 2n + 1, 5 × 5 {'as' if wide else 'not as'} 4n + 1, stem {stem}"
    return Found(words, plain and wide and stem == 35)


def alexnet_field() -> Found:
    """Measure the field of AlexNet's last pooling, untrained."""
    from torchvision.models import alexnet

    return _field(alexnet(weights=None).features, "12", 195, 32)


def vgg16_field() -> Found:
    """Measure the field of VGG-16's last pooling, untrained."""
    from torchvision.models import vgg16

    return _field(vgg16(weights=None).features, "30", 212, 32)


def resnet50_field(*, stride_in_first: bool) -> Found:
    """Measure the field of ResNet-50's last stage, untrained, with strides in each block's 1 × 1 or 3 × 3 layer."""
    from torchvision.models import resnet50

    module = resnet50(weights=None)
    for stage in (module.layer2, module.layer3, module.layer4):
        if stride_in_first:
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    return _field(module, "layer4", 483 if stride_in_first else 427, 32)


def cka_of_known_matrices() -> Found:
    """Compare the lab's CKA with its definition, with what rotations leave, and with independent data."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 6)), rng.normal(size=(40, 9))
    y[:, :3] += x[:, :3]
    by_definition = _hsic(x, y) / np.sqrt(_hsic(x, x) * _hsic(y, y))
    gap = abs(debiased_cka(x, y) - by_definition)
    turned = debiased_cka(x, 3.0 * x @ np.linalg.qr(rng.normal(size=(6, 6)))[0] - 7.0)
    draws = [debiased_cka(rng.normal(size=(60, 500)), rng.normal(size=(60, 500))) for _ in range(20)]
    apart = float(np.mean(draws))
    passed = gap < 1e-10 and abs(turned - 1) < 1e-9 and abs(apart) < 0.03
    return Found(f"off by {gap:.0e}; rotated {turned:.3f}; independent {apart:z.3f} on average", bool(passed))


def selectivity_of_channels() -> Found:
    """Plant one channel whose classes lie 2 deviations apart among 300 of noise."""
    rng = np.random.default_rng(1)
    labels = np.arange(400) % 2
    means = rng.normal(size=(400, 301))
    means[:, 7] += 2.0 * labels
    table = selectivity(means, labels, np.arange(400), ("one", "other")).set_index("channel")
    areas = table.sort_values("rank")["auc"]
    planted, best = float(areas.loc[7]), int(areas.index[0])
    noise = float(areas.drop(index=7).head(10).mean())
    true = 0.5 * (1 + erf(2.0 / np.sqrt(2) / np.sqrt(2)))
    passed = best == 7 and abs(planted - true) < 0.05 and abs(noise - 0.5) < 0.05
    return Found(f"channel {best} first, area {planted:.2f}; the ten best of noise {noise:.2f}", bool(passed))


def _field(module: nn.Module, name: str, side: int, stride: int) -> Found:
    module.eval()
    place = Layer(name, "module", 1.0, "NCHW", 0, 1, 1, 0, 0, "unknown")
    found = measure(module, [place], INPUT)[name]
    passed = (found.side, found.stride, found.status) == (side, stride, "exact")
    return Found(f"{found.side} pixels, stride {found.stride}, {found.status}", passed)


def _hsic(x: np.ndarray, y: np.ndarray) -> float:
    """Return HSIC_1 of linear kernels as its definition sums it, over all ordered quadruples of different images.

    Song et al. (JMLR 2012), equation 4: the mean of k_ij (l_ij + l_qr - 2 l_iq); sums over distinct indices are
    written out by taking the coinciding ones away.
    """
    k, kernel = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(kernel, 0)
    n = len(k)
    pairs = (k * kernel).sum()
    triples = (k @ kernel).sum() - pairs
    quadruples = k.sum() * kernel.sum() - 4 * triples - 2 * pairs
    return float(
        pairs / (n * (n - 1)) + quadruples / (n * (n - 1) * (n - 2) * (n - 3)) - 2 * triples / (n * (n - 1) * (n - 2))
    )
