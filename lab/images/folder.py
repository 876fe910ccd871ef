"""A folder on disk as a tree of files. Links that lead out of it are not followed, special files are not opened."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.images.endings import HEAD_BYTES, READ_SUFFIXES, should_be_image, suffix, unread_format
from lab.images.layout import MAX_DEPTH, MAX_FILES, TOO_DEEP, Entry, Parts, Tree, Unreadable, is_junk
from lab.images.limits import MAX_BYTES
from lab.images.table_file import is_metadata_name

# A file changed this recently could change again within the resolution of its times.
_SETTLED_NANOSECONDS = 2_000_000_000


@dataclass(frozen=True)
class _Found:
    parts: Parts
    path: str
    is_folder: bool
    is_link: bool
    status: os.stat_result


def read_folder(path: Path) -> Tree:
    """Return the files and folders below `path`, less junk; raise LabError when a folder cannot be listed."""
    root = os.path.realpath(path)
    entries: list[Entry] = []
    aside: list[Entry] = []
    others: list[Parts] = []
    tables: list[Entry] = []
    folders: set[Parts] = set()
    for found in _walk(root, str(path)):
        if found.is_folder and not found.is_link:
            folders.add(found.parts)
            if len(found.parts) > MAX_DEPTH:
                aside.append(_entry(found, TOO_DEEP))
            continue
        problem = _problem(found, root)
        head = b"" if problem or suffix(found.parts[-1]) in READ_SUFFIXES else _head(found.path)
        if found.is_folder:
            aside.append(_entry(found, problem))
        elif should_be_image(found.parts[-1], head):
            entries.append(_entry(found, problem or unread_format(found.parts[-1], head)))
        elif is_metadata_name(found.parts[-1]) and not problem:
            tables.append(_entry(found, problem))
        else:
            others.append(found.parts)
    return Tree(str(path), tuple(entries), frozenset(folders), tuple(others), tuple(aside), tuple(tables))


def folder_stamp(path: Path) -> str:
    """Return a text that changes when a file below `path` is added, removed, renamed, resized or written."""
    lines = sorted(
        b"%s\0%d\0%d" % (os.fsencode("/".join(f.parts)), f.status.st_size, f.status.st_mtime_ns)
        for f in _walk(os.path.realpath(path), str(path))
        if not f.is_folder
    )
    return "folder:" + hashlib.sha256(b"\n".join(lines)).hexdigest()


def file_version(path: str, status: os.stat_result) -> str:
    """Return a text that is the same only while the file is unchanged, or "" when it changed a moment ago."""
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _SETTLED_NANOSECONDS:
        return ""
    return "\0".join(map(str, (path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)))


def _walk(root: str, where: str) -> Iterator[_Found]:
    """Yield every file and folder below `root` that is not junk, without following links to folders."""
    pending: list[tuple[str, Parts]] = [(root, ())]
    count = 0
    while pending:
        folder, parts = pending.pop()
        for item in _listed(folder):
            if is_junk(item.name):
                continue
            count += 1
            if count > MAX_FILES:
                raise LabError(f"{where} holds more than {MAX_FILES:,} files; choose a folder with fewer")
            found = _found(item, (*parts, item.name))
            if found.is_folder and not found.is_link and len(found.parts) <= MAX_DEPTH:
                pending.append((item.path, found.parts))
            yield found


def _listed(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return list(items)
    except OSError as error:
        raise LabError(
            f"The folder {folder} cannot be read ({_why(error)}); allow reading it or move it away"
        ) from error


def _found(item: os.DirEntry[str], parts: Parts) -> _Found:
    is_link = item.is_symlink()
    try:
        status = item.stat()
    except OSError:  # a link to nothing, or a file that went away meanwhile
        status = item.stat(follow_symlinks=False) if os.path.lexists(item.path) else os.stat_result([0] * 10)
    return _Found(parts, item.path, stat.S_ISDIR(status.st_mode), is_link, status)


def _entry(found: _Found, problem: str) -> Entry:
    version = "" if found.is_link else file_version(found.path, found.status)
    return Entry(found.parts, FileReader(found.path), version, problem)


def _head(path: str) -> bytes:
    """Return a file's first bytes, none when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def _problem(found: _Found, root: str) -> str:
    """Return why a file must not be opened, or ""."""
    if found.is_link:
        target = os.path.realpath(found.path)
        if found.is_folder:
            return "a link to a folder, which is not followed"
        if not Path(target).is_relative_to(root):
            return "a link to a file outside the folder"
        if not os.path.exists(target):
            return "a link to a file that is not there"
    return file_problem(found.status)


def file_problem(status: os.stat_result) -> str:
    """Return why a file that is there must not be opened, or ""."""
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if not status.st_size:
        return "empty file"
    if status.st_size > MAX_BYTES:
        return f"too large: {status.st_size / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are read"
    return ""


@dataclass(frozen=True)
class FileReader:
    """Reads one file on disk; raises `Unreadable` with the reason."""

    path: str

    def __call__(self) -> bytes:
        try:
            with open(self.path, "rb") as file:
                return file.read(MAX_BYTES + 1)
        except OSError as error:
            raise Unreadable(f"cannot be read ({_why(error)})") from error


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
