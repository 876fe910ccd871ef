"""Running a network up to a layer and no further: what comes after it is never computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lab.layers.outputs import tensor_of

if TYPE_CHECKING:
    from torch import Tensor, nn


def forward_to(module: nn.Module, layer: str, images: Tensor) -> Tensor:
    """Return what the module named `layer` puts out for `images`, ending the pass there; leaves no hook behind.

    Works on any network, since it needs to know nothing of its code.
    """
    return forward_through(module, [layer], images)[layer]


def forward_through(module: nn.Module, layers: Iterable[str], images: Tensor) -> dict[str, Tensor]:
    """Return what the modules named `layers` put out, by name, ending the pass with the last of them."""
    taken: dict[str, Tensor] = {}
    end_after(module, layers, images, lambda name, output: taken.update({name: tensor_of(output)}))
    return taken


def end_after(
    module: nn.Module,
    layers: Iterable[str],
    images: Tensor,
    see: Callable[[str, Any], None] = lambda name, output: None,
) -> None:
    """Run a network until the last of `layers` has put out something; `see` is told what each of them does."""
    waiting = set(layers)

    def seeing(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            see(name, output)
            waiting.discard(name)
            if not waiting:
                raise _Reached

        return hook

    handles = [module.get_submodule(name).register_forward_hook(seeing(name)) for name in tuple(waiting)]
    try:
        module(images)
    except _Reached:
        pass
    finally:
        for handle in handles:
            handle.remove()


class _Reached(BaseException):
    """The layer has put out its activation. No Exception, so that no network's own code takes it for an error."""
