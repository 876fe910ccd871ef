"""Writing files so that a reader, or a kill -9, never meets half of one.

A file is written beside its place under a temporary name, flushed to disk, then put there by renaming it, and the
folder is flushed too. What a killed writer leaves is a temporary file that holds its process's number: `sweep`
removes those whose process is gone.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from lab.errors import LabError
from lab.shortages import NO_ROOM, disk_full

TEMPORARY = re.compile(r"\..+\.(\d+)-[0-9a-f]{8}")


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Put `content` at `path` at once; raises DiskFull when there is no room for it.

    What is not `durable` may be lost when the machine loses power, but is as whole.
    """
    with replacing(path, durable=durable) as file:
        file.write(content)


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Give a file that takes the place of `path` when the block ends well, flushed to disk, and is removed otherwise.

    It may be read by whom the user's umask lets read new files: exports are there to be handed on. Raises DiskFull
    when there is no room.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if durable:
            sync_folder(path.parent)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise disk_full(OSError(error.errno, error.strerror, str(path))) from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Put `value` at `path` as strict JSON (no NaN), at once; raises DiskFull when there is no room for it."""
    write_bytes(path, json.dumps(value, indent=1, allow_nan=False).encode(), durable=durable)


def read_json(path: Path) -> Any:
    """Return the JSON value at `path`, or None when there is no such file.

    Raises LabError when the file is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError, IsADirectoryError) as error:
        raise LabError(f"{path} cannot be read ({error}); delete its folder and run it again") from error


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk, so that a file that was renamed into it is there after a loss of power."""
    if os.name != "posix":  # elsewhere folders cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems cannot
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path, *, deep: bool = False) -> int:
    """Remove the temporary files of writers that are gone from a folder (`deep`: and those below it); return bytes."""
    import psutil

    freed = 0
    for path in folder.rglob(".*") if deep else folder.glob(".*"):
        match = TEMPORARY.fullmatch(path.name)
        if match is None or psutil.pid_exists(int(match[1])):
            continue
        with suppress(OSError):
            size = path.lstat().st_size
            path.unlink()
            freed += size
    return freed
