"""Every page in every state, without a browser: what it says, what it never shows, and what the URL carries."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from fake_runs import failed_run, finished_run, interrupted_run, running_run
from pages_helpers import PAGES, healthy, opened, said

from lab.errors import LabError
from lab.experiments.separability.request import ProbeRequest
from lab.registry import EXPERIMENTS
from lab.runs import jobs
from lab.runs.store import RunFolder, list_runs
from lab.ui.ablation.sections import SECTIONS as ABLATION
from lab.ui.attributions.sections import SECTIONS as ATTRIBUTIONS
from lab.ui.building.sections import SECTIONS as BUILDING
from lab.ui.channels.sections import SECTIONS as CHANNELS
from lab.ui.numbers.sections import SECTIONS as NUMBERS
from lab.ui.routes import dashboard_file
from lab.ui.run_status import time_of_last
from lab.ui.text import duration

TWO = ProbeRequest(models=("tf_efficientnet_lite0@packaged", "tf_efficientnet_lite1@packaged"), data="drawn:shapes")


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_lab_says_what_to_do(page: str) -> None:
    app = healthy(opened(page))
    starts = {button.label for button in app.button} & {"Run", "Run this experiment", "Train", "Compare", "Check now"}
    told = ("Nothing has been computed here yet", "Your own sweep", "Choose a row")
    assert starts or any(one in said(app) for one in told)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("request_", [ProbeRequest(), TWO], ids=["one network", "two networks"])
def test_every_page_shows_a_finished_run(page: str, request_: ProbeRequest) -> None:
    run = finished_run(request_)
    app = healthy(opened(page, **({} if page == "runs" else {"run": run.id})))
    assert "under way" not in said(app)
    if page == "separability":
        assert app.get("vega_lite_chart")
        assert said(app).count("come apart as the network gets deeper") == len(request_.models)


@pytest.mark.parametrize("view", ["Checks", "Layers", "Images", "Confusions", "Class pairs", "Set aside", "Export"])
def test_every_tab_opens_from_its_url(view: str) -> None:
    run = finished_run(TWO)
    app = healthy(opened("separability", run=run.id, view=view, network=TWO.models[1]))
    assert app.session_state["network"] == TWO.models[1]
    assert app.session_state["view"] == view


def test_a_wrong_tab_in_the_url_is_told() -> None:
    app = opened("separability", run=finished_run(TWO).id, view="Confusion")
    assert "There is no tab 'Confusion'; nearest: Confusions" in app.warning[0].value.replace("\\", "")
    assert "Confusions" not in [warning.value for warning in healthy(opened("separability", view="Images")).warning]


def test_a_metric_offers_only_controls_that_it_was_measured_for() -> None:
    run = finished_run(TWO)
    assert healthy(opened("separability", run=run.id, metric="Accuracy")).get("button_group")
    for metric in ("Nearest neighbours", "Silhouette"):
        app = healthy(opened("separability", run=run.id, metric=metric))
        assert "show" not in app.session_state, "a control button that changes nothing"


def test_what_is_offered_says_how_long_the_last_one_took_and_promises_nothing_else() -> None:
    time_of_last.clear()
    assert "took" not in said(opened("overview"))
    run = finished_run(replace(ProbeRequest(), seed=3))
    seconds = run.manifest["timings"]["total"]
    time_of_last.clear()
    assert f"The last one here took {duration(seconds)}." in said(opened("overview"))


def test_a_run_in_the_url_is_spelled_out_and_a_new_session_reopens_it() -> None:
    run = finished_run(replace(TWO, seed=3))
    app = healthy(opened("separability", run=run.id))
    params = dict(app.query_params)
    assert "run" not in params
    assert params["models"] == list(TWO.models)
    assert params["seed"] == "3"
    again = healthy(opened("separability", **params))
    assert said(again) == said(app)


def test_the_metric_and_the_layer_are_taken_from_the_url() -> None:
    run = finished_run()
    app = healthy(opened("separability", run=run.id, metric="AUC", view="Confusions", layer="blocks.1.0"))
    assert app.session_state["metric"] == "AUC"
    assert app.session_state["layer"] == "blocks.1.0"


@pytest.mark.parametrize(
    "params",
    [{"seed": "x"}, {"run": "probe-000000000000"}, {"run": "../../etc"}, {"controls": "magic"}, {"models": "a@b"}],
    ids=str,
)
def test_a_broken_link_is_told_and_the_default_is_shown(params: dict[str, str]) -> None:
    app = healthy(opened("separability", **params))
    assert "This link cannot be shown" in app.warning[0].value
    assert app.session_state["draft_data"] == "drawn:pets"


def test_what_cannot_be_run_is_not_offered() -> None:
    app = healthy(opened("separability", data="upload:0000"))
    assert "was not uploaded to this computer" in app.warning[0].value
    assert "Not run yet" not in said(app)


def test_a_link_never_starts_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "start", lambda *_: pytest.fail("a page load started a run"))
    healthy(opened("separability", seed="7"))
    assert list_runs() == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: failed_run(sentence="the folder *x* holds no images; name another"), "could not be completed"),
        (lambda: failed_run(sentence="cancelled by the user", kind="cancelled"), "was cancelled"),
        (interrupted_run, "was interrupted"),
    ],
    ids=["failed", "cancelled", "interrupted"],
)
def test_a_run_without_result_says_why_and_offers_to_go_on(
    make: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: RunFolder = make()  # type: ignore[operator]
    app = opened("separability", run=run.id)
    assert not app.exception
    assert words in said(app)
    assert "Traceback" not in said(app)
    started = []
    monkeypatch.setattr(jobs, "start", started.append)
    app.button(key="resume").click().run()
    assert [request.run_id for request in started] == [run.id]


def test_progress_is_shown_and_cancel_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as worker:
        run = running_run(worker.pid)
        app = healthy(opened("separability"))
        text = said(app).replace("\\", "")
        assert "Computing embeddings" in text
        assert "120 of 400 images · 84 images/s · about 3 s left" in text
        assert "Watch it" not in text
        app.button(key="cancel").click().run()
        assert not psutil.pid_exists(worker.pid)
    assert run.status == "cancelled"
    assert "was cancelled" in said(app)


def test_the_overview_names_what_is_under_way() -> None:
    run = running_run(os.getpid(), ProbeRequest(seed=9))
    assert "Being computed" in said(healthy(opened("overview")))
    run.fail("stop", "cancelled")


def test_run_asks_for_what_the_widgets_say(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[ProbeRequest] = []
    monkeypatch.setattr(jobs, "start", started.append)
    app = opened("separability")
    app.number_input(key="draft_seed").set_value(11)
    app.multiselect(key="draft_controls").set_value(["shuffled"])
    app.run()
    assert "settings have changed" in said(app)
    app.button(key="run").click().run()
    assert started == [replace(ProbeRequest(), seed=11, controls=("shuffled",)).canonical()]
    assert app.query_params["seed"] == "11"
    assert app.query_params["controls"] == "shuffled"


def test_a_folder_that_is_not_there_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "start", lambda *_: pytest.fail("started"))
    app = opened("separability", data="/no/such/*folder*")
    app.button(key="open_held").click().run()
    app.button(key="run").click().run()
    assert not app.exception
    assert r"\*folder\*" in app.error[0].value
    assert list_runs() == []


@pytest.mark.parametrize("page", ["overview", "embedding_maps", "channels"])
def test_a_start_that_fails_is_told_once(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise LabError("the *disk* is full; free some space")

    monkeypatch.setattr(jobs, "start", refuse)
    app = opened(page)
    app.button(key="run_offered").click().run()
    assert not app.exception
    assert r"the \*disk\* is full" in app.error[0].value
    assert not app.run().error


def test_text_of_the_users_is_never_markdown() -> None:
    evil = "**b** :red[x] <b>y</b> [l](http://e.x)"
    run = finished_run(ProbeRequest(data="drawn:pets", classes=("*a*", "[b](http://e.x)")))
    run.rename(evil)
    failed = failed_run(ProbeRequest(seed=2), sentence=evil)
    shown = (
        said(opened("runs")) + said(opened("separability", run=run.id)) + said(opened("separability", run=failed.id))
    )
    for raw in ("**b**", ":red[x]", "<b>y", "](http://e.x)", "*a*"):
        assert raw not in shown
    assert r"\*\*b\*\*" in shown


def test_sessions_do_not_share_anything() -> None:
    one, two = finished_run(), finished_run(TWO)
    first, second = opened("separability", run=one.id), opened("separability", run=two.id)
    first.number_input(key="draft_seed").set_value(5)
    first.run()
    second.run()
    assert second.session_state["draft_seed"] == 0
    assert list(second.session_state["draft_models"]) == list(TWO.models)
    assert list(first.session_state["draft_models"]) == list(ProbeRequest().canonical().models)
    assert list(opened("separability").session_state["draft_models"]) == list(ProbeRequest().canonical().models)


def test_a_result_computed_anew_is_not_shown_from_memory() -> None:
    run = finished_run()
    before = said(opened("separability", run=run.id))
    sentence = {"outcome": "against", "sentence": "now it reads otherwise"}
    finished_run(verdicts=dict.fromkeys(ProbeRequest().canonical().models, sentence))
    after = said(opened("separability", run=run.id))
    assert "now it reads otherwise" in after
    assert "now it reads otherwise" not in before


def test_runs_are_renamed_and_deleted() -> None:
    keep, drop = finished_run(), finished_run(TWO)
    app = healthy(opened("runs"))
    app.text_input(key=f"name_{keep.id}").set_value("Mine").run()
    assert keep.name == "Mine"
    app.button(key=f"confirm_{drop.id}").click().run()
    assert [run.id for run in list_runs()] == [keep.id]
    assert "Mine" in said(healthy(app))


def test_renaming_a_run_that_is_gone_is_told() -> None:
    run = finished_run()
    app = healthy(opened("runs"))
    run.delete()
    app.text_input(key=f"name_{run.id}").set_value("Mine").run()
    assert not app.exception
    assert "no longer there" in app.error[0].value
    assert not run.path.exists()


def test_compared_runs_come_from_the_url() -> None:
    one, two = finished_run(), finished_run(replace(TWO, models=TWO.models[:1]))
    app = healthy(opened("runs", compare=[one.id, two.id, "probe-gone"]))
    assert app.session_state["compared"] == [one.id, two.id]
    assert len(app.get("vega_lite_chart")) == 1


def test_a_damaged_run_does_not_take_the_pages_down() -> None:
    run = finished_run()
    (run.path / "tables" / "summary.parquet").write_bytes(b"half")
    for page in PAGES:
        app = opened(page, **({} if page == "runs" else {"run": run.id}))
        assert not app.exception
        assert "Traceback" not in said(app)


def test_the_server_never_imports_torch(lab_home: Path) -> None:
    run = finished_run()
    code = (
        "import sys; sys.path.insert(0, 'tests'); import test_pages as t\n"
        f"for page in t.PAGES: t.healthy(t.opened(page, **({{}} if page == 'runs' else {{'run': {run.id!r}}})))\n"
        "heavy = {'torch', 'timm', 'torchvision', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    root = dashboard_file("pages/runs.py").parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


SECTIONS = {
    "how_layers_build": BUILDING, "break_the_stack": ABLATION,
    "channels": CHANNELS, "attributions": ATTRIBUTIONS, "numbers": NUMBERS,
}  # fmt: skip
OWN = {(page, tab) for page, those in SECTIONS.items() for tab in those}
TABS = {(row.page, row.tab) for row in EXPERIMENTS.values() if row.tab}


def test_every_question_has_its_page_and_every_section_its_tab() -> None:
    assert OWN <= TABS
    assert {row.page for row in EXPERIMENTS.values()} <= set(PAGES)


@pytest.mark.parametrize(("page", "tab"), sorted(TABS - OWN))
def test_a_question_without_a_section_of_its_own_is_shown_by_the_common_one(page: str, tab: str) -> None:
    app = healthy(opened(page, question=tab))
    assert [button for button in app.button if "Run" in button.label]
