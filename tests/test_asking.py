"""Questions from Python: what a page shows can be called, is answered as the command line answers it, and is kept."""

from __future__ import annotations

import ast

import pandas as pd
import pytest

import lab
from lab.errors import LabError
from lab.experiments.base import Request
from lab.experiments.building.filter_sum import FilterRequest
from lab.experiments.building.size_arithmetic import SlideRequest
from lab.experiments.separability.request import ProbeRequest
from lab.registry import EXPERIMENTS, request_from
from lab.runs import jobs


@pytest.mark.parametrize(
    "request_of",
    [SlideRequest(9, ceil=True), FilterRequest("resnet18@untrained:0", layer='odd "name"'), *(
        row.request_type() for row in EXPERIMENTS.values() if row.name not in ("train",)
    )],
    ids=lambda request: f"{request.experiment} {request.digest[:4]}",
)  # fmt: skip
def test_the_line_of_python_asks_the_same(request_of: Request) -> None:
    call = ast.parse(request_of.python(), mode="eval").body
    assert isinstance(call, ast.Call)
    fields = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    assert request_from({**fields, "experiment": ast.literal_eval(call.args[0])}) == request_of


def test_an_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    first = lab.ask("slide", size=9)
    assert first.manifest["findings"][0] == "(9 − 3 + 2·1) / 2 + 1 = 5: the window has 5 positions."
    monkeypatch.setattr(jobs, "compute", lambda *_: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(lab.ask("slide", size=9)["taps"], first["taps"])


def test_a_text_alone_is_a_list_of_one() -> None:
    alone = request_from({"experiment": "probe", "models": "resnet18@untrained", "controls": "pixels"})
    assert alone == ProbeRequest(models=("resnet18@untrained",), controls=("pixels",))


def test_what_cannot_be_asked_is_told() -> None:
    with pytest.raises(LabError, match="no experiment 'slid'; nearest: slide"):
        lab.ask("slid")
    with pytest.raises(LabError, match="no field 'sze'; nearest: size"):
        lab.ask("slide", sze=9)
