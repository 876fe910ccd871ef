"""Does the interval of Kendall's tau hold the mean tau of other drawings and starts? Planted depths.

    python benchmarks/ladder_order.py [--simulations 300]

Things emerge at planted depths, measured with a normal error of `spread`, never before the first layer (0.2, where some
are tied exactly), and are resampled with the same error. "holds": how often the interval held the mean tau of all
simulations; "width": its mean over 2 x 1.96 standard deviations of tau, that of a normal interval that is right;
"above 0", "below 0": how often it lay there as a whole. Starts: three networks whose depths scatter about the planted
ones by `between`, and the interval of their mean tau.
"""

from __future__ import annotations

import argparse

import numpy as np

from lab.stats.intervals import Interval
from lab.stats.ordering import order_of, order_of_seeds

FIRST, RESAMPLES = 0.2, 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--simulations", type=int, default=300)
    count = parser.parse_args().simulations
    print("| order | things | spread | starts differ by | tau | holds | width | above 0 | below 0 |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for things in (12, 6):
        for name, truth in orders(things).items():
            for spread in (0.05, 0.15):
                rng = np.random.default_rng(1)
                found = [order_of(*measured(truth, spread, rng)).tau for _ in range(count)]
                print(f"| {name} | {things} | {spread} | one network | {told(found)} |", flush=True)
    for name, truth in orders(6).items():
        for between in (0.0, 0.2):
            rng = np.random.default_rng(2)
            found = [
                order_of_seeds([measured(truth + between * rng.standard_normal(6), 0.1, rng) for _ in range(3)])
                for _ in range(count)
            ]
            print(f"| {name} | 6 | 0.1 | {between} | {told(found)} |", flush=True)


def orders(things: int) -> dict[str, np.ndarray]:
    """Return the planted depths by name."""
    steps = np.linspace(0.05, 0.95, things)
    return {
        "as claimed": steps, "reversed": steps[::-1], "none": np.full(things, 0.5), "close": 0.4 + 0.2 * steps,
        "tied in threes": np.repeat(steps[::3], 3), "two orders": np.tile(steps[: things // 2], 2),
    }  # fmt: skip


def measured(truth: np.ndarray, spread: float, rng: np.random.Generator) -> tuple[list[float], np.ndarray]:
    """Return depths and their resamples."""
    depths = np.maximum(truth + spread * rng.standard_normal(len(truth)), FIRST)
    return list(depths), np.maximum(depths + spread * rng.standard_normal((RESAMPLES, len(truth))), FIRST)


def told(found: list[Interval]) -> str:
    """Return the last columns of a row."""
    taus = np.array([one.value for one in found])
    low, high = np.array([(one.low, one.high) for one in found]).T
    holds = np.mean((low <= taus.mean()) & (taus.mean() <= high))
    width = np.mean(high - low) / (2 * 1.96 * taus.std())
    return (
        f"{taus.mean():.2f} | {100 * holds:.0f} % | {width:.2f} | {100 * np.mean(low > 0):.0f} % | "
        f"{100 * np.mean(high < 0):.0f} %"
    )


if __name__ == "__main__":
    main()
