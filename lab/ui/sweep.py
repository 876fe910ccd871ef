"""What a sweep has found so far: networks by depth, coverage, and why units have no result. Computes nothing."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from lab.charts.sweep import sweep_map
from lab.encode import as_csv
from lab.settings import home
from lab.sweeps.columns import SWEEP
from lab.sweeps.folder import list_sweeps
from lab.sweeps.plan import Plan
from lab.sweeps.tables import sweep_tables
from lab.ui.chart import on_a_phone, show_tables_chart
from lab.ui.text import count, escaped

POLL_SECONDS = 5
EXAMPLE = """networks = ["tf_efficientnet_lite0", "test_*@untrained"]
images = ["drawn:pets", { data = "path/to/photos", per_class = 100 }]
layers = ["stages"]
seeds = [0, 1, 2]
"""


def sweep_section() -> None:
    """Show one of the sweeps of this computer, which the URL names or a box picks."""
    plans = {plan.id: plan for plan in list_sweeps()}
    if not plans:
        _how_to_begin()
        return
    if st.session_state.get("sweep") not in plans:
        given = st.query_params.get("sweep", "")
        st.session_state["sweep"] = given if given in plans else next(iter(plans))
    chosen = st.selectbox(
        "Sweep", list(plans), key="sweep",
        format_func=lambda id: f"{plans[id].name}: {count(len(plans[id].units), 'unit')} ({id})",
    )  # fmt: skip
    st.query_params["sweep"] = chosen
    plan = plans[chosen]
    if _unfinished(_tables(str(home()), chosen, plan)):
        st.fragment(_show, run_every=POLL_SECONDS)(plan)
    else:
        _show(plan)


def _how_to_begin() -> None:
    with st.container(border=True, key="no_sweeps"):
        st.markdown(
            "**Nothing has been computed yet.** Write a plan, say `plan.toml`, and compute it from a "
            "terminal; this page then shows how far it is."
        )
        st.code(EXAMPLE, language=None)  # colours of TOML are too faint on the light page
        st.code("feature-lab sweep plan.toml", language="bash")


def _show(plan: Plan) -> None:
    tables = _tables(str(home()), plan.id, plan)
    _progress(plan, tables["units"])
    images, layers, probe = _choices(plan)
    show_tables_chart(tables, sweep_map, key="sweep_map", images=images, layers=layers, probe=probe, short=on_a_phone())
    _lost(tables["units"])
    for name, table in tables.items():
        with st.expander(name.capitalize(), icon=":material/table_rows:"):
            about = {column: st.column_config.Column(help=text) for column, text in SWEEP[name].columns.items()}
            st.dataframe(table, hide_index=True, key=f"sweep_table_{name}", column_config=about)
            st.download_button(
                "CSV", data=as_csv(table), file_name=f"{plan.id}-{name}.csv", mime="text/csv",
                key=f"sweep_csv_{name}", icon=":material/download:", on_click="ignore",
            )  # fmt: skip


def _progress(plan: Plan, units: pd.DataFrame) -> None:
    done = int((units["status"] == "finished").sum())
    others = ", ".join(
        f"{number} {'not begun' if status == 'new' else status}"
        for status, number in units["status"].value_counts().items()
        if status != "finished"
    )
    st.progress(
        done / len(units), text=f"{done} of {count(len(units), 'unit')} finished" + (f"; {others}" * bool(others))
    )
    if done < len(units):
        st.caption("To go on with it, from where it is:")
        st.code(f"feature-lab sweep {plan.id}", language="bash")


def _choices(plan: Plan) -> tuple[str, str, str]:
    """Show what the map is of, and return it; what there is one of is not asked for."""
    axes = {"images": list(plan.images), "layers": list(plan.layers), "probe": list(plan.probes)}
    chosen = {name: values[0] for name, values in axes.items()}
    several = {name: values for name, values in axes.items() if len(values) > 1}
    for column, (name, values) in zip(st.columns(len(several)) if several else (), several.items(), strict=True):
        chosen[name] = column.selectbox(name.capitalize(), values, key=f"sweep_{name}_{plan.id}")
    return chosen["images"], chosen["layers"], chosen["probe"]


def _lost(units: pd.DataFrame) -> None:
    lost = units[(units["reason"] != "") & ~units["status"].isin(["running", "queued"])]
    for (network, images, status, reason), own in lost.groupby(["network", "images", "status", "reason"], sort=False):
        st.warning(escaped(f"{count(len(own), 'unit')} {status}: {network} on {images}: {reason}"))


def _unfinished(tables: dict[str, pd.DataFrame]) -> bool:
    return bool(tables["units"]["status"].isin(["running", "queued", "new"]).any())


@st.cache_data(show_spinner=False, ttl=POLL_SECONDS - 1, max_entries=8)
def _tables(home_folder: str, sweep: str, _plan: Plan) -> dict[str, pd.DataFrame]:
    return sweep_tables(_plan)  # the home folder and the sweep's id are in the key
