"""Running a network up to a layer and no further: what comes after it is never computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def forward_to(module: nn.Module, layer: str, images: Tensor) -> Tensor:
    """Return what the module named `layer` puts out for `images`, ending the pass there; leaves no hook behind.

    Works on any network, since it needs to know nothing of its code.
    """
    taken: list[Tensor] = []

    def stop(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        taken.append(output)
        raise _Reached

    handle = module.get_submodule(layer).register_forward_hook(stop)
    try:
        module(images)
    except _Reached:
        pass
    finally:
        handle.remove()
    return taken[0]


class _Reached(BaseException):
    """The layer has put out its activation. No Exception, so that no network's own code takes it for an error."""
