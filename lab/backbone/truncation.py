"""The network up to a layer as a module of its own: pixels in, embedding and class probabilities out.

What comes after the layer is never computed, and its weights are neither kept nor written.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lab.activations.partial_forward import forward_to
from lab.activations.pooling import pool
from lab.layers import Layer
from lab.layers.meter import Meter
from lab.layers.tracing import in_eval_mode
from lab.models.preprocess import Preprocessing


def scale_of(how: Preprocessing) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and spread that pixels are normalised with; a function of the user's own has done it already."""
    return ((0.0,) * how.channels, (1.0,) * how.channels) if how.function else (how.mean, how.std)


def weights_up_to(module: nn.Module, layer: Layer, size: tuple[int, int, int]) -> dict[str, Tensor]:
    """Return the tensors of a network that are read on the way to a layer, by their names in its state dict."""
    image = torch.zeros((1, *size))
    meter = Meter(module, image)
    with in_eval_mode(module), torch.no_grad(), meter:
        forward_to(module, layer.name, image)
    return {
        name: tensor.detach().clone().contiguous()
        for name, tensor in module.state_dict().items()
        if meter.has_read(tensor)
    }


def put_weights(module: nn.Module, weights: dict[str, Tensor]) -> None:
    """Give a network the weights of its first part, and free the memory of all other parameters."""
    module.load_state_dict(weights, strict=False)
    for name, parameter in module.named_parameters():
        if name not in weights:
            parameter.data = parameter.data.new_empty(0)


class ProbedBackbone(nn.Module):
    """Pixels `(N, C, H, W)` in 0..1 to probabilities `(N, K)` and embedding `(N, D)`."""

    mean: Tensor
    std: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        network: nn.Module,
        layer: Layer,
        pooling: str,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        weight: Tensor,
        bias: Tensor,
    ) -> None:
        super().__init__()
        self.network, self.layer, self.pooling = network, layer, pooling
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities and embedding."""
        activation = forward_to(self.network, self.layer.name, (pixels - self.mean) / self.std)
        embedding = pool(activation, self.layer, self.pooling)
        return torch.softmax(embedding @ self.weight.T + self.bias, dim=1), embedding
