"""What a network costs up to each layer: floating-point operations, parameters and memory of one forward pass.

Counted while the network runs on one image, operator by operator, so that nothing needs to be known about it:

    flops       convolutions, matrix products and attention; a multiplication and its addition are two, as in
                torch's own counter (`torch.utils.flop_counter`), so twice the "MACs" of many tables
    parameters  those that some operator has read by then, each once, however often it is read
    peak_bytes  the most memory that tensors made on the way, the image among them, hold at one time

Operators run in the network's own order. What a parallel branch has computed by then counts too: stopping the
network at a layer saves exactly what comes after.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lab.layers.tracing import in_eval_mode
from lab.layers.types import Cost

if TYPE_CHECKING:
    from torch import Tensor, nn


def costs(module: nn.Module, input_size: tuple[int, int, int]) -> tuple[dict[str, Cost], Cost]:
    """Return the cost up to the end of each module's last call, by name, and that of the whole network.

    Runs the network once on an image of `input_size` (C, H, W); leaves it as it was.
    """
    import torch

    from lab.layers.meter import Meter

    first = next(module.parameters(), torch.zeros(()))
    noise = torch.rand((1, *input_size), generator=torch.Generator().manual_seed(0)).to(first.device, first.dtype)
    meter = Meter(module, noise)
    with _read_at_each_end(module, meter) as found, in_eval_mode(module), torch.no_grad(), meter:
        module(noise)
    return found, meter.cost()


@contextmanager
def _read_at_each_end(module: nn.Module, meter: Any) -> Iterator[dict[str, Cost]]:
    found: dict[str, Cost] = {}
    handles = []

    def read(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            found[name] = meter.cost()

        return hook

    try:
        for name, child in module.named_modules():
            if name:
                handles.append(child.register_forward_hook(read(name)))
        yield found
    finally:
        for handle in handles:
            handle.remove()
