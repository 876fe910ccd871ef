"""How often the interval of R² holds the truth, for numbers of which a known share can be predicted.

    python benchmarks/number_intervals.py --simulations 300

Vectors are normal, the number is a linear function of them and noise. "expected" is the mean over all simulations of
what probes reach at this number of images; "known" is what the best linear function reaches, which a probe fitted to
few images does not. "beyond 0" is how often the interval lies above 0.
"""

from __future__ import annotations

import argparse

import numpy as np

from lab.experiments.regression.fits import NumberDesign, fit_numbers
from lab.experiments.regression.judgement import scores_of

CELLS = (
    (100, 16, 0.0), (200, 16, 0.0), (60, 16, 0.5), (100, 16, 0.5), (200, 16, 0.5), (100, 64, 0.5), (200, 64, 0.5),
    (400, 4, 0.5), (200, 16, 0.9), (400, 4, 0.9),
)  # fmt: skip


def main() -> None:
    """Print a row per cell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--simulations", type=int, default=300)
    count = parser.parse_args().simulations
    print(
        "| images | dimensions | known R² | expected R² | holds expected | holds known | beyond 0 | rank correlation |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for images, dimensions, r2 in CELLS:
        found = np.array([simulate(images, dimensions, r2, seed) for seed in range(count)])
        value, low, high, rank, rank_low, rank_high = found.T
        held = [np.mean((low <= truth) & (truth <= high)) for truth in (value.mean(), r2)]
        ranked = np.mean((rank_low <= rank.mean()) & (rank.mean() <= rank_high))
        shares = " | ".join(f"{share:.1%}" for share in (*held, np.mean(low > 0), ranked))
        print(f"| {images} | {dimensions} | {r2:g} | {value.mean():.3f} | {shares} |", flush=True)


def simulate(images: int, dimensions: int, r2: float, seed: int) -> tuple[float, ...]:
    """Return R² and the rank correlation of one simulation, each with its interval."""
    rng = np.random.default_rng((seed, images, dimensions))
    vectors, weights = rng.normal(size=(images, dimensions)), rng.normal(size=dimensions)
    signal = vectors @ weights / np.linalg.norm(weights)
    values = np.sqrt(r2) * signal + np.sqrt(1 - r2) * rng.normal(size=images)
    design = NumberDesign.of(values, np.arange(images), 5, 3, seed)
    fit = fit_numbers(design, "layer", vectors, ("probe",))
    found = scores_of(design, "probe", (fit["probe.predictions"], fit["probe.means"]))
    return (
        found.r2, found.ci_low, found.ci_high, found.spearman, found.spearman_ci_low, found.spearman_ci_high,
    )  # fmt: skip


if __name__ == "__main__":
    main()
