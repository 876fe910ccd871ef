"""The example runs that come with the package: whole, of today's questions, labelled, and never in a run's way."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fake_runs import finished_run
from pages_helpers import healthy, opened, said

from lab.experiments.base import Request
from lab.experiments.separability.beside import factor_names
from lab.experiments.separability.request import ProbeRequest
from lab.files import write_json
from lab.images import open_image_set
from lab.registry import EXPERIMENTS, charts_of
from lab.runs.examples import VARIABLE, example_of, examples_dir
from lab.runs.folder import RunFolder
from lab.runs.tables import SHARED, changed_table, write_tables
from lab.selfcheck.certificate import read_certificate
from lab.selfcheck.table import CHECKS
from lab.sweeps.example import PLAN
from lab.sweeps.plan import read_plan
from lab.ui.selfcheck import EXAMPLE

ROOT = Path(__file__).resolve().parents[1]
MADE = runpy.run_path(str(ROOT / "docs" / "make_examples.py"))
ASKED = [row.request_type() for name, row in EXPERIMENTS.items() if name not in MADE["LEFT_OUT"]] + [*MADE["FURTHER"]]


@pytest.fixture(autouse=True)
def with_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)


@pytest.mark.parametrize("request_", ASKED, ids=lambda request: request.canonical().run_id)
def test_an_example_is_whole_and_says_what_it_was_made_with(request_: object) -> None:
    canonical = request_.canonical()  # type: ignore[attr-defined]
    example = example_of(canonical)
    assert example is not None, "the question has changed: python docs/make_examples.py"
    assert example.check_tables() == ""
    assert example.request == canonical
    assert {"torch", "timm", "feature-hierarchy-lab"} <= set(example.manifest["versions"])
    assert not re.search(r'"/(home|root|tmp|Users)', (example.path / "run.json").read_text())


def test_examples_have_names_of_their_own() -> None:
    """Two of one name would stand in the list of runs without a difference to be seen."""
    titles = Counter((request.experiment, request.title()) for request in ASKED)
    assert [title for title, times in titles.items() if times > 1] == []


def test_the_default_probe_offers_what_its_drawings_show_but_the_class() -> None:
    example = example_of(ProbeRequest().canonical())
    assert example is not None
    assert set(example.manifest["factors"]) == set(factor_names(open_image_set("drawn:pets")))
    assert {"backdrop", "markings"} <= set(example.manifest["factors"])
    assert "class" not in example.manifest["factors"]


def test_tables_that_come_out_equal_keep_their_files(tmp_path: Path) -> None:
    before, now = (RunFolder(tmp_path / name / "probe-1") for name in ("before", "now"))
    old = pd.DataFrame({"layer": ["a"], "accuracy": [0.5]})
    for run, table in ((before, old), (now, old.assign(accuracy=0.6))):
        found = write_tables(run.path, {"same": old, "other": table})
        write_json(run.path / "run.json", {**found, "created": run.path.parent.name})
    file = before.path / "tables" / "same.parquet"
    old.to_parquet(file, index=False, compression=None)  # the same values in another file
    about = json.loads((before.path / "run.json").read_text())
    about["files"]["same"] = {"bytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    write_json(before.path / "run.json", about)
    MADE["keep_equal"](before.path, now.path)
    made = json.loads((now.path / "run.json").read_text())
    assert (now.path / "tables" / "same.parquet").read_bytes() == file.read_bytes()
    assert made["files"]["same"] == about["files"]["same"]
    assert made["files"]["other"] != about["files"]["other"]
    assert made["created"] == "now"
    assert changed_table(now.path, made) == ""


def test_no_more_is_shipped_than_was_asked_for() -> None:
    folder = examples_dir()
    assert folder is not None
    others = {SHARED, read_plan(PLAN).id, EXAMPLE}
    assert {run.name for run in folder.iterdir()} == others | {request.canonical().run_id for request in ASKED}
    known = [json.loads(run.read_text())["files"].values() for run in folder.glob("*/run.json")]
    counts = Counter(file["sha256"] for files in known for file in files)
    assert all(counts[file.stem] > 1 for file in (folder / SHARED).iterdir())
    assert MADE["size"](folder) <= MADE["MOST_BYTES"]


@pytest.mark.parametrize(
    "place", ["overview", "separability", "compare", "channels", "attributions", "numbers", "train_and_watch", "ladder"]
)
def test_nothing_opens_empty_and_an_example_says_that_it_is_one(place: str) -> None:
    app = healthy(opened(place))
    assert "Example" in said(app)
    assert not [button for button in app.button if button.key == "run_offered"]
    assert [button for button in app.button if str(button.key).startswith("run_example_")]


@pytest.mark.parametrize("tab", ["Layer sheet", "All channels", "Channel card"])
def test_no_tab_of_channels_opens_empty(tab: str) -> None:
    app = healthy(opened("channels", question=tab))
    assert "Example" in said(app)
    assert not [button for button in app.button if button.key == "run_offered"]


def test_runs_and_the_self_check_open_on_what_came_with_the_lab() -> None:
    app = healthy(opened("runs"))
    assert "These examples came with the lab" in said(app)
    folder = examples_dir()
    assert folder is not None
    certificate = read_certificate(folder / EXAMPLE)
    assert certificate is not None
    assert certificate.total == len(CHECKS), "the systems have changed: python docs/make_examples.py selfcheck"
    app = opened("self_check")  # which tells as an error what did not pass
    assert not app.exception
    assert "nothing was checked here yet" in said(app)
    assert len(app.table) == 1


def test_a_run_of_this_computer_goes_before_the_example() -> None:
    assert "Example" in said(opened("separability"))
    finished_run(ProbeRequest())
    assert "Example" not in said(healthy(opened("separability")))


def test_an_example_is_opened_by_its_id_and_other_settings_have_none() -> None:
    example = example_of(ProbeRequest().canonical())
    assert isinstance(example, RunFolder)
    assert "Example" in said(healthy(opened("embedding_maps", run=example.id)))
    assert "Example" not in said(healthy(opened("separability", seed="7")))


@pytest.mark.parametrize("request_", ASKED, ids=lambda request: request.canonical().run_id)
def test_every_legend_entry_of_an_examples_charts_has_a_mark(request_: Request) -> None:
    example = example_of(request_.canonical())
    assert example is not None
    for name, chart in charts_of(example.result()).items():
        spec = chart.to_dict(validate=False)
        drawn, told = defaultdict(set), defaultdict(set)
        for encoding, data in encodings(spec):
            for channel in ("color", "shape", "strokeDash"):
                row = encoding.get(channel, {})
                if row.get("type") == "nominal":
                    drawn[row["field"]] |= {line.get(row["field"]) for line in spec["datasets"].get(data, ())}
                    legend = row.get("legend", {})
                    domain = (row.get("scale") or {}).get("domain")
                    if legend is not None and isinstance(domain, list):
                        told[row["field"]] |= set(legend.get("values") or domain)
        told["control"].discard("probe")  # its line is in data of its own
        assert {field: entries - drawn[field] for field, entries in told.items() if entries - drawn[field]} == {}, name


def encodings(part: Any, data: str = "") -> Iterator[tuple[dict[str, Any], str]]:
    """Every encoding of a specification with the name of the data it draws."""
    if isinstance(part, dict):
        data = part["data"].get("name", data) if isinstance(part.get("data"), dict) else data
        if "encoding" in part:
            yield part["encoding"], data
        for key, inner in part.items():
            if key != "datasets":
                yield from encodings(inner, data)
    elif isinstance(part, list):
        for inner in part:
            yield from encodings(inner, data)
