"""Vectors of another tool with a number, a grade or several labels a row: from Python, a file, the pages, alike."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages_helpers import healthy, opened, said

import lab
from lab.embeddings.vector_uploads import keep_labels, keep_vectors
from lab.errors import LabError
from lab.experiments.targets.judgement import judge_number_arrays
from lab.experiments.targets.request import GradesRequest, MultilabelRequest, RegressRequest
from lab.experiments.targets.run import run
from lab.export.formats import export_run
from lab.images import open_image_set
from lab.images.row_targets import row_targets
from lab.runs import jobs
from lab.runs.store import RunFolder

RNG = np.random.default_rng(4)
COUNT = 60
AGE = RNG.normal(40, 10, COUNT)
STAGES = ("none", "mild", "severe")
STAGE = np.array(STAGES)[np.digitize(AGE, [36, 44])]
TAGS = np.stack([AGE > 40, AGE > 46, RNG.normal(size=COUNT) > 0], axis=1).astype(int)
LAYERS = {"noise": RNG.normal(size=(COUNT, 6)), "age": RNG.normal(size=(COUNT, 6)) + AGE[:, None] / 10}
QUICK: dict[str, Any] = {"repeats": 1, "controls": ("shuffled",)}


TEXTS = [";".join(str(k) for k in np.flatnonzero(row)) for row in TAGS]


def scores(result: Any, measure: str) -> pd.DataFrame:
    return result["summary"][["layer", "control", measure, "ci_low", "ci_high"]]


def test_a_number_is_read_as_by_the_functions_below_and_the_same_from_a_file(tmp_path: Path) -> None:
    given = lab.probe_arrays(LAYERS, AGE, target="number", label="age", **QUICK)
    below = judge_number_arrays(LAYERS, AGE, repeats=1, controls=("shuffled",), label="age")
    assert given["summary"].query("control == 'probe'")["r2"].tolist() == [row["r2"] for row in below.scores]
    assert given.verdict.outcome == below.verdict.outcome == "for"
    np.savez(tmp_path / "the network.npz", **LAYERS, years=AGE)
    path = str(tmp_path / "the network.npz")
    request = RegressRequest(embeddings=path, label="years", repeats=1, controls=("shuffled",))
    read = run(request.canonical())
    assert read.verdict.sentence == given.verdict.sentence.replace("age better", "years better")
    pd.testing.assert_frame_equal(scores(read, "r2"), scores(given, "r2"))
    assert read["images"]["value"].tolist() == AGE.tolist()
    assert RegressRequest.from_dict(read.request.as_dict()) == read.request
    assert "--embeddings" in read.request.command()
    assert "lab.probe_arrays(layers, targets, target='number', label='age'" in given.request.command()


def test_what_was_asked_before_has_the_name_it_had() -> None:
    for kind in (RegressRequest, GradesRequest, MultilabelRequest):
        assert not {"embeddings", "labels", "row_images"} & kind().canonical().as_dict().keys()


def test_grades_are_read_in_their_order_from_a_table_in_another(tmp_path: Path) -> None:
    names = [f"{k}.png" for k in range(COUNT)]
    given = lab.probe_arrays(LAYERS, STAGE, target="grades", order=STAGES, **QUICK)
    assert given["images"]["grade"].tolist() == [STAGES.index(stage) for stage in STAGE]
    np.savez(tmp_path / "v.npz", **LAYERS, image=names)
    table = pd.DataFrame({"image": names, "stage": STAGE}).sample(frac=1, random_state=0)
    table.to_csv(tmp_path / "stages.csv", index=False)
    files = {"embeddings": str(tmp_path / "v.npz"), "labels": str(tmp_path / "stages.csv"), "label": "stage"}
    read = run(GradesRequest(**files, classes=STAGES, repeats=1, controls=("shuffled",)).canonical())
    pd.testing.assert_frame_equal(scores(read, "kappa"), scores(given, "kappa"))
    assert set(read.request.sources()) == {"embeddings", "labels", "groups"}
    with pytest.raises(LabError, match=r"the grade 'mild' is no number"):
        lab.probe_arrays(LAYERS, STAGE, target="grades", **QUICK)


def parquet_of_lists(path: Path) -> None:
    columns = {name: list(array) for name, array in LAYERS.items()}
    pd.DataFrame({**columns, "label": [text.split(";") if text else [] for text in TEXTS]}).to_parquet(path)


WRITERS: dict[str, Callable[[Path], None]] = {
    "matrix.npz": lambda path: np.savez(path, **LAYERS, y=TAGS),
    "texts.npz": lambda path: np.savez(path, **LAYERS, label=TEXTS),
    "json.npz": lambda path: np.savez(path, **LAYERS, label=[json.dumps([*filter(None, t.split(";"))]) for t in TEXTS]),
    "lists.parquet": parquet_of_lists,
}  # fmt: skip


def test_several_labels_are_the_same_however_they_are_written(tmp_path: Path) -> None:
    given = lab.probe_arrays(LAYERS, TAGS, target="labels", **QUICK)
    found = given["labels"].query("control == 'probe' and layer == 'age'").set_index("label")["auc"]
    assert found["0"] > 0.9
    assert found["2"] < 0.75  # drawn by a coin
    for name, write in WRITERS.items():
        write(tmp_path / name)
        read = run(MultilabelRequest(embeddings=str(tmp_path / name), repeats=1, controls=("shuffled",)).canonical())
        pd.testing.assert_frame_equal(scores(read, "mean_auc"), scores(given, "mean_auc"))


def test_an_array_of_labels_is_no_layer(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", **LAYERS, y=TAGS, years=AGE)
    found = run(RegressRequest(embeddings=str(tmp_path / "v.npz"), label="years", repeats=1, controls=()).canonical())
    assert found["layers"]["layer"].tolist() == list(LAYERS)


@pytest.mark.parametrize(
    ("values", "target", "told"),
    [
        (["1", "x"], "number", "1 of 2 rows have no number to be predicted; row 1 has 'x'"),
        ([1.0, np.nan], "number", "row 1 has nothing"),
        ([1.0, np.inf], "number", "1 of 2 rows have no number"),
        (np.zeros((2, 3)), "number", "lists of one value a row"),
        (np.array([[0, 2], [1, 0]]), "labels", "other values than 0 and 1"),
        (["a;b", "[a"], "labels", "no JSON list"),
        (np.ones((4, 1), int), "labels", "have 1 different labels"),
    ],
)
def test_values_that_a_target_cannot_have_are_one_sentence(values: Any, target: str, told: str) -> None:
    with pytest.raises(LabError, match=told) as found:
        row_targets(values, target)
    assert "\n" not in str(found.value)


def test_wrong_use_is_one_sentence(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", **LAYERS, years=AGE)
    path = str(tmp_path / "v.npz")
    for made, told in (
        (lambda: lab.probe_arrays(LAYERS, AGE, target="numbers"), "there is no target 'numbers'"),
        (lambda: run(RegressRequest(embeddings=path, label="yers").canonical()), "no column 'yers'; nearest: years"),
        (lambda: RegressRequest(embeddings=path, model="resnet18"), "read instead of networks and data"),
        (lambda: RegressRequest(embeddings=path, images=20), "are for networks"),
        (lambda: RegressRequest(labels="a.csv"), "belong to --embeddings"),
        (lambda: lab.probe_arrays(LAYERS, AGE, target="number", order=["a"]), "order is that of grades"),
        (
            lambda: lab.probe_arrays(LAYERS, STAGE, target="grades", order=STAGES[:2]),
            "'severe' is a grade that the order",
        ),
        (lambda: lab.probe_arrays(LAYERS, np.arange(COUNT), target="grades"), "60 different grades, more than 20"),
    ):
        with pytest.raises(LabError, match=told):
            made()


def test_rows_with_images_have_raw_pixels_as_a_control_and_a_report(tmp_path: Path) -> None:
    images = open_image_set("drawn:pets?seed=1", per_class=COUNT // 2)
    result = lab.probe_arrays(LAYERS, AGE, target="number", images=images, repeats=1, controls=("pixels",))
    assert result["summary"]["control"].tolist() == ["probe", "probe", "pixels", "chance"]
    for name in ("html", "latex", "parquet"):
        assert export_run(result, name, tmp_path / name)


def npz(**arrays: Any) -> io.BytesIO:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out


@pytest.fixture
def started(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []

    def start(request: Any) -> RunFolder:
        found.append(request)
        return RunFolder(lab_home / "runs" / request.run_id)

    monkeypatch.setattr(jobs, "start", start)
    return found


def test_the_page_of_numbers_reads_them_off_an_upload(started: list[Any]) -> None:
    spec = keep_vectors([("mine.npz", npz(**LAYERS, years=AGE))])
    app = healthy(opened("numbers", embeddings=spec, question="Numbers"))
    assert "mine.npz" in said(app).replace("\\", "")
    assert app.selectbox(key="regress_label").options == ["the column called label", "years"]
    app.selectbox(key="regress_label").select("years").run()
    healthy(app).button(key="run_offered").click().run()
    assert started == [RegressRequest(embeddings=spec, label="years").canonical()]
    app.selectbox(key="subject_row_images").select("drawn:pets").run()
    healthy(app).button(key="run_offered").click().run()
    assert started[1] == RegressRequest(embeddings=spec, label="years", row_images="drawn:pets").canonical()
    assert "pixels" in started[1].controls
    app.button(key="vectors_back").click().run()
    assert healthy(app).selectbox(key="subject_model").value
    assert "embeddings" not in app.query_params


def test_its_other_tabs_have_labels_of_a_table_and_of_ones_and_zeros(started: list[Any]) -> None:
    spec = keep_vectors([("mine.npz", npz(**LAYERS, tags=TAGS))])
    table = keep_labels("stages.csv", io.BytesIO(("stage\n" + "\n".join(STAGE)).encode()))
    app = healthy(opened("numbers", embeddings=spec, labels=table, question="Grades"))
    assert "stages.csv" in said(app).replace("\\", "")
    app.selectbox(key="grades_label").select("stage").run()
    app.button(key="run_offered").click().run()
    assert started == [GradesRequest(embeddings=spec, labels=table, label="stage").canonical()]
    app = healthy(opened("numbers", embeddings=spec, question="Several labels"))
    app.selectbox(key="multilabel_label").select("tags").run()
    app.button(key="run_offered").click().run()
    assert started[1] == MultilabelRequest(embeddings=spec, label="tags").canonical()


def test_separability_takes_images_of_the_rows_for_raw_pixels(started: list[Any]) -> None:
    spec = keep_vectors([("mine.npz", npz(**LAYERS, label=STAGE == "none"))])
    app = healthy(opened("separability", embeddings=spec))
    assert app.multiselect(key="draft_controls").options == ["shuffled", "matched"]
    app.selectbox(key="draft_images").select("drawn:pets").run()
    assert "pixels" in healthy(app).multiselect(key="draft_controls").value
    app.button(key="run").click().run()
    assert started[0].images == "drawn:pets"
    assert "pixels" in started[0].controls
    app.selectbox(key="draft_images").select("").run()
    assert "pixels" not in healthy(app).multiselect(key="draft_controls").options
