"""From a tree of files to classes: one folder per class, in a folder on disk or inside a zip.

Junk that computers leave about is ignored, and so is what is not named like an image. A single folder
around the class folders is stepped into. Image-named files that cannot be used are set aside with a reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from lab.errors import LabError, nearest
from lab.images.types import Quarantined

# fmt: off
READ_SUFFIXES: Final = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff",
})
OTHER_SUFFIXES: Final = frozenset({
    ".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".psd", ".ico", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf",
    ".orf", ".rw2", ".exr", ".hdr",
})
# fmt: on
JUNK: Final = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found"})
SPLITS: Final = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
MAX_FILES: Final = 200_000

Parts = tuple[str, ...]


class Unreadable(LabError):
    """A file whose bytes cannot be had; the message is a reason of a few words."""


@dataclass(frozen=True)
class Entry:
    """A file of a tree: its path as parts, how to read its bytes, and a text that changes when the file does
    ("" when that cannot be told). A `problem` says why it must not be read."""

    parts: Parts
    read: Callable[[], bytes] = field(repr=False)
    version: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Tree:
    """Below one place, all files named like images, all links to folders (as entries with a problem) and all folders;
    `where` is what the user calls the place."""

    where: str
    entries: tuple[Entry, ...]
    folders: frozenset[Parts]


@dataclass(frozen=True)
class Member:
    """A file that should be an image of a class: `id` is its path in the set, printable and unique."""

    id: str
    label: int
    version: str
    read: Callable[[], bytes] = field(repr=False)


@dataclass(frozen=True)
class Layout:
    """The classes of a tree, the files that should be their images, and the files set aside already."""

    classes: tuple[str, ...]
    members: tuple[Member, ...]
    quarantined: tuple[Quarantined, ...]


def is_junk(name: str) -> bool:
    """Tell whether a file or folder of this name is left about by a computer rather than put there by a
    person."""
    return name.startswith(".") or name.casefold() in JUNK


def suffix(name: str) -> str:
    """Return a file name's ending in small letters, with its dot."""
    dot = name.rfind(".")
    return name[dot:].casefold() if dot > 0 else ""


def is_image_name(name: str) -> bool:
    """Tell whether a file of this name should be an image, readable here or not."""
    return suffix(name) in READ_SUFFIXES | OTHER_SUFFIXES


def arrange(tree: Tree, wanted: Sequence[str] = ()) -> Layout:
    """Return the classes of `tree` (those `wanted`, in that order, or all by name) and their files.

    Raises LabError when there are not at least two classes with files named like images.
    """
    images = [entry for entry in tree.entries if is_image_name(entry.parts[-1])]
    prefix = _wrapping(images, tree)
    images = [e for e in images if e.parts[: len(prefix)] == prefix]
    names = {e.parts[len(prefix)] for e in images if len(e.parts) > len(prefix) + 1}
    names |= {f[len(prefix)] for f in tree.folders if len(f) > len(prefix) and f[: len(prefix)] == prefix}
    where = "/".join((tree.where, *prefix))
    _check_folders(names, images, prefix, where)
    classes = select_classes(sorted(names), wanted, where)
    links = [e for e in tree.entries if not is_image_name(e.parts[-1]) and e.parts[: len(prefix)] == prefix]
    return _layout([*images, *links], classes, len(prefix), where)


def select_classes(found: Sequence[str], wanted: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the classes to use: all that were found, or those wanted in the order they were asked for.

    Raises LabError when a wanted class is not there or fewer than two remain.
    """
    by_name = {unicodedata.normalize("NFC", name): name for name in found} | {name: name for name in found}
    classes = []
    for name in dict.fromkeys(wanted):
        actual = by_name.get(name) or by_name.get(unicodedata.normalize("NFC", name))
        if actual is None:
            raise LabError(f"{where} has no class {name!r}{nearest(name, found) or _some(found)}")
        classes.append(actual)
    classes = classes or list(found)
    if len(classes) < 2:
        only = f"only the class {classes[0]!r}" if classes else "no classes"
        raise LabError(f"{where}: {only} to work with; at least two are needed, one folder of images for each")
    return tuple(classes)


def printable(name: str) -> str:
    """Return a file name as text that can be stored: bytes that are not UTF-8 appear as \\udcXX."""
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", name)


def _wrapping(images: Sequence[Entry], tree: Tree) -> Parts:
    """Return the path of the folder that holds the class folders: steps into a folder that stands alone."""
    prefix: Parts = ()
    while True:
        depth = len(prefix)
        inside = [e.parts[depth:] for e in images if e.parts[:depth] == prefix]
        tops = {f[depth] for f in tree.folders if len(f) > depth and f[:depth] == prefix}
        tops |= {parts[0] for parts in inside if len(parts) > 1}
        if len(tops) != 1 or any(len(parts) < 3 for parts in inside) or not inside:
            return prefix
        prefix = (*prefix, tops.pop())


def _check_folders(names: set[str], images: Sequence[Entry], prefix: Parts, where: str) -> None:
    if not names:
        found = f"{len(images)} images but " if images else ""
        raise LabError(
            f"{where} holds {found}no folders; put the images of each class into a folder named after the class"
            " (links to folders are not followed)"
        )
    deep = any(len(e.parts) > len(prefix) + 2 for e in images)
    if deep and all(name.casefold() in SPLITS for name in names):
        splits = sorted(names)
        raise LabError(
            f"{where} holds splits ({', '.join(splits)}) rather than classes; choose one, such as {where}/{splits[0]}"
        )


def _layout(images: Sequence[Entry], classes: tuple[str, ...], depth: int, where: str) -> Layout:
    labels = {name: label for label, name in enumerate(classes)}
    members, quarantined, seen = [], [], Counter[str]()
    for entry in sorted(images, key=lambda e: e.parts):
        path = entry.parts[depth:]
        loose = len(path) == 1
        if not loose and path[0] not in labels:
            continue
        name = printable("/".join(path))
        seen[name] += 1
        name = name if seen[name] == 1 else f"{name} ({seen[name]})"
        problem = entry.problem or ("not inside a class folder" if loose else _unread_format(path[-1]))
        if problem:
            quarantined.append(Quarantined(name, problem))
        else:
            members.append(Member(name, labels[path[0]], entry.version, entry.read))
    _check_not_empty(classes, members, quarantined, where)
    shown = tuple(printable(name) for name in classes)
    return Layout(shown, tuple(members), tuple(quarantined))


def _check_not_empty(
    classes: tuple[str, ...], members: Sequence[Member], quarantined: Sequence[Quarantined], where: str
) -> None:
    filled = {member.label for member in members}
    for label, name in enumerate(classes):
        if label not in filled:
            aside = [q for q in quarantined if q.id.startswith(f"{printable(name)}/")]
            why = f" ({len(aside)} set aside, the first as {aside[0].reason!r})" if aside else ""
            raise LabError(
                f"Class {printable(name)!r} in {where} holds no usable image{why}; add images, remove the folder"
                " or choose other classes"
            )


def _unread_format(name: str) -> str:
    ending = suffix(name)
    return f"{ending[1:].upper()} files are not read; convert it to JPEG or PNG" if ending in OTHER_SUFFIXES else ""


def _some(names: Sequence[str]) -> str:
    more = ", …" if len(names) > 8 else ""
    return f"; it has {', '.join(repr(name) for name in names[:8])}{more}"
