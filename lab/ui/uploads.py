"""Keep an uploaded zip of images under the lab's home folder, named by its content; it is never unpacked."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path
from typing import BinaryIO

from lab.errors import LabError
from lab.files import write_bytes
from lab.settings import home

MAX_NAME = 60


def uploads_dir() -> Path:
    """Return the folder that keeps uploads, one folder per content."""
    return home() / "uploads"


def keep_upload(name: str, file: BinaryIO) -> Path:
    """Return the path at which the zip in `file` is kept; the same content is kept once, under its first name.

    Raises LabError when it is not a zip.
    """
    data = file.read()
    folder = uploads_dir() / hashlib.sha256(data).hexdigest()[:16]
    kept = sorted(folder.glob("*.zip"))
    if kept:
        return kept[0]
    file.seek(0)
    if not zipfile.is_zipfile(file):
        raise LabError(f"{name} is not a zip file; pack a folder that holds one subfolder per class")
    path = folder / f"{_safe_stem(name)}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
    return path


def _safe_stem(name: str) -> str:
    """Return a file name without anything that means something to a file system or a shell."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name.replace("\\", "/")).stem).strip("._-")
    return stem[:MAX_NAME] or "images"
