"""One estimate and one bar for a whole run, from what was measured here; the curve so far; nothing promised before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_runs import finished_run

from lab.experiments.separability.measure import CURVE
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.run import run as probe
from lab.files import read_json, write_json
from lab.runs import pace, progress_file
from lab.runs.pace import Pace, Stage, plain
from lab.runs.progress_file import QUEUED_STAGE, ProgressFile
from lab.ui.progress import progress_line

BEFORE = (Stage("loading", 1, 4.0), Stage("passing images", 100, 10.0), Stage("probing", 20, 6.0))


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress_file, "steady_seconds", clock)
    return clock


def worked(report: ProgressFile, clock: Clock, slower: float = 1.0, images: int = 100) -> list[dict[str, Any]]:
    """Go through the stages of `BEFORE`, `slower` by a factor and with so many images; return what the file said."""
    said = []
    for stage, total, seconds in (
        ("a@b: loading", 1, 4.0),
        ("passing images", images, images / 10),
        ("probing", 20, 6.0),
    ):
        for done in range(total + 1):
            report(stage, done, total, "steps")
            said.append(read_json(report.path))
            clock.now += slower * seconds / (total + 1)
    return said


def test_a_run_is_the_measure_of_the_next(tmp_path: Path, clock: Clock) -> None:
    first = ProgressFile(tmp_path / "p.json", Pace.of("probe"))
    said = worked(first, clock)
    assert all(one["seconds_left"] is None for one in said), "nothing is promised before it was measured"
    assert "there is no estimate yet" in progress_line(said[-1])
    first.finished()
    assert [stage.name for stage in Pace.of("probe").before] == ["loading", "passing images", "probing"]
    assert Pace.of("compare").before == ()
    again = worked(ProgressFile(tmp_path / "q.json", Pace.of("probe")), clock)
    assert again[0]["seconds_left"] == pytest.approx(20, abs=1)
    assert again[50]["share"] == pytest.approx((4 + 4.8) / 20, abs=0.05)
    assert again[-1]["step"] == "step 3 of 3"
    assert "left in all" in progress_line(again[-2])


@pytest.mark.parametrize(("slower", "images"), [(1.0, 100), (3.0, 100), (1.0, 400), (0.5, 50)])
def test_an_estimate_scales_with_the_work_and_the_machine(
    tmp_path: Path, clock: Clock, slower: float, images: int
) -> None:
    began = clock.now
    said = worked(ProgressFile(tmp_path / "p.json", Pace("probe", BEFORE)), clock, slower, images)
    whole = clock.now - began
    passing = [one for one in said if one["stage"] == "passing images"]
    at = min(passing, key=lambda one: abs(one["done"] - images // 2))
    left = whole - at["elapsed"]
    assert at["seconds_left"] == pytest.approx(left, rel=0.75), (at["seconds_left"], left)


def test_a_stage_that_the_last_run_had_not_is_not_measured_by_another(tmp_path: Path, clock: Clock) -> None:
    report = ProgressFile(tmp_path / "p.json", Pace("probe", (Stage("opening", 2, 3.0), Stage("probing", 20, 6.0))))
    for done in range(3):
        report("opening", done, 2, "steps")
        clock.now += 1.0
    for done in range(50):
        report("optimising images", done, 5000, "steps")
        clock.now += 0.1
        assert read_json(report.path)["seconds_left"] < 60, "the size of one stage says nothing about another"


@pytest.mark.parametrize("before", [(), BEFORE, BEFORE[1:], (Stage("other", 5, 3.0),)])
def test_the_bar_never_falls_and_never_says_it_is_full(tmp_path: Path, clock: Clock, before: tuple[Stage, ...]) -> None:
    report = ProgressFile(tmp_path / "p.json", Pace("probe", before))
    shares = [one["share"] for one in worked(report, clock, 2.0)]
    assert shares == sorted(shares)
    assert max(shares) <= 0.99
    assert shares[-1] > shares[0]


def test_waiting_in_the_queue_is_no_work(tmp_path: Path, clock: Clock) -> None:
    report = ProgressFile(tmp_path / "p.json", Pace("probe", BEFORE))
    report(f"{QUEUED_STAGE}: place 1 in the queue, after another", 0, 1, "runs")
    clock.now += 600
    report("loading", 0, 1, "steps")
    assert read_json(report.path)["elapsed"] == 0
    report.finished()
    assert [stage.name for stage in report.pace.stages] == ["loading"]


def test_what_was_there_already_is_no_measure(lab_home: Path) -> None:
    whole = Pace("probe", stages=[Stage("probing", 20, 60.0)])
    whole.keep()
    Pace("probe", Pace.of("probe").before, [Stage("probing", 20, 1.0)]).keep()
    assert Pace.of("probe").before == (Stage("probing", 20, 60.0),)
    for damaged in ({"a": 1}, [["x"]], [[1, "many", None]], "x"):
        write_json(pace._file("probe"), damaged)
        assert Pace.of("probe").before == ()
    assert plain("resnet18@untrained:0: looking at its layers") == "looking at its layers"


def test_the_curve_so_far_is_the_curve_of_the_result() -> None:
    pieces: dict[str, Any] = {}
    request = ProbeRequest(models=("test_resnet@untrained:1",), data="drawn:orientation", per_class=12, layers="stages",
                           folds=3, repeats=1, controls=("untrained",))  # fmt: skip
    found = probe(request, partial_results=pieces)
    so_far, summary = pieces[CURVE], found["summary"]
    kept = summary[(summary["control"] == "probe") & (summary["layer"] != "")].set_index("layer")["accuracy"]
    assert dict(zip(so_far["layer"], np.round(so_far["accuracy"], 6), strict=True)) == kept.round(6).to_dict()
    assert finished_run().partial_results.get(CURVE) is None
