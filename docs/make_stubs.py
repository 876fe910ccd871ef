"""Write `lab/runs/ask.pyi`: `lab.ask` as type checkers see it, each question with its own arguments.

Run after a change of a request's fields: `python docs/make_stubs.py`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from lab.experiments.base import type_name
from lab.registry import EXPERIMENTS
from lab.registry.row import Experiment

PATH = Path(__file__).resolve().parent.parent / "lab" / "runs" / "ask.pyi"
HEAD = '''"""`lab.ask` as type checkers see it, written by `docs/make_stubs.py` from the registry of questions."""

import os
from collections.abc import Iterable, Sequence
from typing import Literal, overload

from lab.experiments.result import Result
from lab.models import Model
from lab.progress import Progress
from lab.settings import Compute
'''
# Fields that take more from Python than their type says
WIDER = {"model": "Model", "models": "Iterable[Model]", "others": "Iterable[Model]", "layers": "str | Sequence[str]"}
PATHS = ("data", "probe_data", "picture")


def stub() -> str:
    """Return the text of the stub."""
    return HEAD + "".join(_overload(row) for row in EXPERIMENTS.values())


def _overload(row: Experiment) -> str:
    names = ", ".join(repr(name).replace("'", '"') for name in (row.name, *row.aliases))
    fields = [f"    {field.name}: {_type(field)} = ...," for field in dataclasses.fields(row.request_type)]
    return "\n".join(
        ["", "@overload", "def ask(", f"    question: Literal[{names}],", "    *,", *fields,
         "    progress: Progress | None = ...,", "    compute: Compute | None = ...,", ") -> Result: ...", ""]
    )  # fmt: skip


def _type(field: dataclasses.Field[Any]) -> str:
    if field.name in WIDER:
        return WIDER[field.name]
    if isinstance(field.default, tuple):
        return "str | Sequence[str]"
    return "str | os.PathLike[str]" if field.name in PATHS else type_name(field)


if __name__ == "__main__":
    PATH.write_text(stub())
