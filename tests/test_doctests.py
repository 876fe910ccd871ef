"""The examples in docstrings, where a reader would try them first, do what they say."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = (
    "lab.experiments.building.receptive_field_arithmetic",
    "lab.experiments.building.size_arithmetic",
    "lab.geometry.similarity",
    "lab.models.reference",
    "lab.names",
    "lab.registry",
    "lab.runs.ask",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    failed, tried = doctest.testmod(import_module(name))
    assert tried
    assert not failed
