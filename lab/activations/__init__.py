"""Reading layers while a network runs: `record` hooks, `pool` reduces, `Extractor` does both for batches."""

from lab.activations.extractor import Extractor
from lab.activations.pooling import check_pooling, pool
from lab.activations.recording import keep, record

__all__ = ["Extractor", "check_pooling", "keep", "pool", "record"]
