"""The tables behind a page: folded, one at a time, every column with its meaning as help."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from lab.encode import NOT_TEXT
from lab.experiments.base import Result
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
        known = {column: about(name, column) for column in map(str, shown.columns)}
        config = {column: st.column_config.Column(help=text) for column, text in known.items() if text}
        st.dataframe(shown, hide_index=True, key=f"{key}_{name}", column_config=config)
        if below is not None:
            below(name)
