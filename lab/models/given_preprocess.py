"""How a network of the user's own is given its images: settings, a function of a PIL image, or what can be guessed.

    as_preprocessing(preprocess, module)   what the user gave  -> Preprocessing
    input_for(image_set, index, how)       one image           -> what `normalised` makes a network's input of

A function (torchvision's, timm's or open_clip's transform, an image processor of transformers, any other) is used as
it is, one call at a time. It goes by a name made of what it makes of three fixed pictures, so that vectors in the
cache are never those of another function.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.errors import LabError, kind_of
from lab.images.types import ImageSet
from lab.models.preprocess import Preprocessing, pixels_for, preprocessing_of

if TYPE_CHECKING:
    import torch
    from torch import nn

# Sizes (height, width) of the pictures that a function is known by
PICTURES = ((240, 320), (320, 240), (256, 256))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
USUAL_SIDE = 224
# Below this side a network's images are shown whole: such networks are trained on thumbnails, not on crops
SMALLEST_CROP = 128

AS_GIVEN = "as given"  # in the place of a function's name: nothing is done to arrays from Python

_FUNCTIONS: dict[str, tuple[Callable[[Any], Any], threading.Lock]] = {}


def as_preprocessing(preprocess: Any, module: nn.Module) -> tuple[Preprocessing, tuple[str, ...]]:
    """Return how images become a network's input, and a sentence on it where it had to be guessed.

    Raises LabError for what is neither settings nor a function, for a function that is random or gives no image, and
    when the channels of the network leave nothing to guess.
    """
    if isinstance(preprocess, Preprocessing):
        if preprocess.function not in ("", AS_GIVEN, *_FUNCTIONS):
            raise LabError("these settings name a function of another process; give the function itself")
        if preprocess.channels not in (1, 3) and not preprocess.function:
            raise LabError(f"settings make 1 or 3 channels, not {preprocess.channels}; give preprocess a function")
        return preprocess, ()
    if preprocess is not None:
        return _of_function(preprocess), ()
    if getattr(module, "pretrained_cfg", None):
        return preprocessing_of(module), ()
    return _guessed(module)


def input_for(image_set: ImageSet, index: int, how: Preprocessing) -> torch.Tensor:
    """Return image `index` as `normalised` wants it: uint8 pixels, or what the user's function makes of it, float32.

    Raises LabError naming the image when it cannot be decoded, or comes out in another size than others.
    """
    if how.function == AS_GIVEN:
        return _as_given(image_set, index, how)
    if not how.function:
        return pixels_for(image_set, index, how)
    if how.function not in _FUNCTIONS:
        raise LabError("this network's preprocess was a function of another process; give the network again")
    function, lock = _FUNCTIONS[how.function]
    with lock:
        made = _called(function, image_set.pixels(index))
    if tuple(made.shape) != how.input_size:
        raise LabError(
            f"preprocess makes {tuple(made.shape)} of image {image_set.records[index].id!r} and {how.input_size} of "
            "others; let it resize and crop to one size"
        )
    return made


def as_given(shape: tuple[int, int, int]) -> Preprocessing:
    """Return the settings of images that are the network's input already, `(C, H, W)`."""
    channels, height, width = shape
    return Preprocessing(
        height, width, "bilinear", 1.0, "center", (0.0,) * channels, (1.0,) * channels, channels, AS_GIVEN
    )


def _as_given(image_set: ImageSet, index: int, how: Preprocessing) -> torch.Tensor:
    import torch

    if image_set.tensor_shape != how.input_size:
        what = f"arrays of shape {image_set.tensor_shape}" if image_set.tensor_shape else "pictures"
        raise LabError(
            f"this network was given for arrays of shape {how.input_size}, and the images of {image_set.spec} are "
            f"{what}; give the network with its preprocess"
        )
    return torch.from_numpy(image_set.tensor(index))


def _of_function(preprocess: Any) -> Preprocessing:
    if not callable(preprocess):
        raise LabError(
            f"preprocess is {kind_of(preprocess)}; give lab.Preprocessing(…) or a function of a PIL image that "
            "returns a tensor (channels, height, width)"
        )
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in PICTURES]
    made = [_called(preprocess, picture) for picture in pictures]
    again = [_called(preprocess, picture) for picture in pictures]
    if not all(one.shape == two.shape and bool((one == two).all()) for one, two in zip(made, again, strict=True)):
        raise LabError(
            "preprocess makes something else of the same image each time; give the transform of evaluation, without "
            "random crops or flips"
        )
    shapes = {tuple(one.shape) for one in made}
    if len(shapes) > 1:
        raise LabError(f"preprocess makes images of several sizes, {sorted(shapes)}; let it resize and crop to one")
    channels, height, width = shapes.pop()
    digest = hashlib.sha256(b"".join(one.contiguous().numpy().tobytes() for one in made)).hexdigest()[:16]
    _FUNCTIONS.setdefault(digest, (preprocess, threading.Lock()))
    zeros, ones = (0.0,) * channels, (1.0,) * channels
    return Preprocessing(height, width, "bilinear", 1.0, "center", zeros, ones, channels, digest)


def _called(function: Callable[[Any], Any], pixels: np.ndarray) -> torch.Tensor:
    """Return what a function makes of an RGB picture, float32 `(C, H, W)`."""
    from PIL import Image

    try:
        made = function(Image.fromarray(pixels))
    except LabError:
        raise
    except Exception as error:
        lines = str(error).splitlines() or [""]
        raise LabError(
            f"preprocess failed on an RGB image with {type(error).__name__}: {lines[0][:200]}; it is given a PIL image "
            "and returns a tensor (channels, height, width)"
        ) from error
    return _tensor(made)


def _tensor(made: Any) -> torch.Tensor:
    import torch

    if isinstance(made, Mapping) and "pixel_values" in made:  # an image processor of transformers
        made = made["pixel_values"]
    if isinstance(made, list) and len(made) == 1:
        made = made[0]
    if not isinstance(made, (torch.Tensor, np.ndarray)):
        raise LabError(
            f"preprocess returned {kind_of(made)}; it must return a tensor (channels, height, width), so end "
            "it with a step such as torchvision's ToTensor"
        )
    tensor = torch.as_tensor(made).detach().cpu().float()
    if tensor.dim() == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.dim() != 3 or not bool(tensor.isfinite().all()):
        raise LabError(
            f"preprocess returned a tensor of shape {tuple(tensor.shape)}"
            + ("; it must be (channels, height, width)" if tensor.dim() != 3 else " with NaN or infinity")
        )
    return tensor


def _guessed(module: nn.Module) -> tuple[Preprocessing, tuple[str, ...]]:
    """Return ImageNet's usual settings in the size and with the channels that a network says or seems to take."""
    from torch import nn

    config = getattr(module, "config", None)
    first = next((child for child in module.modules() if isinstance(child, nn.Conv2d)), None)
    channels = getattr(config, "num_channels", None) or getattr(first, "in_channels", 3)
    size = getattr(config, "image_size", None) or getattr(module, "image_size", None) or USUAL_SIDE
    height, width = size if isinstance(size, (tuple, list)) else (size, size)
    if channels not in (1, 3):
        raise LabError(
            f"this {type(module).__name__} takes {channels} channels, and an image has 3; give preprocess, a function "
            f"of a PIL image that returns a tensor ({channels}, height, width)"
        )
    mean, std = IMAGENET if channels == 3 else ((0.5,), (0.5,))
    crop = 0.875 if min(height, width) >= SMALLEST_CROP else 1.0
    how = Preprocessing(int(height), int(width), "bicubic", crop, "center", mean, std, channels)
    told = f"mean {', '.join(map(str, mean))}, std {', '.join(map(str, std))}"
    note = f"no preprocess was given, so images are made {height}×{width} pixels with {told}; give the network's own"
    return how, (note,)
