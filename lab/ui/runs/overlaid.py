"""Several runs on one axis of relative depth."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from lab.charts.accuracy import accuracy_by_depth
from lab.runs.store import RunFolder
from lab.ui.chart import show_tables_chart
from lab.ui.run_cache import finished_result
from lab.ui.run_labels import run_labels
from lab.ui.separability.panels import metric_picker
from lab.ui.text import percent

COMPARED = ("layers", "summary", "emergence")


def compare_runs(runs: list[RunFolder]) -> None:
    """Let the user pick finished runs and lay their curves over each other; the choice is in the URL."""
    names = run_labels(runs)
    if "compared" not in st.session_state:
        st.session_state["compared"] = [run_id for run_id in st.query_params.get_all("compare") if run_id in names]
    st.session_state["compared"] = [run_id for run_id in st.session_state["compared"] if run_id in names]
    chosen = st.multiselect(
        "Compare",
        list(names),
        key="compared",
        format_func=lambda run_id: names.get(run_id, run_id),
        placeholder="choose two or more finished runs",
    )
    if st.query_params.get_all("compare") != chosen:
        st.query_params["compare"] = chosen
    if len(chosen) == 1:
        st.caption("Choose one more to compare it with.")
    if len(chosen) < 2:
        return
    tables = joined({run.id: run for run in runs if run.id in chosen}, names)
    show_tables_chart(
        tables,
        accuracy_by_depth,
        key="compare_chart",
        metric=metric_picker(),
        controls=(),
        labels="legend",
    )
    st.dataframe(overview(tables), hide_index=True)


def joined(runs: Mapping[str, RunFolder], names: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """Return the tables of several runs as one, each run's network named by its run."""
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in COMPARED}
    for run_id, run in runs.items():
        result = finished_result(run)
        several = result["layers"]["model"].nunique() > 1
        for name in COMPARED:
            table = result[name]
            told = f"{names[run_id]}: " + table["model"] if several else names[run_id]
            found[name].append(table.assign(model=told).where(table["model"] != "", table))
    return {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}


def overview(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per curve: accuracy at the first, best and last layer."""
    probe = tables["summary"].query("control == 'probe'").sort_values("depth")
    rows = []
    for model, curve in probe.groupby("model", sort=False):
        best = curve.iloc[int(curve["accuracy"].argmax())]
        rows.append(
            {
                "run": model,
                "first layer": percent(curve["accuracy"].iloc[0]),
                "best layer": f"{percent(best['accuracy'])} at {best['layer']}",
                "last layer": percent(curve["accuracy"].iloc[-1]),
            }
        )
    return pd.DataFrame(rows)
