"""From an image to what a network wants: `Preprocessing` says how (timm's own data config), two functions do it.

    pixels_for(image_set, index, how) -> uint8 (3, h, w)      resized and cropped, in worker threads
    normalised(batch, how)            -> float32 (N, 3, h, w)  on the network's device

A plain JPEG is decoded by torchvision straight into a tensor; anything else comes from Pillow. Both are resized by
torch's 8-bit antialiased filter, within 0.02 of a pixel unit of timm's own Pillow transform and three times as
fast. What that filter lacks (other interpolations, borders, unequal sides) goes through timm's transform itself.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.errors import LabError
from lab.images.types import ImageSet

if TYPE_CHECKING:
    import torch
    from torch import nn

# Raise when the same image and settings give other pixels.
PREPROCESSING_VERSION = 1
FAST_INTERPOLATIONS = ("bilinear", "bicubic")
# Beyond this ratio of sides an image is cut to it around its centre first: the crop never looks further out.
LONGEST_RATIO = 8


@dataclass(frozen=True)
class Preprocessing:
    """A network's input: size in pixels, how an image is resized and cropped to it, and the normalisation.

    `channels` 1 is gray. `function` names a function of the user's own that does all of it
    (`lab.models.given_preprocess`), which the other settings then say nothing of.
    """

    height: int
    width: int
    interpolation: str
    crop_pct: float
    crop_mode: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: int = 3
    function: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-able values; what only networks of the user's own have, only where they do."""
        values = asdict(self)
        if self.channels == 3 and not self.function:
            del values["channels"], values["function"]
        return values

    @property
    def input_size(self) -> tuple[int, int, int]:
        """Channels, height and width of one input."""
        return self.channels, self.height, self.width

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preprocessing:
        """Return the settings that `as_dict` described."""
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})

    def check_pixels(self) -> None:
        """Raise LabError where a function of the user's own takes the place of the pixels that a network sees."""
        if self.function:
            raise LabError(
                "this question shows the pixels that a network sees, and they are made by a function; give the network "
                "preprocess=lab.Preprocessing(…) instead, or probe it"
            )

    def side(self) -> int:
        """Return the side of an input in pixels; raises LabError for a network whose input is not square."""
        if self.height != self.width:
            raise LabError(
                f"images are optimised for networks that take square ones, and this one takes {self.height} × "
                f"{self.width}; look at its exemplar patches instead"
            )
        return self.height

    @property
    def fast(self) -> bool:
        """Whether torch's 8-bit filter can do it."""
        return (
            self.interpolation in FAST_INTERPOLATIONS
            and self.crop_mode in ("center", "squash")
            and self.height == self.width
            and self.crop_pct <= 1
        )


def preprocessing_of(module: nn.Module) -> Preprocessing:
    """Return the preprocessing in a timm model's own data config.

    Raises LabError for a network that does not take three colour channels.
    """
    import timm.data

    config = timm.data.resolve_model_data_config(module)
    _, height, width = config["input_size"]
    channels = _channels(module, int(config["input_size"][0]))
    if channels != 3:
        raise LabError(
            f"this network takes {channels} channel{'s' if channels != 1 else ''}, the lab's images have 3 (RGB); "
            "pick another network"
        )
    return Preprocessing(
        height=int(height),
        width=int(width),
        interpolation=str(config["interpolation"]),
        crop_pct=float(config["crop_pct"]),
        crop_mode=str(config["crop_mode"] or "center"),
        mean=tuple(float(value) for value in config["mean"]),
        std=tuple(float(value) for value in config["std"]),
    )


def _channels(module: nn.Module, announced: int) -> int:
    """Return the channels that a network's first convolution takes; what it announces where that is not known."""
    name = (getattr(module, "pretrained_cfg", None) or {}).get("first_conv")
    first = dict(module.named_modules()).get(name) if isinstance(name, str) else None
    return int(getattr(first, "in_channels", announced))


def pixels_for(image_set: ImageSet, index: int, how: Preprocessing) -> torch.Tensor:
    """Return image `index` resized and cropped, uint8, shape `(C, height, width)`. Safe to call from several threads.

    Raises LabError naming the image when it cannot be decoded, and where a function of the user's own takes the place
    of pixels.
    """
    how.check_pixels()
    try:
        seen = _fast(decoded(image_set, index), how) if how.fast else _by_timm(image_set.pixels(index), how)
        return seen if how.channels == 3 else _gray(seen)
    except LabError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        name = image_set.records[index].id
        raise LabError(
            f"image {name!r} of {image_set.spec} cannot be decoded any more ({error}); restore or remove it"
        ) from error


def normalised(batch: torch.Tensor, how: Preprocessing) -> torch.Tensor:
    """Return uint8 pixels `(N, C, H, W)` as float32, normalised as the network wants, on the same device.

    What a function of the user's own made is normalised already.
    """
    import torch

    if how.function:
        return batch.float()
    mean = torch.tensor(how.mean, device=batch.device).view(1, -1, 1, 1) * 255
    std = torch.tensor(how.std, device=batch.device).view(1, -1, 1, 1) * 255
    return batch.float().sub_(mean).div_(std)


def _gray(pixels: torch.Tensor) -> torch.Tensor:
    """Return RGB `(3, H, W)` as one channel of brightness, uint8 (ITU-R 601, as Pillow's mode L)."""
    import torch

    red, green, blue = pixels.float()
    return (0.299 * red + 0.587 * green + 0.114 * blue).round().to(torch.uint8)[None]


def decoded(image_set: ImageSet, index: int) -> torch.Tensor:
    """Return image `index` at its own size, uint8, shape `(3, H, W)`."""
    import torch

    decode = _jpeg_decoder()
    encoded = image_set.plain_jpeg(index) if decode else None
    if decode is None or encoded is None:
        return torch.from_numpy(np.array(image_set.pixels(index))).permute(2, 0, 1)
    return decode(torch.frombuffer(bytearray(encoded), dtype=torch.uint8))


@functools.cache
def _jpeg_decoder() -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Return torchvision's decoder of JPEG bytes to RGB, None when the installed one has none.

    The operator itself is used, as the function around it warns at every call that it will move to another package.
    """
    import torch
    import torchvision.io

    rgb = 3  # torchvision.io.ImageReadMode.RGB
    operator = getattr(torch.ops.image, "decode_jpeg", None) if hasattr(torchvision.io, "decode_jpeg") else None
    return None if operator is None else lambda encoded: operator(encoded, rgb, False)


def _fast(image: torch.Tensor, how: Preprocessing) -> torch.Tensor:
    from torch.nn.functional import interpolate

    scaled = math.floor(how.height / how.crop_pct)
    image = image if how.crop_mode == "squash" else _not_too_long(image)
    height, width = image.shape[-2:]
    if how.crop_mode == "squash":
        size = (scaled, scaled)
    else:  # the shorter side becomes `scaled`, rounded as torchvision's Resize does
        short, long = min(height, width), max(height, width)
        longer = int(scaled * long / short)
        size = (longer, scaled) if width <= height else (scaled, longer)
    if size != (height, width):
        image = interpolate(image[None], size, mode=how.interpolation, antialias=True)[0]
    return _centre(image, how.height, how.width).contiguous()


def _centre(image: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return the middle of an image, rounded as torchvision's CenterCrop does."""
    top = round((image.shape[-2] - height) / 2.0)
    left = round((image.shape[-1] - width) / 2.0)
    return image[:, top : top + height, left : left + width]


def _not_too_long(image: torch.Tensor) -> torch.Tensor:
    height, width = image.shape[-2:]
    longest = LONGEST_RATIO * min(height, width)
    return _centre(image, min(height, longest), min(width, longest)) if max(height, width) > longest else image


def _by_timm(pixels: np.ndarray, how: Preprocessing) -> torch.Tensor:
    import torch
    from PIL import Image

    array = _timm_transform(how)(Image.fromarray(pixels))
    return torch.as_tensor(array)


@functools.lru_cache(maxsize=8)
def _timm_transform(how: Preprocessing) -> Any:
    from timm.data.transforms_factory import transforms_imagenet_eval

    return transforms_imagenet_eval(
        img_size=(how.height, how.width),
        crop_pct=how.crop_pct,
        crop_mode=how.crop_mode,
        interpolation=how.interpolation,
        mean=how.mean,
        std=how.std,
        use_prefetcher=True,  # stop at 8-bit pixels; `normalised` does the rest
    )
