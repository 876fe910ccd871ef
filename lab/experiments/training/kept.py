"""The result of a training that happened elsewhere, in a Python process, and keeping it as a run.

What it is called by: the network's name, and a digest of what it was watched by. The process that trains writes the run
anew at each step it reads, so the dashboard shows the curves as far as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.experiments.training.checkpoints import HeldOutImages
from lab.experiments.training.findings import probe_findings
from lab.experiments.training.request import WatchRequest
from lab.names import list_of
from lab.stats.intervals import chance

if TYPE_CHECKING:
    from torch import Tensor

DIGITS = 16


def watched_result(
    network: str, training: str, layers: Sequence[str], held: HeldOutImages, tables: Mapping[str, pd.DataFrame]
) -> Result:
    """Return what was read of a training as a result of the question `watch`.

    `network` is what the network is called, `training` the training, "" for none: two of them with another name, other
    layers, images or seed are different questions.
    """
    asked = hashlib.sha256(repr((training, [*layers], held.labels.tolist(), held.groups.tolist(), held.names)).encode())
    asked.update(_digest_of(held.pixels).encode())
    name = network.replace("@", " at ")
    request = WatchRequest(f"{name}@python:{asked.hexdigest()[:DIGITS]}", layers=list_of(layers), seed=held.seed)
    findings = probe_findings(tables) if "gains" in tables else []
    return result_with_findings(
        request, tables, findings, chance=chance(held.labels), images=len(held.labels), classes=list(held.classes),
        training=training, sources=request.sources(),
    )  # fmt: skip


def _digest_of(pixels: Tensor) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels.numpy()).tobytes()).hexdigest()
