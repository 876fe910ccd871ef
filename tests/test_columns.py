"""Every table of every question is described, and the page that says so is up to date.

That computed tables hold no other columns is checked wherever a test computes one (`conftest`).
"""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from lab.experiments.columns import Table
from lab.registry import EXPERIMENTS, as_markdown, meaning

ROOT = Path(__file__).resolve().parent.parent
EVERY = [(row.name, name, table) for row in EXPERIMENTS.values() for name, table in row.tables.items()]


def test_every_question_of_the_registry_has_its_tables() -> None:
    assert all(row.tables for row in EXPERIMENTS.values())


@pytest.mark.parametrize(
    ("question", "name", "table"), EVERY, ids=lambda value: value if isinstance(value, str) else ""
)
def test_rows_are_sentences_and_columns_have_meanings(question: str, name: str, table: Table) -> None:
    assert table.row[0].isupper()
    assert table.row.endswith(".")
    assert table.columns
    for column, about in table.columns.items():
        assert about == about.strip(), column
        assert about, column
        assert not about.endswith("."), column


def test_an_interval_has_two_ends() -> None:
    for question, name, table in EVERY:
        lows = {column.removesuffix("_low") for column in table.columns if column.endswith("_low")}
        highs = {column.removesuffix("_high") for column in table.columns if column.endswith("_high")}
        assert lows == highs, (question, name)


def test_what_is_not_known_is_empty_and_picked_columns_keep_their_order() -> None:
    assert meaning("probe", "layers", "nonsense") == meaning("nonsense", "layers", "depth") == ""
    told = as_markdown("probe", {"summary": ["depth", "model"]})
    assert told.index("`depth`") < told.index("`model`")
    assert EXPERIMENTS["probe"].tables["summary"].row in told
    assert "`dim`" not in told


def test_the_page_is_what_the_code_says() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "make_tables.py"))
    assert script["TABLES"].read_text() == script["document"](), "run python docs/make_tables.py"
