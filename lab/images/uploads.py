"""Uploads under the lab's home folder, named by their content: zips of images, never unpacked, and pictures.

    upload:3f2a…            how requests, links and reports name one: the first 32 digits of its SHA-256
    uploads/3f2a…/pets.zip  where it lies, under the name it first came with
    uploads/.incoming/      files on their way, each under a random name; those of lost connections go after a day

The name means the same wherever the same file was uploaded, and no path is in it. What a dashboard receives goes to
`.incoming` as it comes; the page that asked for it is handed a `Receipt`, a few bytes that stand for the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lab.errors import LabError
from lab.images.decode import DecodeError, decode
from lab.images.limits import MAX_BYTES
from lab.settings import home

UPLOAD_PREFIX = "upload:"
MAX_NAME = 60
PICTURES = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff")
INCOMING_SECONDS = 24 * 3600
_RECEIPT = b"feature-lab upload "
_NAME_BYTES = 16


def uploads_dir() -> Path:
    """Return the folder that keeps uploads, one folder per content."""
    return home() / "uploads"


def keep_upload(name: str, file: BinaryIO) -> str:
    """Return the spec under which the zip in `file` (or behind its receipt) is kept.

    Raises LabError when it is not a zip; nothing is kept then.
    """
    with received_file(file) as path:
        if not zipfile.is_zipfile(path):
            raise LabError(f"{name} is not a zip file; pack a folder that holds one subfolder per class")
        return _store(name, path, ".zip")


def keep_picture(name: str, file: BinaryIO) -> str:
    """Return the spec under which the picture in `file` (or behind its receipt) is kept.

    Raises LabError when it is no picture; nothing is kept then.
    """
    with received_file(file) as path:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise LabError(f"{name} has {size / 1e6:.0f} MB; a picture may have {MAX_BYTES / 1e6:.0f} MB")
        try:
            decode(path.read_bytes())
        except DecodeError as error:
            raise LabError(f"{name} cannot be read as an image: {error}") from error
        suffix = Path(name).suffix.lower()
        return _store(name, path, suffix if suffix[1:] in PICTURES else "")


def is_upload(spec: str) -> bool:
    """Return whether a spec names an upload."""
    return spec.startswith(UPLOAD_PREFIX)


def uploaded_file(spec: str) -> Path:
    """Return the file that `upload:…` names; raises LabError when that content was never uploaded here."""
    digest = spec.removeprefix(UPLOAD_PREFIX).partition("?")[0]  # behind the mark: columns of its table
    kept = _kept_in(uploads_dir() / digest) if re.fullmatch("[0-9a-f]{16,64}", digest) else None
    if kept is None:
        raise LabError(f"{spec} was not uploaded to this computer; upload the same file here, and this works")
    return kept


def upload_name(spec: str) -> str:
    """Return the name an upload first came with, or its spec when it is not here."""
    try:
        return uploaded_file(spec).name
    except LabError:
        return spec


def named_by_content(path: str) -> str:
    """Return the spec of a file that is kept as an upload, any other path as it is."""
    folder = Path(os.path.abspath(path)).parent
    kept = folder.parent == Path(os.path.abspath(uploads_dir())) and re.fullmatch("[0-9a-f]{16,64}", folder.name)
    return f"{UPLOAD_PREFIX}{folder.name}" if kept else path


def incoming_file() -> Path:
    """Return a new place for a file on its way; what earlier connections left behind a day ago is removed."""
    folder = uploads_dir() / ".incoming"
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > INCOMING_SECONDS:
                left.unlink()
    return folder / secrets.token_hex(_NAME_BYTES)


def receipt(path: Path) -> bytes:
    """Return the few bytes that stand for an incoming file."""
    return _RECEIPT + path.name.encode()


@contextlib.contextmanager
def received_file(file: BinaryIO) -> Iterator[Path]:
    """Give the path of what is uploaded: behind its receipt, or written from `file`; it is gone afterwards."""
    file.seek(0)
    start = file.read(len(_RECEIPT) + 2 * _NAME_BYTES + 1)
    file.seek(0)
    path = incoming_file()
    named = start.removeprefix(_RECEIPT).decode("ascii", "replace")
    if start.startswith(_RECEIPT) and re.fullmatch(f"[0-9a-f]{{{2 * _NAME_BYTES}}}", named):
        path = path.with_name(named)
        if not path.is_file():
            raise LabError("this upload is no longer here; choose the file again")
    else:
        with path.open("xb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _store(name: str, path: Path, suffix: str) -> str:
    """Move a file to the folder named by its content; the same content is kept once, under its first name."""
    with path.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[: 2 * _NAME_BYTES]
        os.fsync(file.fileno())
    folder = uploads_dir() / digest
    if _kept_in(folder) is None:
        folder.mkdir(parents=True, exist_ok=True)
        os.replace(path, folder / f"{_safe_stem(name)}{suffix}")
    return f"{UPLOAD_PREFIX}{digest}"


def _kept_in(folder: Path) -> Path | None:
    found = sorted(path for path in folder.glob("*") if not path.name.startswith("."))
    return found[0] if found else None


def _safe_stem(name: str) -> str:
    """Return a file name without anything that means something to a file system or a shell."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name.replace("\\", "/")).stem).strip("._-")
    return stem[:MAX_NAME] or "images"
