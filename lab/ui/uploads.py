"""Keep uploads under the lab's home folder, named by their content: zips of images, never unpacked, and pictures."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path
from typing import BinaryIO

from lab.errors import LabError
from lab.files import write_bytes
from lab.images.decode import DecodeError, decode
from lab.settings import home

MAX_NAME = 60
PICTURES = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff")


def uploads_dir() -> Path:
    """Return the folder that keeps uploads, one folder per content."""
    return home() / "uploads"


def keep_upload(name: str, file: BinaryIO) -> Path:
    """Return the path at which the zip in `file` is kept; raises LabError when it is not a zip."""
    if not zipfile.is_zipfile(file):
        raise LabError(f"{name} is not a zip file; pack a folder that holds one subfolder per class")
    file.seek(0)
    return _store(name, file.read(), ".zip")


def keep_picture(name: str, file: BinaryIO) -> Path:
    """Return the path at which the picture in `file` is kept; raises LabError when it is no picture."""
    data = file.read()
    try:
        decode(data)
    except DecodeError as error:
        raise LabError(f"{name} cannot be read as an image: {error}") from error
    suffix = Path(name).suffix.lower()
    return _store(name, data, suffix if suffix[1:] in PICTURES else "")


def _store(name: str, data: bytes, suffix: str) -> Path:
    """Keep `data` in a folder named by its content; the same content is kept once, under its first name."""
    folder = uploads_dir() / hashlib.sha256(data).hexdigest()[:16]
    kept = [path for path in sorted(folder.glob("*")) if not path.name.startswith(".")]
    if kept:
        return kept[0]
    path = folder / f"{_safe_stem(name)}{suffix}"
    write_bytes(path, data)
    return path


def _safe_stem(name: str) -> str:
    """Return a file name without anything that means something to a file system or a shell."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name.replace("\\", "/")).stem).strip("._-")
    return stem[:MAX_NAME] or "images"
