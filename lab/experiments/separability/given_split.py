"""Where training and test part were given: what was found is told of the test part alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.experiments.separability.measure import EmbeddingSource, ProbeResult, ProbeSetup


@dataclass(frozen=True)
class Measured:
    """A question, what was probed and what the probes read."""

    question: ProbeSetup
    subjects: Sequence[EmbeddingSource]
    readings: Sequence[ProbeResult] = ()


def test_part(found: Measured) -> Measured:
    """Return what was found on the images that were tested; everything, where folds were dealt."""
    if not found.question.split_given:
        return found
    rows = np.flatnonzero(found.question.design.tested)
    readings = [replace(reading, probabilities=reading.probabilities[:, rows]) for reading in found.readings]
    return Measured(found.question.of_rows(rows), [one.of_rows(rows) for one in found.subjects], readings)


def training_part(found: Measured) -> Measured:
    """Return the question on the images that probes were fitted to; on all, where folds were dealt."""
    if not found.question.split_given:
        return found
    rows = np.flatnonzero(~found.question.design.tested)
    return Measured(found.question.of_rows(rows), [one.of_rows(rows) for one in found.subjects])
