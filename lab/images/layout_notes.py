"""Sentences about how a tree of files was understood: which folders are splits, what was ignored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from lab.images.endings import printable, suffix
from lab.images.structure import Parts, Structure, parts_of

_SHOWN: Final = 4  # names in a note


def split_note(structure: Structure) -> tuple[str, ...]:
    """Return a sentence where folders are splits of the same classes, else nothing."""
    splits = [printable(name) for name in structure.splits]
    if len(splits) > 1:
        apart = len(parts_of(structure)) > 1
        used = "probes learn from one and are tested on the other" if apart else "their images are used together"
        return (f"{shown_names(splits)} are splits of the same classes: {used}",)
    return tuple(f"only the split {name!r} has a folder for each class: the others are set aside" for name in splits)


def empty_note(names: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence where folders hold no image, else nothing."""
    if not names:
        return ()
    return (f"{_counted(len(names), 'folder')} without any image {_verb(names)} ignored: {shown_names(names)}",)


def other_note(others: Sequence[Parts]) -> tuple[str, ...]:
    """Return a sentence that counts files that are no images by their endings, else nothing."""
    if not others:
        return ()
    first: dict[str, str] = {}
    for parts in sorted(others):
        first.setdefault(suffix(parts[-1]), printable("/".join(parts)))
    counts = sorted(Counter(suffix(parts[-1]) for parts in others).items(), key=lambda kind: (-kind[1], kind[0]))
    kinds = [f"{count:,} {printable(kind) or 'without an ending'} (such as {first[kind]!r})" for kind, count in counts]
    held = "hold no image and were" if len(others) > 1 else "holds no image and was"
    return (f"{_counted(len(others), 'other file')} {held} ignored: {shown_names(kinds, quoted=False)}",)


def shown_names(names: Sequence[str], quoted: bool = True) -> str:
    """Return the first names with commas between them, and how many more there are."""
    shown = [repr(name) if quoted else name for name in names[:_SHOWN]]
    more = [f"{len(names) - _SHOWN:,} more"] if len(names) > _SHOWN else []
    return ", ".join([*shown, *more])


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def _verb(names: Collection[str]) -> str:
    return "was" if len(names) == 1 else "were"
