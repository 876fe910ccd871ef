"""From a tree of files to classes: one folder per class, in a folder on disk or inside a zip.

Junk that computers leave about is ignored. Files that hold no image are counted and named; images that cannot be used
are set aside with a reason. Which folders are classes and which are splits of them is `structure`'s business.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Final

from lab.errors import LabError, nearest
from lab.images.endings import printable
from lab.images.layout_notes import empty_note, other_note, shown_names, split_note
from lab.images.structure import Parts, Structure, find_structure, parts_of
from lab.images.types import Quarantined

JUNK: Final = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found"})
MAX_FILES: Final = 5_000_000  # a file takes about 1 kB of memory; the whole of a disk is no image set
MOST_UNASKED: Final = 10_000  # files of a set that are used where nobody says how many; minutes on two cores
MAX_DEPTH: Final = 64  # folders in folders; what lies deeper is set aside
TOO_DEEP: Final = f"lies in more than {MAX_DEPTH} folders"


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
class Told:
    """What is known of an image beside its class: the part of a split it is in ("" for none), the name of its group,
    the values of the set's factors, the number to be predicted, and which of several labels it has."""

    part: str = ""
    group: str = ""
    factors: tuple[str, ...] = ()
    value: float | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tree:
    """What is below one place; `where` is what the user calls the place.

    `entries` are the files that should be images by their name or their first bytes, `folders` all folders, `others`
    the files that are no images. `aside` is what has no place in the tree (links to folders, entries without a name),
    `tables` are the files that may say what the images are (`metadata.csv`).
    """

    where: str
    entries: tuple[Entry, ...]
    folders: frozenset[Parts]
    others: tuple[Parts, ...] = ()
    aside: tuple[Entry, ...] = ()
    tables: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Member:
    """A file that should be an image of a class: `id` is its path in the set, printable and unique."""

    id: str
    label: int
    version: str
    read: Callable[[], bytes] = field(repr=False)
    told: Told = Told()


@dataclass(frozen=True)
class Layout:
    """The classes of a tree, the files that should be their images, the files set aside already, sentences about
    how the tree was understood, and the names of the factors that members tell of."""

    classes: tuple[str, ...]
    members: tuple[Member, ...]
    quarantined: tuple[Quarantined, ...]
    notes: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()


def of_limited_size(layout: Layout) -> Layout:
    """Return a layout of at most `MOST_UNASKED` files: of larger sets as many of each class as fit, chosen by name so
    that the choice never changes, with a note; nothing of the others is read."""
    members, counts = layout.members, Counter(member.label for member in layout.members)
    if len(members) <= MOST_UNASKED:
        return layout
    most, left = 0, MOST_UNASKED
    for place, count in enumerate(sorted(counts.values())):  # small classes stay whole, what they leave goes to others
        most = left // (len(counts) - place)
        left -= min(count, most)
    names = [hashlib.sha256(member.id.encode("utf-8", "replace")).digest() for member in members]
    taken: Counter[int] = Counter()
    chosen = []
    for k in sorted(range(len(members)), key=names.__getitem__):
        if taken[members[k].label] < most:
            taken[members[k].label] += 1
            chosen.append(k)
    note = (
        f"{len(chosen):,} of {len(members):,} files are used, at most {most:,} a class, chosen by their names; for "
        "more or fewer say how many a class (--per-class)"
    )
    return replace(layout, members=tuple(members[k] for k in sorted(chosen)), notes=(*layout.notes, note))


def is_junk(name: str) -> bool:
    """Tell whether a file or folder of this name is left about by a computer rather than put there by a
    person."""
    return name.startswith(".") or name.casefold() in JUNK


def arrange(tree: Tree, wanted: Sequence[str] = (), least: int = 2) -> Layout:
    """Return the classes of `tree` (those `wanted`, in that order, or all by name) and their files.

    Where one class is enough (`least`), images without any folder are one, named as the place they are in. Raises
    LabError when there are fewer classes with files that should be images, or when it cannot be told which folders are
    the classes.
    """
    structure = find_structure([entry.parts for entry in tree.entries], wanted, tree.where)
    where = "/".join((tree.where, *structure.prefix))
    filled = {name for entry in tree.entries if (name := _class_of(structure, entry.parts))}
    empty = _empty_folders(tree, structure)
    if not filled and not empty:
        if least == 1 and tree.entries:
            return arrange(_in_a_folder(tree), wanted, least)
        _no_folders(where, len(tree.entries))
    classes = select_classes(sorted(filled | (set(empty.values()) & set(wanted))), wanted, where, least)
    used = {name for name in empty if empty[name] in classes}
    notes = (
        *split_note(structure),
        *empty_note([name for name in empty if name not in used]),
        *other_note(tree.others),
    )
    return _layout(tree, structure, classes, where, notes)


def _in_a_folder(tree: Tree) -> Tree:
    name = PurePath(tree.where).stem
    return replace(tree, entries=tuple(replace(entry, parts=(name, *entry.parts)) for entry in tree.entries))


def select_classes(found: Sequence[str], wanted: Sequence[str], where: str, least: int = 2) -> tuple[str, ...]:
    """Return the classes to use: all that were found, or those wanted in the order they were asked for.

    Raises LabError when a wanted class is not there or fewer than `least` (one or two) remain.
    """
    by_name = {unicodedata.normalize("NFC", name): name for name in found} | {name: name for name in found}
    classes = []
    for name in dict.fromkeys(wanted):
        actual = by_name.get(name) or by_name.get(unicodedata.normalize("NFC", name))
        if actual is None:
            raise LabError(f"{where} has no class {name!r}{nearest(name, found) or _some(found)}")
        classes.append(actual)
    classes = classes or list(found)
    if len(classes) < least:
        only = f"only the class {classes[0]!r}" if classes else "no classes"
        raise LabError(f"{where}: {only} to work with; at least two are needed, one folder of images for each")
    return tuple(classes)


def _class_of(structure: Structure, path: Parts) -> str | None:
    """Return the class folder of the file at `path`, None when it lies in none."""
    root = structure.root_of(path)
    return path[len(root)] if root is not None and len(path) > len(root) + 1 else None


def _empty_folders(tree: Tree, structure: Structure) -> dict[str, str]:
    """Return the folders beside classes or beside splits that hold no image: path and name."""
    beside = {structure.prefix, *structure.roots}
    found: set[Parts] = set()
    for depth in {len(above) + 1 for above in beside}:
        full = {entry.parts[:depth] for entry in tree.entries if len(entry.parts) > depth}
        named = {folder[:depth] for folder in tree.folders if len(folder) >= depth}
        named |= {path[:depth] for path in tree.others if len(path) > depth}
        found |= {folder for folder in named - full if folder[:-1] in beside}
    return {printable("/".join(folder[len(structure.prefix) :])): folder[-1] for folder in sorted(found)}


def _no_folders(where: str, images: int) -> None:
    found = f"{images} images but " if images else ""
    raise LabError(
        f"{where} holds {found}no folders; put the images of each class into a folder named after the class"
        " (links to folders are not followed)"
    )


def _layout(tree: Tree, structure: Structure, classes: tuple[str, ...], where: str, notes: tuple[str, ...]) -> Layout:
    labels = {name: label for label, name in enumerate(classes)}
    parts = parts_of(structure)
    members, seen = [], Counter[str]()
    quarantined: list[tuple[str | None, Quarantined]] = []
    for entry in sorted([*tree.entries, *tree.aside], key=lambda e: e.parts):
        name = _class_of(structure, entry.parts)
        if name is not None and name not in labels:
            continue
        problem = entry.problem or (_misplaced(structure) if name is None else "")
        shown = _id(entry.parts, structure, seen)
        if name is None or problem:
            quarantined.append((name, Quarantined(shown, problem)))
        else:
            told = Told(part=parts.get(structure.root_of(entry.parts) or (), "")) if parts else Told()
            members.append(Member(shown, labels[name], entry.version, entry.read, told))
    _check_not_empty(classes, members, quarantined, where)
    return Layout(tuple(map(printable, classes)), tuple(members), tuple(q for _, q in quarantined), notes)


def _id(path: Parts, structure: Structure, seen: Counter[str]) -> str:
    """Return a file's path in the set, printable, with a number behind it when it was there before."""
    depth = len(structure.prefix)
    name = printable("/".join(path[depth:] if path[:depth] == structure.prefix else path))
    seen[name] += 1
    return name if seen[name] == 1 else f"{name} ({seen[name]})"


def _misplaced(structure: Structure) -> str:
    splits = shown_names([printable(name) for name in structure.splits])
    return f"not inside a class folder of the splits {splits}" if splits else "not inside a class folder"


def _check_not_empty(
    classes: tuple[str, ...],
    members: Sequence[Member],
    quarantined: Sequence[tuple[str | None, Quarantined]],
    where: str,
) -> None:
    filled = {member.label for member in members}
    for label, name in enumerate(classes):
        if label not in filled:
            aside = [found.reason for owner, found in quarantined if owner == name]
            why = f" ({len(aside)} set aside, the first as {aside[0]!r})" if aside else ""
            raise LabError(
                f"Class {printable(name)!r} in {where} holds no usable image{why}; add images, remove the folder"
                " or choose other classes"
            )


def _some(names: Sequence[str]) -> str:
    more = ", …" if len(names) > 8 else ""
    return f"; it has {', '.join(repr(name) for name in names[:8])}{more}"
