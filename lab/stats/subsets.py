"""The best of many, made comparable: what the best of equally many would be, on average over all random subsets.

The best of 1,280 channels beats the best of 32 even where no channel is better than another. Both are compared at one
width: the mean over all subsets of that many channels, in closed form, so that nothing is drawn.
"""

from __future__ import annotations

import numpy as np


def best_of_width(chosen_by: np.ndarray, value: np.ndarray, width: int) -> float:
    """Return the mean `value` of the channel that is best by `chosen_by`, over all subsets of `width` of C channels.

    Both are `(C,)`; measured on different data, so that the best is not flattered by its own luck. Of all subsets of
    w channels the r-th best of C (from 0) is the best in C(C - 1 - r, w - 1) / C(C, w). `width` is cut to C.
    """
    from scipy.special import gammaln

    count = len(value)
    width = min(width, count)
    rank = np.arange(count - width + 1)

    def log_choose(n: np.ndarray | int, k: int) -> np.ndarray:
        above = np.asarray(n, dtype=float)
        return np.asarray(gammaln(above + 1) - gammaln(k + 1) - gammaln(above - k + 1))

    share = np.exp(log_choose(count - 1 - rank, width - 1) - log_choose(count, width))
    order = np.argsort(-chosen_by, kind="stable")[: len(share)]
    return float((share * value[order]).sum() / share.sum())
