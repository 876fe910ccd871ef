"""Where things are kept and how work is computed; none of it changes what is asked (that is a `Request`).

The home folder is `FEATURE_LAB_HOME`, or `~/.feature-lab`; it holds `runs/` (results) and `cache/` (can be deleted).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError, check_type

USUAL_BATCH, MOST_BATCH = 16, 4096
DEVICES = r"auto|cpu|mps|cuda(:\d+)?"


@dataclass(frozen=True)
class Compute:
    """How a request is computed: device ("auto", "cpu", "cuda", "cuda:1", "mps"), images per forward pass.

    0 images are 16 on a CPU (more are no quicker there), and elsewhere where vectors are computed as many as are
    quickest (`Extractor.batch_for`).
    """

    device: str = "auto"
    batch_size: int = 0

    def __post_init__(self) -> None:
        check_type("device", self.device, str, "auto, cpu, cuda, cuda:1 or mps")
        check_type("batch size", self.batch_size, int, "a whole number")
        if not re.fullmatch(DEVICES, self.device):
            raise LabError(f"there is no device {self.device!r}; use auto, cpu, cuda, cuda:1 or mps")
        if not 0 <= self.batch_size <= MOST_BATCH:
            raise LabError(f"batch size is {self.batch_size}; it must be from 1 to {MOST_BATCH}")

    @property
    def images(self) -> int:
        """Images per forward pass where nobody has measured."""
        return self.batch_size or USUAL_BATCH


def home() -> Path:
    """Return the lab's home folder (it may not exist yet)."""
    configured = os.environ.get("FEATURE_LAB_HOME")
    return Path(configured).expanduser() if configured else Path.home() / ".feature-lab"


def runs_dir() -> Path:
    """Return the folder that holds one folder per run."""
    return home() / "runs"


def cache_dir(kind: str) -> Path:
    """Return (and make) the cache folder for one kind of thing, such as "embeddings"."""
    folder = home() / "cache" / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def workers() -> int:
    """Return how many runs may be computed at once: `FEATURE_LAB_WORKERS`, or one.

    Two runs at once on a small machine are each slower than one after the other.
    """
    given = os.environ.get("FEATURE_LAB_WORKERS", "1")
    if not given.isdecimal() or not int(given):
        raise LabError(f"FEATURE_LAB_WORKERS is {given!r}; it must be a number of runs, 1 or more")
    return int(given)
