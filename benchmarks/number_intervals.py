"""How often the interval of R², or of the kappa of grades, holds the truth, where a known share can be predicted.

    python benchmarks/number_intervals.py --simulations 300
    python benchmarks/number_intervals.py --grades 5 --simulations 300

Vectors are normal, the number is a linear function of them and noise; a grade says in which of equally frequent parts
of its range it lies. "expected" is the mean over all simulations of what probes reach at this number of images; "known"
is what the best linear function reaches, which a probe fitted to few images does not. "beyond 0" is how often the
interval lies above 0, "differences": how often that of late minus early layers (two layers alike) holds 0.
"""

from __future__ import annotations

import argparse

import numpy as np

from lab.experiments.targets.judgement import judge_number_arrays
from lab.experiments.targets.numbers import Grades, Numbers
from lab.stats.numbers import explained_interval, graded_errors

CELLS = (
    (100, 16, 0.0), (200, 16, 0.0), (60, 16, 0.5), (100, 16, 0.5), (200, 16, 0.5), (100, 64, 0.5), (200, 64, 0.5),
    (400, 4, 0.5), (200, 16, 0.9), (400, 4, 0.9),
)  # fmt: skip
MANY = 20_000  # images by which the kappa of the best linear function is known


def main() -> None:
    """Print a row per cell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--simulations", type=int, default=300)
    parser.add_argument("--grades", type=int, default=0, help="how many grades; 0 for numbers")
    given = parser.parse_args()
    count, name = given.simulations, "kappa" if given.grades else "R²"
    print(
        f"| images | dimensions | known R² | known {name} | expected {name} | holds expected | holds known "
        "| beyond 0 | rank correlation | differences |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for images, dimensions, r2 in CELLS:
        found = np.array([simulate(images, dimensions, r2, seed, given.grades) for seed in range(count)])
        value, low, high, rank, rank_low, rank_high, same = found.T
        known = best_kappa(r2, given.grades) if given.grades else r2
        held = [np.mean((low <= truth) & (truth <= high)) for truth in (value.mean(), known)]
        ranked = np.mean((rank_low <= rank.mean()) & (rank.mean() <= rank_high))
        shares = " | ".join(f"{share:.1%}" for share in (*held, np.mean(low > 0), ranked, same.mean()))
        print(f"| {images} | {dimensions} | {r2:g} | {known:.3f} | {value.mean():.3f} | {shares} |", flush=True)


def simulate(images: int, dimensions: int, r2: float, seed: int, grades: int = 0) -> tuple[float, ...]:
    """Return R² or kappa and the rank correlation of one simulation, each with its interval, and whether the difference
    of two layers that know equally much is found to be none."""
    rng = np.random.default_rng((seed, images, dimensions))
    vectors, weights = rng.normal(size=(images, dimensions)), rng.normal(size=dimensions)
    signal = vectors @ weights / np.linalg.norm(weights)
    values = np.sqrt(r2) * signal + np.sqrt(1 - r2) * rng.normal(size=images)
    # The same numbers from as many other vectors: what is left of them is noise of the same size.
    other = rng.normal(size=(images, dimensions))
    other += np.outer(np.sqrt(r2) * values + np.sqrt(1 - r2) * rng.normal(size=images) - other @ weights
                      / np.linalg.norm(weights), weights / np.linalg.norm(weights))  # fmt: skip
    targets = graded(values, grades) if grades else values
    kind = Grades() if grades else Numbers()
    judged = judge_number_arrays({"a": vectors, "b": other}, targets, kind=kind, controls=(), seed=seed)
    row, gap = judged.scores[0], next(check for check in judged.checks if check.check == "late_minus_early")
    names = (kind.best, "ci_low", "ci_high", "spearman", "spearman_ci_low", "spearman_ci_high")
    return (*(row[name] for name in names), gap.ci_low <= 0 <= gap.ci_high)


def graded(values: np.ndarray, grades: int) -> np.ndarray:
    """Return which of equally frequent parts of a standard normal's range each value lies in."""
    from scipy.stats import norm

    return np.searchsorted(norm.ppf(np.arange(1, grades) / grades), values).astype(float)


def best_kappa(r2: float, grades: int) -> float:
    """Return the kappa of grades by the best linear prediction from vectors that know the share `r2`."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=MANY)
    truth = graded(np.sqrt(r2) * signal + np.sqrt(1 - r2) * rng.normal(size=MANY), grades)
    told = graded(signal, grades)  # cut so that each grade is as frequent as it is, as the probes' are
    errors = graded_errors(truth[None], told[None], told[None], np.full(MANY, 1 / MANY))
    return explained_interval(*errors, np.arange(MANY)).value


if __name__ == "__main__":
    main()
