"""The tables behind a page: folded, one at a time, every column with its meaning as help."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import streamlit as st

from lab.encode import NOT_TEXT
from lab.experiments.result import Result
from lab.registry import meaning


def result_tables(result: Result) -> None:
    """Show the tables of a result, as its row of the registry explains them."""
    name = result.request.experiment
    table_fold(result.tables, lambda table, column: meaning(name, table, column), key=name)


def table_fold(
    tables: Mapping[str, pd.DataFrame],
    about: Callable[[str, str], str],
    *,
    key: str,
    below: Callable[[str], None] | None = None,
) -> None:
    """Show one of the tables, as a box says; a closed fold costs nothing. `below` shows what belongs to a table."""
    fold = st.expander("Tables", icon=":material/table_rows:", key=f"{key}_tables", on_change="rerun")
    if not fold.open:
        return
    with fold:
        name = st.selectbox(
            "Table", list(tables), key=f"{key}_table", label_visibility="collapsed",
            format_func=lambda name: name.replace("_", " ").capitalize(),
        )  # fmt: skip
        shown = tables[name].drop(columns=[column for column in NOT_TEXT if column in tables[name]])
        _with_help(shown, lambda column: about(name, column), f"{key}_{name}")
        if below is not None:
            below(name)


def explained_table(result: Result, name: str, *, key: str, drop: Sequence[str] = ()) -> None:
    """Show a table of a result without the columns of `drop`, each other one with its meaning as help."""
    question = result.request.experiment
    _with_help(result[name].drop(columns=list(drop)), lambda column: meaning(question, name, column), key)


def _with_help(table: pd.DataFrame, about: Callable[[str], str], key: str) -> None:
    known = {column: about(column) for column in map(str, table.columns)}
    config = {column: st.column_config.Column(help=text) for column, text in known.items() if text}
    st.dataframe(table, hide_index=True, key=key, column_config=config)
