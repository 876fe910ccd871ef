"""A request and the page's URL say the same."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import LabError
from lab.experiments.separability.request import ProbeRequest
from lab.probing.controls import OPTIONAL as CONTROLS
from lab.ui.url_state import from_params, to_params

names = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() == text and text != "none")
requests = st.builds(
    ProbeRequest,
    models=st.lists(names, min_size=1, max_size=3, unique=True).map(tuple),
    data=names,
    classes=st.lists(names, max_size=3, unique=True).map(tuple),
    per_class=st.none() | st.integers(2, 500),
    layers=st.sampled_from(["blocks", "stages", "blocks.1.0,blocks.3.1"]),
    pooling=st.sampled_from(["avg", "max", "2x2"]),
    controls=st.lists(st.sampled_from(list(CONTROLS)), unique=True).map(tuple),
    folds=st.integers(2, 20),
    repeats=st.integers(1, 50),
    seed=st.integers(0, 2**31 - 1),
)


def as_browser(request: ProbeRequest) -> dict[str, list[str]]:
    """What comes back after the parameters have been a URL in a browser."""
    return parse_qs(urlencode(to_params(request), doseq=True), keep_blank_values=True)


@given(requests)
def test_a_url_brings_its_request_back(request: ProbeRequest) -> None:
    assert from_params(ProbeRequest, as_browser(request)) == request


def test_defaults_are_left_out() -> None:
    assert to_params(ProbeRequest()) == {}
    assert to_params(ProbeRequest(seed=3)) == {"seed": "3"}


def test_no_controls_is_not_the_default_controls() -> None:
    assert from_params(ProbeRequest, as_browser(ProbeRequest(controls=()))).controls == ()


def test_parameters_of_the_view_are_no_part_of_the_request() -> None:
    assert from_params(ProbeRequest, {"metric": ["AUC"], "view": ["Layers"]}) == ProbeRequest()


@pytest.mark.parametrize(
    "params", [{"seed": ["x"]}, {"folds": ["1e9"]}, {"controls": ["magic"]}, {"per_class": ["-1"]}, {"repeats": ["0"]}]
)
def test_values_that_mean_nothing_are_told(params: dict[str, list[str]]) -> None:
    with pytest.raises(LabError):
        from_params(ProbeRequest, params)
