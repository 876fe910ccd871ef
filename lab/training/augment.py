"""Random changes of a batch of images during training: mirrored, shifted and scaled, brighter or paler.

Drawn from torch's default generator, which the loop seeds at every step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SHIFT = 0.1  # of the image's side, each way
SCALE = 0.15  # smaller or larger by so much
BRIGHTNESS = 0.15  # of the range of the pixels
CONTRAST = 0.25


def augmented(images: Tensor, strength: float = 1.0) -> Tensor:
    """Return float32 images `(N, 3, H, W)` in 0..1, each changed by its own random numbers.

    Mirrored every other time, and all else times `strength`: at 0 they are mirrored only. Places beyond the border
    show what is inside it, mirrored.
    """
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    count = len(images)
    mirror = torch.randint(0, 2, (count,)).float() * 2 - 1
    if not strength:
        return torch.where(mirror.view(-1, 1, 1, 1) < 0, images.flip(3), images)
    scale = 1 + strength * SCALE * (torch.rand(count) * 2 - 1)
    shift = strength * 2 * SHIFT * (torch.rand(count, 2) * 2 - 1)
    place = torch.zeros(count, 2, 3)
    place[:, 0, 0], place[:, 1, 1], place[:, :, 2] = scale * mirror, scale, shift
    grid = affine_grid(place, list(images.shape), align_corners=False)
    moved = grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    contrast = 1 + strength * CONTRAST * (torch.rand(count, 1, 1, 1) * 2 - 1)
    brightness = strength * BRIGHTNESS * (torch.rand(count, 1, 1, 1) * 2 - 1)
    return ((moved - 0.5) * contrast + 0.5 + brightness).clamp_(0, 1)
