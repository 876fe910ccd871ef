"""The allocator's settings: set where they exist, left alone where they do not."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from lab import malloc

GLIBC = platform.libc_ver()[0] == "glibc"


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATURE_LAB_ALLOCATOR", "system")
    assert not malloc.tune_allocator.__wrapped__()


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not malloc.tune_allocator.__wrapped__()


@pytest.mark.skipif(not GLIBC, reason="not the GNU C library")
def test_large_blocks_come_back_without_page_faults() -> None:
    """In a process of its own, as the setting cannot be taken back."""
    code = """
import resource, sys
from lab.malloc import tune_allocator
import numpy as np
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.empty(4_000_000, np.uint8).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
before = faults()
assert tune_allocator() and "torch" not in sys.modules
faults()
print(before, faults())
"""
    environment = {"PYTHONPATH": ":".join(sys.path), "NUMPY_MADVISE_HUGEPAGE": "0"}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    before, after = map(int, out.stdout.split())
    assert after < before / 10
