"""Which folders of a tree are classes and which are splits of the same classes, told from how the tree is built.

    pets/cat, pets/dog                        classes; `pets` is stepped into
    train/cat, train/dog, val/cat, val/dog    splits: the classes are cat and dog, in two roots
    cat/train, cat/test, dog/train, dog/test  classes cat and dog
    a/cat, a/dog, b/cat, b/dog                either may be meant: the classes wanted decide, or an error says so

A folder counts by the images below it: one without any is neither a class nor a split.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from lab.errors import LabError

Parts = tuple[str, ...]

_SPLIT: Final = r"train|training|trn|val|valid|validation|dev|test|testing|tst|eval|evaluation|holdout"
_SPLIT_NAME: Final = re.compile(rf"({_SPLIT})([\W_]*(set|data|dataset|images?|imgs?|split|folder|\d+))*", re.I)
_SPLIT_WORD: Final = re.compile(rf"(?<![^\W_])({_SPLIT}|fold|split|subset)\d*(?![^\W_])", re.I)
_SHOWN: Final = 4

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_PARTS: Final = {
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation", "holdout"), TEST),
}


@dataclass(frozen=True)
class Structure:
    """Where the class folders are: `roots` hold them, all below `prefix`; several roots are splits of one set."""

    prefix: Parts
    roots: tuple[Parts, ...]

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, () when there is one root."""
        return tuple("/".join(root[len(self.prefix) :]) for root in self.roots if root != self.prefix)

    @cached_property
    def _by_top(self) -> dict[Parts, Parts]:
        return {root[: len(self.prefix) + 1]: root for root in self.roots}

    def root_of(self, path: Parts) -> Parts | None:
        """Return the root that a file or folder lies below, None when it lies below none."""
        root = self._by_top.get(path[: len(self.prefix) + 1]) or self._by_top.get(path[: len(self.prefix)])
        return root if root is not None and path[: len(root)] == root and len(path) > len(root) else None


@dataclass(frozen=True)
class _Top:
    """A folder beside others: `root` holds its subfolders `names` (with images), `loose` images lie in it directly."""

    root: Parts
    names: frozenset[str]
    loose: int
    deep: int

    @property
    def holds_folders(self) -> bool:
        return self.deep > self.loose


def part_of(name: str) -> str:
    """Return which part of a split a folder or a value of this name is: train, validation, test, or "" for none.

    >>> part_of("Training_set"), part_of("val"), part_of("fold1")
    ('train', 'validation', '')
    """
    match = _SPLIT_NAME.fullmatch(name.strip())
    return _PARTS[match[1].lower()] if match else ""


def find_structure(paths: Sequence[Parts], wanted: Collection[str], where: str) -> Structure:
    """Return where the class folders of images at `paths` are; `wanted` classes decide where either level could be.

    Raises LabError when two levels could be the classes, or when there are splits without class folders in them.
    """
    prefix = step_in(paths, ())
    below: dict[str, list[Parts]] = defaultdict(list)
    for path in paths:
        if path[: len(prefix)] == prefix and len(path) > len(prefix) + 1:
            below[path[len(prefix)]].append(path)
    tops = {name: _top(inside, (*prefix, name)) for name, inside in sorted(below.items())}
    plain = Structure(prefix, (prefix,))
    if not tops or (wanted and set(wanted) <= tops.keys()):
        return plain
    if roots := _splits(tops):
        return Structure(prefix, roots)
    shown = "/".join((where, *prefix))
    if len(tops) > 1 and all(_SPLIT_NAME.fullmatch(name) for name in tops):
        raise LabError(
            f"{shown} holds splits ({_some(tops)}) without a folder for each class in them; put the images of each"
            " class into a folder named after the class"
        )
    return Structure(prefix, _either(tops, wanted, shown)) if _same_folders(tops) else plain


def step_in(paths: Sequence[Parts], folder: Parts) -> Parts:
    """Return the folder at or below `folder` that holds more than one folder with images, or images themselves.

    All `paths` are below `folder`.
    """
    if not paths:
        return folder
    first, last = min(paths), max(paths)  # what these two share all share
    common = next((depth for depth, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[: max(len(folder), min(common, min(map(len, paths)) - 2))]


def _top(inside: Sequence[Parts], folder: Parts) -> _Top:
    root = step_in(inside, folder)
    names = Counter(path[len(root)] for path in inside if len(path) > len(root) + 1)
    deep = sum(names.values())
    return _Top(root, frozenset(names), len(inside) - deep, deep)


def _splits(tops: dict[str, _Top]) -> tuple[Parts, ...]:
    """Return the roots of splits of the same classes, () when the folders are no splits.

    The one with most classes stands for all; others belong to it when they share a class with it.
    """
    named = {name for name, top in tops.items() if top.holds_folders and _SPLIT_WORD.search(name)}
    if not named:
        return ()
    main = max((tops[name] for name in sorted(named)), key=lambda top: len(top.names)).names
    joined = [
        name
        for name, top in tops.items()
        if (name in named and top.names & main) or (top.holds_folders and len(main) > 1 and top.names == main)
    ]
    if len(joined) == 1 and not all(_SPLIT_WORD.search(name) for name in tops):
        return ()
    return tuple(tops[name].root for name in joined)


def _same_folders(tops: dict[str, _Top]) -> bool:
    """Tell whether these folders are built alike: the same subfolders, at least two of them, in at least two."""
    widest = max((top.names for top in tops.values()), key=len)
    alike = sum(top.names == widest for top in tops.values())
    nested = all(not top.loose and top.names <= widest for top in tops.values())
    splits_inside = all(_SPLIT_WORD.search(name) for name in widest)
    return alike > 1 and len(widest) > 1 and nested and not splits_inside


def _either(tops: dict[str, _Top], wanted: Collection[str], where: str) -> tuple[Parts, ...]:
    inner = sorted({name for top in tops.values() for name in top.names})
    if wanted and set(wanted) <= set(inner):
        return tuple(top.root for top in tops.values())
    raise LabError(
        f"{where} holds the folders {_some(tops)} with the same folders ({_some(inner)}) in each, so either may be the"
        f" classes; name the classes you want: {','.join(list(tops)[:2])} or {','.join(inner[:2])}"
    )


def _some(names: Collection[str]) -> str:
    more = ", …" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in list(names)[:_SHOWN]) + more


def parts_of(structure: Structure) -> dict[Parts, str]:
    """Return the part of a split that each root holds; nothing unless they are all of known, different parts."""
    found = {root: part_of(name) for root, name in zip(structure.roots, structure.splits, strict=False)}
    known = len(found) == len(structure.roots) and all(found.values())
    return found if known and len(set(found.values())) > 1 else {}
