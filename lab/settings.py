"""Where things are kept and how work is computed; none of it changes what is asked (that is a `Request`).

The home folder is `FEATURE_LAB_HOME`, or `~/.feature-lab`; it holds `runs/` (results) and `cache/` (can be deleted).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Compute:
    """How a request is computed: device ("auto", "cpu", "cuda", "cuda:1", "mps"), images per forward pass."""

    device: str = "auto"
    batch_size: int = 16


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
