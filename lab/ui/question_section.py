"""A question on a page: its settings, where its run stands, what was found, its charts, its tables.

The skeleton of every tab. A section of its own adds what makes its answer seen at a glance; a question without one is
shown by `question_section` alone, with all that its row of the registry says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from lab.charts.map_rows import data_url
from lab.encode import NOT_TEXT
from lab.errors import LabError
from lab.experiments.base import Request, type_name
from lab.experiments.result import Result
from lab.registry import EXPERIMENTS, charts_of
from lab.registry.row import Experiment
from lab.ui.answer import answered
from lab.ui.chart import as_shown, show_spec
from lab.ui.choices import with_current
from lab.ui.gallery import Picture, gallery
from lab.ui.selection import Selection, request_for
from lab.ui.tables import result_tables
from lab.ui.tabs import Tab, questions
from lab.ui.text import escaped
from lab.ui.url_widgets import url_field

OFFER = "Not computed yet with these settings."


Sections = Mapping[str, Callable[[Selection], None]]  # tab -> what shows it


def page_of_questions(page: str, sections: Sections, subject: Selection) -> None:
    """Show the tabs of a page of questions, as the registry lists them: each question above its answer as a heading.

    A tab without a section of its own shows its questions as `question_section` does.
    """
    by_tab: dict[str, list[Experiment]] = {}
    for row in EXPERIMENTS.values():
        if row.page == page:
            by_tab.setdefault(row.tab, []).append(row)
    shown = [
        Tab(name, escaped(rows[0].question), sections.get(name, partial(question_section, rows)))
        for name, rows in by_tab.items()
    ]
    questions(shown, subject)


def question_section(rows: Sequence[Experiment], subject: Selection) -> None:
    """Show questions that have no section of their own, one below the other."""
    for row in rows:
        if row is not rows[0]:
            st.markdown(f"### {escaped(row.question)}")
        kind = row.request_type
        if not issubclass(kind, Request):
            continue
        try:
            request = request_for(kind, subject, **settings(kind, subject))
        except LabError as error:
            st.warning(escaped(error))
            continue
        if (result := answered(request, offer=OFFER)) is not None:
            show_all(result)


def show_all(result: Result) -> None:
    """Show every chart and the tables of a result, as its row of the registry has them."""
    for file, chart in charts_of(result).items():
        show_spec(as_shown(chart), key=f"{result.request.experiment}_{file}")
    for name, table in result.tables.items():
        if "thumbnail" in table and len(table):
            st.caption(f"{name.replace('_', ' ').capitalize()}:")
            gallery(map(_picture, table.to_dict("records")), key=f"{result.request.experiment}_{name}_pictures")
    result_tables(result)


def _picture(row: Mapping[Any, Any]) -> Picture:
    said = " · ".join(value for name, value in row.items() if name not in NOT_TEXT and isinstance(value, str))
    return Picture(data_url(row["thumbnail"]), said, said)


def settings(kind: type[Request], subject: Selection) -> dict[str, Any]:
    """Show a widget for each field of a request that the page has no box for, and return what they say."""
    usual, values = kind(), {}
    fields = [field for field in dataclasses.fields(kind) if field.name not in subject.chosen]
    if not fields:
        return {}
    with st.expander("Settings", icon=":material/tune:"):
        for field in fields:
            values[field.name] = _widget(usual, field)
    return values


def _widget(usual: Request, field: dataclasses.Field[Any]) -> Any:
    label, about = field.name.replace("_", " ").capitalize(), field.metadata.get("about", "")
    choices, least, most = (field.metadata.get(key) for key in ("choices", "least", "most"))
    tied = url_field(usual, field.name, key=f"{usual.experiment}_{field.name}")
    if choices:
        return st.selectbox(label, list(choices), help=about, **tied)
    if isinstance(field.default, tuple):
        known, key = field.metadata.get("known") or (), str(tied["key"])
        st.session_state[key] = list(st.session_state[key])
        options = with_current(known, st.session_state[key])
        return tuple(st.multiselect(label, options, help=about, accept_new_options=not known, **tied))
    if isinstance(field.default, bool):
        return st.toggle(label, help=about, **tied)
    if isinstance(field.default, (int, float)) or type_name(field) == "int | None":  # None is an empty box
        number: type[int | float] = type(field.default) if isinstance(field.default, (int, float)) else int
        bounds = [number(bound) if bound is not None else None for bound in (least, most)]
        return st.number_input(label, bounds[0], bounds[1], help=about, **tied)
    return st.text_input(label, help=about, **tied)
