"""Which image is tested when: repeated, stratified, grouped folds, and label shuffles that respect groups.

Images of one group (copies, near-copies, frames of a scene) never straddle a split; every class is spread over the
folds as evenly as its groups allow. What counts as a group is decided by the image set.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from lab.errors import LabError


def make_splits(
    labels: np.ndarray,
    groups: np.ndarray,
    *,
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    classes: Sequence[str] = (),
) -> np.ndarray:
    """Return the test fold of each image in each repeat, int8, shape `(repeats, N)`.

    The number of folds is `usable_folds`, which may be less than asked for. Raises `LabError` for a class that cannot
    be both learned and tested (fewer than 2 groups), named by `classes` when given.
    """
    usable = usable_folds(labels, groups, folds, classes=classes)
    return np.stack([grouped_folds(labels, groups, usable, seed=(seed, r)) for r in range(repeats)])


def usable_folds(labels: np.ndarray, groups: np.ndarray, folds: int = 5, *, classes: Sequence[str] = ()) -> int:
    """Return how many folds the data allow: `folds`, or the group count of the class that has the fewest groups."""
    if not 2 <= folds <= 127:
        raise LabError(f"{folds} folds were asked for; give a number from 2 to 127")
    labels, groups = _checked(labels, groups)
    if labels.max() == 0:
        raise LabError("a probe needs at least two classes; this image set has one")
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    counts = np.bincount(pairs[0], minlength=labels.max() + 1)
    scarce = int(np.argmin(counts))
    if counts[scarce] < 2:
        name = classes[scarce] if scarce < len(classes) else str(scarce)
        raise LabError(
            f"class {name!r} has 1 image, copies counted once; a class needs at least 2 to be both learned and "
            "tested: add images or leave the class out"
        )
    return int(min(folds, counts[scarce]))


def given_split(
    labels: np.ndarray, groups: np.ndarray, tested: np.ndarray, *, classes: Sequence[str] = ()
) -> np.ndarray:
    """Return a split that is given as `make_splits` returns its own, int8 `(1, N)`: 0 for testing, -1 for training.

    Raises `LabError` for a group in both parts, and a class with fewer than 2 groups in one of them.
    """
    labels, groups = _checked(labels, groups)
    if labels.max() == 0:
        raise LabError("a probe needs at least two classes; these labels are of one")
    tested = np.asarray(tested, dtype=bool)
    both = np.intersect1d(groups[tested], groups[~tested])
    if len(both):
        rows = [int(np.flatnonzero((groups == both[0]) & (tested == part))[0]) for part in (False, True)]
        raise LabError(
            f"{len(both)} groups are in both parts of the split, such as that of rows {rows[0]} (train) and {rows[1]} "
            "(test); a group must be in one of them"
        )
    for part, name in ((tested, "test"), (~tested, "train")):
        for label in range(int(labels.max()) + 1):
            count = len(np.unique(groups[part & (labels == label)]))
            if count < 2:
                told = classes[label] if label < len(classes) else str(label)
                raise LabError(
                    f"Class {told!r} has {count} distinct rows in the {name} part of the split; every class needs at "
                    "least 2 in both parts: change the split or leave the class out"
                )
    return np.where(tested, 0, -1).astype(np.int8)[None]


def grouped_folds(labels: np.ndarray, groups: np.ndarray, folds: int, *, seed: int | tuple[int, ...]) -> np.ndarray:
    """Deal groups to folds, int8 `(N,)`: large groups first, each to the fold that has the least of its classes.

    The same rule as scikit-learn's StratifiedGroupKFold in spirit; with one image a group it is an exact stratified
    deal (class counts and fold sizes differ by at most one).
    """
    key = (seed,) if isinstance(seed, int) else seed
    labels, groups = _checked(labels, groups)
    return np.frombuffer(_deal(labels.tobytes(), groups.tobytes(), folds, key), dtype=np.int8)


def shuffled_labels(labels: np.ndarray, groups: np.ndarray, splits: np.ndarray, *, seed: int) -> np.ndarray:
    """Return labels permuted across groups within every fold of `splits` `(R, N)`, int64 `(R, N)`.

    So every fold holds each class as often as under the true labels: a shuffle that ignores the folds would put more
    of a class into the training part the fewer of it are tested, and probes would score below chance. Images of a
    group whose labels agree move together, so copies keep equal labels and leak no more than they do in the true
    labels; images of a mixed group move singly.
    """
    labels, groups = _checked(labels, groups)
    names, index = np.unique(groups, return_inverse=True)
    low, high = np.full(len(names), np.iinfo(np.int64).max), np.full(len(names), -1)
    np.minimum.at(low, index, labels)
    np.maximum.at(high, index, labels)
    mixed = (low != high)[index]
    units = np.where(mixed, len(names) + np.arange(len(labels)), index)
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    rng = np.random.default_rng((seed, 0x5AFF1E))
    return np.stack([_permuted(labels[first], tested[first], rng)[unit] for tested in np.asarray(splits)])


def _permuted(labels: np.ndarray, folds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return labels in random order within each fold."""
    found = labels.copy()
    for fold in np.unique(folds):
        inside = np.flatnonzero(folds == fold)
        found[inside] = rng.permutation(labels[inside])
    return found


@lru_cache(maxsize=1024)
def _deal(labels: bytes, groups: bytes, folds: int, seed: tuple[int, ...]) -> bytes:
    """Deal as `grouped_folds` says; cached, because every layer of every model asks for the same inner folds."""
    label = np.frombuffer(labels, dtype=np.int64)
    _, group = np.unique(np.frombuffer(groups, dtype=np.int64), return_inverse=True)
    rng = np.random.default_rng(seed)
    members: list[dict[int, int]] = [{} for _ in range(group.max() + 1)]
    for g, c in zip(group.tolist(), label.tolist(), strict=True):
        members[g][c] = members[g].get(c, 0) + 1
    share = (1.0 / np.maximum(np.bincount(label), 1)).tolist()
    order = rng.permutation(len(members)).tolist()
    order.sort(key=lambda g: (-len(members[g]), -sum(members[g].values()), min(members[g])))  # ties stay random
    tie = rng.permutation(folds).tolist()
    held = [[0] * folds for _ in share]  # images by class and fold
    total, assigned = [0] * folds, [0] * len(members)
    for g in order:
        counts = list(members[g].items())
        cost = [sum([n * held[c][f] * share[c] for c, n in counts]) for f in range(folds)]
        best = assigned[g] = min(zip(cost, total, tie, range(folds), strict=True))[-1]
        for c, n in counts:
            held[c][best] += n
            total[best] += n
    return np.array(assigned, dtype=np.int8)[group].tobytes()


def _checked(labels: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    label, group = np.asarray(labels, dtype=np.int64), np.asarray(groups, dtype=np.int64)
    if label.ndim != 1 or label.shape != group.shape or not len(label) or label.min() < 0:
        raise LabError(
            f"Labels {label.shape} and groups {group.shape} must be two equally long lists, "
            "labels numbered from 0, with at least one image"
        )
    return label, group
