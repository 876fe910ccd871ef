"""What a visualization is made of: numbers that a search may change, and the images in 0..1 that they stand for.

    Fourier   a spectrum with every frequency as easy to change as any other      Lucid's default
    Phases    phases only, under the mean spectrum of natural images                Fel et al., "MaCo", NeurIPS 2023

Both work in colours that natural images leave uncorrelated, so that no search has to fight their correlation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from torch import Generator, Tensor

# Square root of the covariance of colours in ImageNet, in columns, scaled to a largest column norm of 1: Lucid's
# `optvis/param/color.py`
COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
COLOURS = COLOURS / np.linalg.norm(COLOURS, axis=0).max()
FIRST_DEVIATION = 0.01  # of a new spectrum; Lucid's `optvis/param/spatial.py`
DIMMED = 4.0  # Lucid divides the image before the sigmoid, so that it begins gray
DARKEST = 0.02  # pixels are kept this far from 0 and 1 before the logit, which is infinite there


class Parametrisation(Protocol):
    """Numbers to optimise, and what they look like."""

    parameters: Tensor

    def images(self) -> Tensor:
        """Return the images, `(N, 3, S, S)` in 0..1."""
        ...


@dataclass
class Fourier:
    """`parameters` `(N, 3, S, S // 2 + 1, 2)`: a spectrum whose frequencies are weighted by 1/f when drawn."""

    parameters: Tensor
    weighting: Tensor
    size: int

    @classmethod
    def begin(cls, generators: Sequence[Generator], size: int, spectrum: np.ndarray | None = None) -> Fourier:
        """Return new images, one per generator; `spectrum` is not used."""
        import torch

        shape = (3, size, size // 2 + 1, 2)
        drawn = [torch.randn(shape, generator=generator) * FIRST_DEVIATION for generator in generators]
        weighting = 1.0 / np.maximum(frequencies(size), 1.0 / size) * size
        return cls(torch.stack(drawn).requires_grad_(True), torch.tensor(weighting, dtype=torch.float32), size)

    def images(self) -> Tensor:
        """Return the images, `(N, 3, S, S)` in 0..1."""
        import torch

        spectrum = torch.view_as_complex(self.parameters) * self.weighting
        pixels = torch.fft.irfft2(spectrum, s=(self.size, self.size)) / DIMMED
        return torch.sigmoid(correlated(pixels))


@dataclass
class Phases:
    """`parameters` `(N, 3, S, S // 2 + 1)`: phases; `magnitude` `(3, S, S // 2 + 1)` is that of natural images."""

    parameters: Tensor
    magnitude: Tensor
    size: int

    @classmethod
    def begin(cls, generators: Sequence[Generator], size: int, spectrum: np.ndarray | None = None) -> Phases:
        """Return new images, one per generator, under `spectrum` (see `natural_spectrum`)."""
        import torch

        assert spectrum is not None, "phases need a spectrum"
        drawn = [(torch.rand(spectrum.shape, generator=generator) * 2 - 1) * torch.pi for generator in generators]
        magnitude = torch.tensor(spectrum, dtype=torch.float32)
        return cls(torch.stack(drawn).requires_grad_(True), magnitude, size)

    def images(self) -> Tensor:
        """Return the images, `(N, 3, S, S)` in 0..1."""
        import torch

        spectrum = torch.polar(self.magnitude.expand_as(self.parameters), self.parameters)
        return torch.sigmoid(correlated(torch.fft.irfft2(spectrum, s=(self.size, self.size))))


def natural_spectrum(pixels: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Return the mean magnitude of the spectra of images, `(3, size, size // 2 + 1)`, in decorrelated colours.

    `pixels` are uint8 `(H, W, 3)`; each is cut to its middle square and resized to `size`.
    """
    from PIL import Image

    back = np.linalg.inv(COLOURS)
    total = np.zeros((3, size, size // 2 + 1))
    for one in pixels:
        square = Image.fromarray(_middle_square(one)).resize((size, size), Image.Resampling.LANCZOS)
        shares = np.clip(np.asarray(square, dtype=np.float64) / 255, DARKEST, 1 - DARKEST)
        logits = np.log(shares / (1 - shares)) @ back.T
        total += np.abs(np.fft.rfft2(logits.transpose(2, 0, 1)))
    return total / max(1, len(pixels))


def frequencies(size: int) -> np.ndarray:
    """Return the frequency of each entry of a real spectrum, cycles per pixel, `(size, size // 2 + 1)`."""
    return np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])


def correlated(pixels: Tensor) -> Tensor:
    """Return images `(N, 3, S, S)` in decorrelated colours as red, green and blue, before the sigmoid."""
    import torch

    matrix = torch.tensor(COLOURS, dtype=pixels.dtype, device=pixels.device)
    return torch.einsum("nchw,dc->ndhw", pixels, matrix)


def _middle_square(pixels: np.ndarray) -> np.ndarray:
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


PARAMETRISATIONS: dict[str, type[Fourier] | type[Phases]] = {"fourier": Fourier, "phases": Phases}
