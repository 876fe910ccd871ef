"""The page's URL and the request it shows: each is made from the other, so a copied link reopens the same view.

A request's fields are query parameters of the same names; what is default is left out. `?run=ID` is a short way to
say the same for a run that is on this machine; it is spelled out as soon as the page opens. On pages of several
questions the parameter `experiment` says which of them was opened, and a field that is not for all of them has its
question's name before it (`late_layers_only.stage`): what is chosen for one question leaves the others as they are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import streamlit as st

from lab.errors import LabError
from lab.experiments.base import Request, type_name
from lab.registry import ALIASES
from lab.runs.examples import example_named
from lab.runs.store import RunFolder
from lab.settings import runs_dir
from lab.ui.notices import consent
from lab.ui.routes import shares_its_page
from lab.ui.text import escaped

Params = dict[str, str | list[str]]
R = TypeVar("R", bound=Request)
OPENED = "experiment"
RUN_ID = re.compile(r"[A-Za-z0-9_-]+")
SHARED = ("model", "picture", "data")  # fields that mean the same to every question of a page
CHOSEN = ("layer", "image")  # parameters of every page: what is looked at (`lab.ui.chosen`)
NONE = "none"  # stands for an empty list where the default is not empty: a URL cannot hold an empty list


def param(kind: type, field: str) -> str:
    """Return the query parameter that holds a field of a request of this kind (or of the page's subject)."""
    experiment = getattr(kind, "experiment", "")
    own = field in CHOSEN or (shares_its_page(experiment) and field not in SHARED)
    return f"{experiment}.{field}" if own else field


def to_params(request: Request) -> Params:
    """Return the query parameters that describe a request; fields that are default are left out."""
    default = type(request)()
    params: Params = {}
    for field in dataclasses.fields(request):
        value, name = getattr(request, field.name), param(type(request), field.name)
        if value == getattr(default, field.name):
            continue
        if isinstance(value, tuple):
            params[name] = [str(item) for item in value] or NONE
        else:
            params[name] = NONE if value is None else str(value)
    return params


def from_params(kind: type[R], params: Mapping[str, list[str]]) -> R:
    """Return the request that query parameters describe; raises LabError for values that mean nothing."""
    default = kind()
    values = {
        field.name: _value(field.name, given, getattr(default, field.name), type_name(field))
        for field in dataclasses.fields(kind)
        if (given := params.get(param(kind, field.name)))
    }
    return kind(**values)


def requested(kind: type[R]) -> R:
    """Return the request this page's URL asks for, or the one this session looked at last, or the default one.

    An unusable URL is told and the default request is shown.
    """
    try:
        _spell_out_run(kind)
        given = {name: st.query_params.get_all(name) for name in st.query_params}
        request = from_params(kind, given).canonical()
    except LabError as error:
        st.warning(f"This link cannot be shown: {escaped(error)}. Here is the default experiment instead.")
        return kind().canonical()
    if not any(param(kind, field.name) in given for field in dataclasses.fields(kind)):
        request = st.session_state.get(_remembered(kind), request)
    show(request)
    return request


def show(request: Request) -> None:
    """Make the page's URL that of `request` and remember it in this session; parameters of the view stay."""
    st.session_state[_remembered(type(request))] = request
    if shares_its_page(request.experiment):
        st.query_params[OPENED] = request.experiment
    params = to_params(request)
    for field in dataclasses.fields(request):
        name = param(type(request), field.name)
        value = params.get(name, [])
        consent(value)
        wanted = [value] if isinstance(value, str) else value
        if st.query_params.get_all(name) == wanted:
            continue
        if wanted:
            st.query_params[name] = wanted
        else:
            del st.query_params[name]


def spell_out_opened() -> None:
    """Where the URL names a run, put in its place what it asked; raises LabError when there is no such run.

    Names that a question had in earlier versions become those of today.
    """
    for name in list(st.query_params):
        question, dot, field = name.partition(".")
        if dot and question in ALIASES:
            st.query_params[f"{ALIASES[question]}.{field}"] = st.query_params.get_all(name)
            del st.query_params[name]
    if (known := st.query_params.get(OPENED, "")) in ALIASES:
        st.query_params[OPENED] = ALIASES[known]
    run_id = st.query_params.pop("run", None)
    if run_id is not None:
        show(known_run(run_id).request)


def opened(kind: type[R]) -> R | None:
    """Return the request of the run that this page was opened on, None if it asked something else than `kind`."""
    if st.query_params.get(OPENED) != kind.experiment:
        return None
    try:
        return from_params(kind, {name: st.query_params.get_all(name) for name in st.query_params})
    except LabError:
        return None


def known_run(run_id: str) -> RunFolder:
    """Return the run with exactly this id; never a path, since a link must not open other folders."""
    run = RunFolder(runs_dir() / run_id) if RUN_ID.fullmatch(run_id) else None
    if run is not None and not run.path.exists():
        run = example_named(run_id)
    with contextlib.suppress(LabError):
        if run is not None and run.request:
            return run
    raise LabError(f"there is no run {run_id!r} on this computer; the page Runs lists those there are")


def _remembered(kind: type[Request]) -> str:
    return f"last_{kind.experiment}_request"


def _spell_out_run(kind: type[Request]) -> None:
    run_id = st.query_params.pop("run", None)
    if run_id is None:
        return
    request = known_run(run_id).request
    if not isinstance(request, kind):
        raise LabError(f"run {run_id!r} answers another question ({request.experiment})")
    show(request)


def _value(name: str, given: list[str], default: Any, kind: str) -> Any:
    if isinstance(default, tuple):
        return () if default and given == [NONE] else tuple(given)
    if kind == "bool":
        return given[-1] == "True"
    if "int" not in kind and "float" not in kind:
        return given[-1]
    if given[-1] == NONE and "None" in kind:
        return None
    try:
        return int(given[-1]) if "int" in kind else float(given[-1])
    except ValueError as error:
        wanted = "a whole number" if "int" in kind else "a number"
        raise LabError(f"{name} is {given[-1]!r}; it must be {wanted}") from error
