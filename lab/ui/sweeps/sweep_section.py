"""What a sweep has found so far: its atlas, networks by depth, why units have no result. Computes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from lab.charts.atlas import ATLAS_PICK, atlas
from lab.charts.sweep import sweep_map
from lab.encode import as_csv
from lab.export.atlas import atlas_html
from lab.settings import home
from lab.sweeps.columns import SWEEP
from lab.sweeps.example import example_sweep
from lab.sweeps.folder import list_sweeps
from lab.sweeps.plan import Plan
from lab.sweeps.tables import run_of, sweep_tables
from lab.ui.chart import on_a_phone, show_spec, show_tables_chart, tables_spec
from lab.ui.routes import page_of_run
from lab.ui.run_labels import example_note, shown_time
from lab.ui.tables import table_fold
from lab.ui.text import count, escaped
from lab.ui.url_state import to_params

Tables = dict[str, pd.DataFrame]
Show = Callable[[Plan, Tables], None]

POLL_SECONDS = 5
OWN = """networks = ["tf_efficientnet_lite0", "test_*@untrained"]
images = ["drawn:pets", { data = "path/to/photos", per_class = 100 }]
layers = ["stages"]
seeds = [0, 1, 2]
"""


def atlas_section() -> None:
    """Show networks against image sets, each cell accuracy by depth in small; a click leads to the run."""
    _of_a_sweep(_atlas)


def depth_section() -> None:
    """Show the networks by depth on one image set, and the tables of the sweep."""
    _of_a_sweep(_by_depth)


def _of_a_sweep(show: Show) -> None:
    """Show something of one of the sweeps of this computer, which the URL names or a box picks."""
    plans = {plan.id: plan for plan in list_sweeps()}
    given = st.query_params.get("sweep", "")
    if given and given not in plans:
        st.warning(f"This link cannot be shown: there is no sweep {escaped(repr(given))} on this computer.")
    if not plans:
        if (example := example_sweep()) is not None:
            st.markdown(example_note(shown_time(example.created), example.versions))
            st.fragment(show)(example.plan, dict(example.tables))
        _how_to_begin()
        return
    if st.session_state.get("sweep") not in plans:
        st.session_state["sweep"] = given if given in plans else next(iter(plans))
    chosen = st.selectbox(
        "Sweep", list(plans), key="sweep", persist_state="page",
        format_func=lambda id: f"{plans[id].name}: {count(len(plans[id].units), 'unit')} ({id})",
    )  # fmt: skip
    st.query_params["sweep"] = chosen
    plan = plans[chosen]
    every = POLL_SECONDS if _unfinished(_tables(str(home()), chosen, plan)) else None
    st.fragment(_shown, run_every=every)(plan, show)


def _how_to_begin() -> None:
    with st.container(border=True, key="no_sweeps"):
        st.markdown(
            "**Your own sweep:** write a plan, say `plan.toml`, and compute it from a terminal; this page follows."
        )
        st.code(OWN, language=None)  # colours of TOML are too faint on the light page
        st.code("feature-lab sweep plan.toml", language="bash")


def _shown(plan: Plan, show: Show) -> None:
    tables = _tables(str(home()), plan.id, plan)
    _progress(plan, tables["units"])
    show(plan, tables)
    _lost(tables["units"])


def _atlas(plan: Plan, tables: Tables) -> None:
    layers, probe = (_choice(plan, name) for name in ("layers", "probe"))
    event = show_spec(
        tables_spec({name: tables[name] for name in ("units", "layers")}, atlas, layers=layers, probe=probe,
                    short=on_a_phone()),
        key="atlas", on_select="rerun", selection_mode=ATLAS_PICK,
    )  # fmt: skip
    picked = event.selection.get(ATLAS_PICK) if event else None
    if picked:
        place = {"network": picked[0]["network"], "images": picked[0]["images"], "layers": layers, "probe": probe}
        _cell(plan, tables, place)
    else:
        st.caption("A click on a box shows its layers and run.")
    st.download_button(
        "Atlas as one HTML file", data=lambda: atlas_html(plan, tables), file_name=f"{plan.id}.html", mime="text/html",
        key="atlas_html", icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def _cell(plan: Plan, tables: Tables, place: dict[str, str]) -> None:
    """Show the layers of one cell, and the way to its runs or, where one is not here, to what it asks."""
    found = _at(tables["layers"], place)
    units = [unit for unit in plan.units if place.items() <= unit.place.items()]
    with st.container(border=True, key="atlas_cell"):
        st.markdown(f"**{escaped(place['network'])}** on **{escaped(place['images'])}**")
        with st.container(horizontal=True):
            for unit in units:
                run = run_of(unit)
                page, query = page_of_run("probe", run.id)
                here = run.status == "finished"
                label = "Open the run" if here else "Ask it here"
                label += f" of seed {unit.seed}" * (len(units) > 1)
                st.page_link(
                    page, label=label, icon=":material/open_in_new:",
                    query_params=query if here else to_params(unit.request),
                )  # fmt: skip
        shown = found[found["control"] == "probe"][["layer", "depth", "accuracy", "spread", "finished", "planned"]]
        known = SWEEP["layers"].columns
        about = {name: st.column_config.Column(help=known[name]) for name in map(str, shown.columns)}
        st.dataframe(shown, hide_index=True, key="atlas_layers", column_config=about)


def _at(table: pd.DataFrame, place: dict[str, str]) -> pd.DataFrame:
    return table[(table[list(place)] == pd.Series(place)).all(axis=1)]


def _by_depth(plan: Plan, tables: Tables) -> None:
    images, layers, probe = (_choice(plan, name) for name in ("images", "layers", "probe"))
    show_tables_chart(tables, sweep_map, key="sweep_map", images=images, layers=layers, probe=probe, short=on_a_phone())

    def csv(name: str) -> None:
        st.download_button(
            "CSV", data=lambda: as_csv(tables[name]), file_name=f"{plan.id}-{name}.csv", mime="text/csv",
            key=f"sweep_csv_{name}", icon=":material/download:", on_click="ignore",
        )  # fmt: skip

    table_fold(tables, lambda name, column: SWEEP[name].columns[column], key="sweep", below=csv)


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


def _choice(plan: Plan, name: str) -> str:
    """Show a box for an axis of the plan, and return what is chosen; what there is one of is not asked for."""
    values = {"images": list(plan.images), "layers": list(plan.layers), "probe": list(plan.probes)}[name]
    return st.selectbox(name.capitalize(), values, key=f"sweep_{name}_{plan.id}") if len(values) > 1 else values[0]


def _lost(units: pd.DataFrame) -> None:
    lost = units[(units["reason"] != "") & ~units["status"].isin(["running", "queued"])]
    for (network, images, status, reason), own in lost.groupby(["network", "images", "status", "reason"], sort=False):
        st.warning(escaped(f"{count(len(own), 'unit')} {status}: {network} on {images}: {reason}"))


def _unfinished(tables: dict[str, pd.DataFrame]) -> bool:
    return bool(tables["units"]["status"].isin(["running", "queued", "new"]).any())


@st.cache_data(show_spinner=False, ttl=POLL_SECONDS - 1, max_entries=8)
def _tables(home_folder: str, sweep: str, _plan: Plan) -> dict[str, pd.DataFrame]:
    return sweep_tables(_plan)  # the home folder and the sweep's id are in the key
