"""What a network's sliding windows really do: every call of a convolution or a pooling, with what it was given.

`watch` intercepts the calls themselves, below all modules, so padding that a module adds by itself ("same" padding),
standardised weights and other subclasses' habits are seen as they happen. Left out: windows that are written with
`unfold`, and anything but two dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch.overrides import TorchFunctionMode

from lab.layers.tracing import in_eval_mode

if TYPE_CHECKING:
    from torch import Tensor, nn

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """How a window slides, height before width: `padding` is (top, left) as the call adds it, the same on each side.

    `ceil` rounds the number of windows up, as pooling may; `same` is torch's padding of that name, which puts an odd
    pixel at the end.
    """

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    ceil: bool = False
    same: bool = False


@dataclass(frozen=True)
class Call:
    """One call: of which module, "convolution", "max pooling" or "average pooling", how, and its tensors.

    `entered` is the size (H, W) at which the module's own input came in, before any padding of its own; (0, 0) where
    the call is one of several things a module does.
    """

    layer: str
    kind: str
    window: Window
    entered: Pair
    input: Tensor
    output: Tensor
    weight: Tensor | None = None
    bias: Tensor | None = None


@contextmanager
def watch(module: nn.Module, see: Callable[[Call], None]) -> Iterator[None]:
    """Within the block, hand every windowed call of `module`'s forward passes to `see`; the network is as before after.

    The tensors of a call are the network's own: whoever keeps them must copy them.
    """
    inside: list[tuple[str, Pair]] = []
    handles = []
    for name, child in module.named_modules():
        leaf = not any(child.children())  # what enters a larger module is not what enters a window within it
        handles.append(child.register_forward_pre_hook(_entering(inside, name, leaf)))
        handles.append(child.register_forward_hook(_leaving(inside)))
    try:
        with in_eval_mode(module), _Calls(inside, see):
            yield
    finally:
        for handle in handles:
            handle.remove()


class _Calls(TorchFunctionMode):
    def __init__(self, inside: list[tuple[str, Pair]], see: Callable[[Call], None]) -> None:
        super().__init__()
        self.inside, self.see = inside, see

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        read = READERS.get(getattr(func, "__name__", ""))
        image: Any = next(iter(args), None)
        if read is not None and getattr(image, "ndim", 0) == 4:
            kind, window, weight, bias = read(image, list(args[1:]), dict(kwargs or {}))
            layer, entered = self.inside[-1] if self.inside else ("", (0, 0))
            self.see(Call(layer, kind, window, entered, image, output, weight, bias))
        return output


def _entering(inside: list[tuple[str, Pair]], name: str, leaf: bool) -> Any:
    def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        shape: Any = getattr(next(iter(inputs), None), "shape", ())
        inside.append((name, (int(shape[-2]), int(shape[-1])) if leaf and len(shape) == 4 else (0, 0)))

    return hook


def _leaving(inside: list[tuple[str, Pair]]) -> Any:
    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        inside.pop()

    return hook


def _named(given: list[Any], named: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {**dict(zip(names, given, strict=False)), **named}


def _pair(value: Any) -> Pair:
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return (int(values[0]), int(values[-1]))


def _convolution(image: Tensor, given: list[Any], named: dict[str, Any]) -> Any:
    names = ("weight", "bias", "stride", "padding", "dilation", "groups")
    values = _named(given, named, names)
    weight = values["weight"]
    kernel, dilation = _pair(tuple(weight.shape[-2:])), _pair(values.get("dilation", 1))
    padding = values.get("padding", 0)
    same = padding == "same"
    if isinstance(padding, str):
        # torch pads "same" by (k-1)·d in all, the odd pixel at the end: the front gets half, rounded down
        reach = [d * (k - 1) // 2 if same else 0 for k, d in zip(kernel, dilation, strict=True)]
        padding = tuple(reach)
    stride, groups = _pair(values.get("stride", 1)), int(values.get("groups", 1))
    window = Window(kernel, stride, _pair(padding), dilation, groups, same=same)
    return "convolution", window, weight, values.get("bias")


def _pooling(kind: str, names: tuple[str, ...]) -> Any:
    def read(image: Tensor, given: list[Any], named: dict[str, Any]) -> Any:
        values = _named(given, named, names)
        kernel = _pair(values["kernel_size"])
        stride = values.get("stride")
        window = Window(
            kernel,
            _pair(stride) if stride not in (None, [], ()) else kernel,
            _pair(values.get("padding", 0)),
            _pair(values.get("dilation", 1)),
            ceil=bool(values.get("ceil_mode", False)),
        )
        return kind, window, None, None

    return read


_MAX = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
_AVERAGE = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
READERS: dict[str, Callable[[Any, list[Any], dict[str, Any]], Any]] = {
    "conv2d": _convolution,
    "max_pool2d": _pooling("max pooling", _MAX),
    "boolean_dispatch": _pooling("max pooling", _MAX),
    "avg_pool2d": _pooling("average pooling", _AVERAGE),
}
