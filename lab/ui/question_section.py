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

<<<<<<< HEAD
from lab.charts.map_rows import data_url
from lab.encode import NOT_TEXT
=======
>>>>>>> main
from lab.errors import LabError
from lab.experiments.base import Request, Result, type_name
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

OFFER = "This has not been computed yet with these settings."


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
<<<<<<< HEAD
        show_spec(as_shown(chart), key=f"{name}_{file}")
    for table_name, table in result.tables.items():
        with st.expander(table_name.replace("_", " ").capitalize(), icon=":material/table_rows:"):
            shown = table.drop(columns=[column for column in NOT_TEXT if column in table])
            if "thumbnail" in table:
                said = shown.select_dtypes(exclude=["number", "bool"])
                captions = [" · ".join(map(str, row)) for row in said.itertuples(index=False)]
                pictures = zip(map(data_url, table["thumbnail"]), captions, strict=True)
                gallery([Picture(url, text, text) for url, text in pictures], key=f"{name}_{table_name}_pictures")
            about = {column: meaning(name, table_name, column) for column in shown.columns}
            config = {column: st.column_config.Column(help=text) for column, text in about.items() if text}
            st.dataframe(shown, hide_index=True, key=f"{name}_{table_name}", column_config=config)
=======
        show_spec(as_shown(chart), key=f"{result.request.experiment}_{file}")
    result_tables(result)
>>>>>>> main


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
