"""Keeping the memory of large tensors instead of handing it back after each use; keeping torch to one thread.

By default the GNU C library maps every large block afresh and returns it at once, so each forward pass pays for
thousands of page faults: with the two thresholds raised, EfficientNet-Lite0 ran at 83 images/s instead of 37 on two
cores. Other C libraries, and `FEATURE_LAB_ALLOCATOR=system`, are left alone.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

# From glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MMAP_THRESHOLD = 2**30
TRIM_THRESHOLD = 2**31 - 1


@functools.cache
def tune_allocator() -> bool:
    """Set the thresholds in this process; return whether they are set."""
    if os.environ.get("FEATURE_LAB_ALLOCATOR") == "system" or platform.libc_ver()[0] != "glibc":
        return False
    if "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return True
    library = ctypes.CDLL(None)
    mmap = library.mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD)
    trim = library.mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD)
    return bool(mmap and trim)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread within the block: small products gain nothing from several, and suffer where another
    process wants a core."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
