"""Attributions on the picture at every layer, each with its checks beside it."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lab.attributions.methods import METHODS
from lab.charts.attributions import insertion_deletion, randomisation
from lab.charts.overlays import values_of
from lab.experiments.attribution.map_findings import findings, learned, matters, missing_text, orders_of, random_range
from lab.experiments.attribution.request import AttributeRequest
from lab.experiments.picture import picture_name
from lab.experiments.result import Result
from lab.ui.attributions.controls import choose_method, choose_question
from lab.ui.attributions.overlays import CSS, heat_png, opacity_style, overlay, scale, under
from lab.ui.chart import show_chart
from lab.ui.chosen import layer_picker, layers_as_html
from lab.ui.findings import show_command, show_findings
from lab.ui.run_status import result_or_status
from lab.ui.selection import Selection
from lab.ui.tables import explained_table
from lab.ui.text import escaped

ANSWERS = {
    "learned": {"yes": "changes with weights", "no": "same with random weights", "open": "weights: undecided"},
    "matters": {"yes": "its pixels matter", "no": "no more than random", "open": "positions: not checked"},
}
# (learned, matters) -> the badge under a map; whatever fails one check is not to be trusted
TRUST = {
    "yes": ("lab-yes", "Passes both checks"),
    "no": ("lab-no", "Do not trust it"),
    "open": ("", "Not shown to be right or wrong"),
}
WHY_NOT = (": it looks the same with random weights", ": its pixels matter no more than random ones")
MARKS = {"yes": "lab-yes", "no": "lab-no", "open": ""}
OFFER = "Makes a map of this picture at every layer, and checks each."


def maps_section(subject: Selection) -> None:
    """Show the maps of the chosen network on the chosen picture."""
    st.html(CSS)
    target, how, layers, more, command = st.columns([4, 3.4, 2.4, 2, 2.3], gap="small", vertical_alignment="bottom")
    settings = more.popover("Settings", icon=":material/tune:", width="stretch")
    base = choose_question(subject, target, layers, settings)
    opacity = settings.slider("Opacity of the maps", 0.0, 1.0, 0.85, 0.05, key="map_opacity")
    with how:
        method, request = choose_method(base)
    with command:
        show_command(request)
    if METHODS[method].warning:
        st.warning(escaped(METHODS[method].warning))
    result = result_or_status(request, offer=OFFER)
    if result is None:
        return
    show_findings([*_trusted(result, method), *findings(result.tables, method)])
    maps = result["maps"]
    shown = maps[maps["method"] == method]
    st.html(opacity_style(opacity))
    chosen = _chosen_place(shown)
    name = picture_name(subject.picture)
    drawn = strip(result, shown, name, chosen) + under(result["picture"].iloc[0]["thumbnail"])
    layers_as_html(scale(METHODS[method].signed) + drawn, key="maps")
    st.caption(escaped(METHODS[method].about))
    _key(result)
    _not_shown(result, method)
    _charts(result, shown, method, chosen)
    _tables(result, request)


def _trusted(result: Result, method: str) -> list[str]:
    """Return the sentence that answers whether the maps are to be trusted, none where they were not checked."""
    maps, orders = result["maps"], orders_of(result.tables)
    rows = maps[maps["method"] == method].to_dict("records")
    if not rows or not {"random", "gain"} <= set(maps.columns):
        return []
    good = [row for row in rows if learned(row) == "yes" and matters(row, orders, len(rows)) == "yes"]
    at = f": {', '.join(row['layer'] or 'the pixels' for row in good)}" if good else ""
    return [f"{len(good)} of {len(rows)} maps pass both checks{at}."]


def _key(result: Result) -> None:
    """Say what the numbers under the maps are."""
    if "randomised" not in result.tables:
        return
    ranges = [random_range(orders_of(result.tables), place) for place in result["targets"]["score_at"]]
    low, high = min(found[1] for found in ranges), max(found[2] for found in ranges)
    st.caption(
        "Details: rank correlation with the map of random weights; what pixels are worth (insertion "
        f"less deletion; random squares: {low:+z.2f} to {high:+z.2f}); its rank correlation with the picture's edges."
    )


def _chosen_place(shown: pd.DataFrame) -> str:
    """Return the layer that is looked at, "" where there is one map or none; the arrow keys go to others."""
    places = list(dict.fromkeys(map(_place, shown.to_dict("records"))))
    return layer_picker(places) if len(places) > 1 else ""


def _place(row: dict[Any, Any]) -> str:
    return str(row["layer"] or row["score_at"] or "Pixels")


def strip(result: Result, shown: pd.DataFrame, name: str, chosen: str = "") -> str:
    """Return the map of the `chosen` layer large, and all maps from the first layer to the last, as HTML."""
    seen = result["picture"].iloc[0]
    orders = orders_of(result.tables)
    names = result["targets"].set_index("score_at")["name"]

    def figure(row: dict[Any, Any], *, large: bool) -> str:
        title = METHODS[row["method"]].title
        label = f"{name}: {title} at {row['layer'] or 'the pixels'} for {names[row['score_at']]}"
        over = overlay(heat_png(values_of(row), int(seen["height"]), int(seen["width"])), label)
        caption = _caption(row, names, orders, len(shown), unfolded=large)
        here = f' data-layer="{html.escape(_place(row), quote=True)}"' if chosen and not large else ""
        here += ' aria-current="true"' if _place(row) == chosen and not large else ""
        return f"<figure{here}>{over}<figcaption>{caption}</figcaption></figure>"

    rows = shown.to_dict("records")
    first = "".join(figure(row, large=True) for row in rows if _place(row) == chosen)
    every = "".join(figure(row, large=False) for row in rows)
    return (
        f'<div class="lab-overlays lab-large">{first}</div>' if first else ""
    ) + f'<div class="lab-overlays">{every}</div>'


def _caption(row: dict[Any, Any], names: pd.Series, orders: pd.DataFrame, tests: int, *, unfolded: bool) -> str:
    place = _place(row)
    grid = f"{row['height']} × {row['width']}"
    said = f" says {html.escape(str(names[row['score_at']]))}" if row["score_at"] else ""
    lines = [("like edges", f"{row['edges']:.2f}")]
    if "random" in row:
        lines.insert(0, (_mark("learned", learned(row)), f"{row['random']:.2f}"))
    if "gain" in row:
        lines.insert(1, (_mark("matters", matters(row, orders, tests)), f"{row['gain']:+z.2f}"))
    if np.isfinite(row["share"]):
        lines.append(("on what differs (area)", f"{row['share']:.0%} ({row['area']:.0%})"))
    if np.isfinite(row["incompleteness"]):
        lines.append(("missing of its sum", missing_text(row["incompleteness"])))
    problem = f"<br>{html.escape(row['problem'])}" if row["problem"] else ""
    rows = "".join(f'<p class="lab-check"><span>{name}</span><b>{value}</b></p>' for name, value in lines)
    details = f"<details{' open' * unfolded}><summary>Details</summary>{grid} pixels{rows}</details>"
    return f"<b>{html.escape(place)}</b>{said}{problem}{_badge(row, orders, tests)}{details}"


def _badge(row: dict[Any, Any], orders: pd.DataFrame, tests: int) -> str:
    """Return in a word whether one of `tests` maps is to be trusted, "" where it was not checked."""
    if "random" not in row or "gain" not in row:
        return ""
    answers = (learned(row), matters(row, orders, tests))
    mark, said = TRUST["no" if "no" in answers else "open" if "open" in answers else "yes"]
    why = {"no": WHY_NOT[answers.index("no")]} if "no" in answers else {}
    return f'<p class="lab-trust {mark}">{said}{why.get("no", "")}</p>'


def _mark(check: str, answer: str) -> str:
    return f'<span class="{MARKS[answer]}">{ANSWERS[check][answer]}</span>'


def _not_shown(result: Result, method: str) -> None:
    table = result["capability"]
    missing = table[(table["method"] == method) & ~table["valid"]]
    if len(missing):
        rows = missing.to_dict("records")
        reasons = "; ".join(f"{row['layer'] or 'pixels'}: {row['reason']}" for row in rows)
        st.caption(escaped(f"No map at {reasons}."))


def _charts(result: Result, shown: pd.DataFrame, method: str, chosen: str) -> None:
    if "randomised" not in result.tables or not len(shown):
        return
    st.markdown("### Is it to be trusted?")
    weights, places = st.columns(2, gap="large")
    rows = shown.reset_index(drop=True)
    names = [_name_of(row) for row in rows.to_dict("records")]
    with places:
        here = [k for k, row in enumerate(rows.to_dict("records")) if _place(row) == chosen]
        picked = st.selectbox(
            "Pixels in the order of the map at", names, index=(here or [len(names) - 1])[0],
            key=f"curve_of_{chosen}",
        )  # fmt: skip
        at = rows.iloc[names.index(picked)]
        show_chart(
            result, insertion_deletion, key="curves_chart", method=method, layer=at["layer"],
            score_at=at["score_at"],
        )  # fmt: skip
    with weights:
        many = rows["score_at"].nunique() > 1
        st.caption(
            "Weights are made random from the output to the input: how much does each map still look like itself?"
        )
        show_chart(
            result, randomisation, key="random_chart", method=method,
            score_at=at["score_at"] if many else rows["score_at"].iloc[0],
        )  # fmt: skip


def _name_of(row: dict[Any, Any]) -> str:
    if row["layer"]:
        return str(row["layer"])
    return f"the pixels (probe at {row['score_at']})" if row["score_at"] else "the pixels"


def _tables(result: Result, request: AttributeRequest) -> None:
    with st.expander("Every map in numbers", icon=":material/table_rows:"):
        explained_table(result, "maps", key="maps_table", drop=["array", "signed", "height", "width"])
    with st.expander("Which method is valid where", icon=":material/rule:"):
        table = result["capability"]
        titles = table["method"].map(lambda name: METHODS[name].title)
        shown = table.assign(method=titles, layer=table["layer"].replace("", "pixels"))
        st.dataframe(shown.drop(columns=["asked"]), hide_index=True, key="capability_table")
    if len(result["targets"]) > 1 or request.target.startswith("probe"):
        with st.expander("The probes that are explained", icon=":material/linear_scale:"):
            st.dataframe(result["targets"], hide_index=True, key="targets_table")
