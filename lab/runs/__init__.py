"""Runs: the folder that holds one on disk, the process that computes one, and asking for one from Python.

`lab.runs()` lists them: the package can be called, as its name is the one that people look for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Runs(ModuleType):
    def __call__(self) -> Any:
        return import_module("lab.runs.from_python").runs()


sys.modules[__name__].__class__ = _Runs
