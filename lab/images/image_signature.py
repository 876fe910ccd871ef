"""What an image looks like, small enough to compare thousands.

A signature is a 96 × 96 luma thumbnail, a 24 × 24 thumbnail of the two chroma channels and, for pictures without
coarse structure, a digest of the exact pixels. All are squashed to squares whatever the image's shape. Which images
are copies of each other is found from signatures alone (`groups`).
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

import numpy as np
from PIL import Image

SIDE: Final = 96
COLOUR_SIDE: Final = 24
FLAT: Final = 4.0  # gray levels: a thumbnail with a smaller standard deviation shows nothing to compare
SIGNATURE_VERSION: Final = 2  # raise it when the same pixels would give another signature
_LUMA_BYTES: Final = SIDE * SIDE
_SIGNATURE_BYTES: Final = _LUMA_BYTES + 2 * COLOUR_SIDE**2


@dataclass(frozen=True)
class ImageSignature:
    """Luma `(96, 96)` and chroma `(2, 24, 24)` thumbnails, uint8; `exact` is "" unless the picture is flat."""

    luma: np.ndarray
    colour: np.ndarray
    exact: str = ""

    def packed(self) -> bytes:
        """Return the signature as bytes for `unpacked`."""
        return self.luma.tobytes() + self.colour.tobytes() + bytes.fromhex(self.exact)

    @classmethod
    def unpacked(cls, packed: bytes) -> ImageSignature:
        """Return the signature that `packed` made these bytes from."""
        values = np.frombuffer(packed, np.uint8, _SIGNATURE_BYTES)
        luma, colour = values[:_LUMA_BYTES], values[_LUMA_BYTES:]
        exact = packed[_SIGNATURE_BYTES:].hex()
        return cls(luma.reshape(SIDE, SIDE), colour.reshape(2, COLOUR_SIDE, COLOUR_SIDE), exact)


class Look(Protocol):
    """A signature, in memory or on disk."""

    @property
    def luma(self) -> np.ndarray: ...
    @property
    def colour(self) -> np.ndarray: ...
    @property
    def exact(self) -> str: ...


@dataclass(frozen=True)
class Rows:
    """The `luma` or `colour` of the signatures at `positions`: those that it is indexed for are read, and stacked."""

    looks: Sequence[Look]
    positions: np.ndarray
    part: str

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, places: slice | np.ndarray) -> np.ndarray:
        return np.stack([getattr(self.looks[i], self.part) for i in self.positions[places]])


@dataclass(frozen=True)
class StoredLook:
    """A signature that lies on disk, the `number`th of its file."""

    file: LooksFile
    number: int
    exact: str

    @property
    def luma(self) -> np.ndarray:
        return ImageSignature.unpacked(self.file.read(self.number)).luma

    @property
    def colour(self) -> np.ndarray:
        return ImageSignature.unpacked(self.file.read(self.number)).colour


class LooksFile:
    """Signatures on disk for as long as somebody holds them, because those of many images would fill the memory."""

    def __init__(self, folder: Path) -> None:
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with this object
        except OSError:  # a cache that cannot be written to
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._count, self._lock = 0, threading.Lock()

    def add(self, look: ImageSignature) -> StoredLook:
        """Put a signature on disk."""
        with self._lock:
            self._file.seek(self._count * _SIGNATURE_BYTES)
            self._file.write(look.luma.tobytes() + look.colour.tobytes())
            self._count += 1
        return StoredLook(self, self._count - 1, look.exact)

    def read(self, number: int) -> bytes:
        """Return a signature without its digest, packed."""
        with self._lock:
            self._file.seek(number * _SIGNATURE_BYTES)
            return self._file.read(_SIGNATURE_BYTES)


def signature_of(pixels: np.ndarray, full: Callable[[], np.ndarray] | None = None) -> ImageSignature:
    """Return the signature of RGB `pixels`, uint8 `(H, W, 3)`; `full` gives the full pixels when these are
    reduced."""
    luma, *colours = Image.fromarray(pixels).convert("YCbCr").split()
    gray = np.asarray(luma.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    small = [c.resize((COLOUR_SIDE, COLOUR_SIDE), Image.Resampling.BILINEAR) for c in colours]
    exact = ""
    if halved(gray).std() < FLAT:
        exact = exact_digest(full() if full else pixels)
    return ImageSignature(gray, np.stack([np.asarray(colour) for colour in small]), exact)


def exact_digest(pixels: np.ndarray) -> str:
    """Return the hex SHA-256 of an image's size and pixels."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def halved(images: np.ndarray) -> np.ndarray:
    """Return images `(..., S, S)` at half the size, each pixel the mean of four, float32."""
    even, odd = images[..., ::2, :].astype(np.float32), images[..., 1::2, :].astype(np.float32)
    rows = even + odd
    return np.asarray((rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25))
