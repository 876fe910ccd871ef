"""Who is tested when, whatever the target: folds that keep groups apart, or a split that is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.errors import LabError
from lab.probing.splits import grouped_folds

FEWEST = 10  # groups: below, an interval says nothing


@dataclass(frozen=True)
class TargetDesign:
    """What all layers are asked: targets `(N,)` or `(N, L)`, groups `(N,)`, who is tested when `(R, N)`, and the
    shuffled targets `(R, N)` or `(R, N, L)`.

    In `splits` an image that is for training only has -1.
    """

    targets: np.ndarray
    groups: np.ndarray
    splits: np.ndarray
    shuffled: np.ndarray
    seed: int = 0

    @property
    def tested(self) -> np.ndarray:
        """Which images are ever tested, `(N,)`: all, unless the split was given."""
        return np.asarray((self.splits >= 0).all(axis=0))

    def asked(self, control: str = "probe") -> np.ndarray:
        """Return what a control was fitted to, `(R, N)` or `(R, N, L)`."""
        true = np.broadcast_to(self.targets, (len(self.splits), *self.targets.shape))
        return self.shuffled if control == "shuffled" else true


def split_of(
    strata: np.ndarray, groups: np.ndarray, folds: int, repeats: int, seed: int, tested: np.ndarray | None
) -> np.ndarray:
    """Return folds `(R, N)` that hold the strata evenly, or a split that is given (`tested` `(N,)`) as it is.

    Raises LabError for groups in both parts of a split.
    """
    if tested is None:
        used = min(folds, len(np.unique(groups)))
        return np.stack([grouped_folds(strata, groups, used, seed=(seed, r)) for r in range(repeats)])
    if both := len(np.intersect1d(groups[tested], groups[~tested])):
        raise LabError(
            f"{both} groups are in both parts of the split; a group must be in one of them (or deal folds over all "
            "images with split none)"
        )
    return np.where(tested, 0, -1).astype(np.int8)[None]
