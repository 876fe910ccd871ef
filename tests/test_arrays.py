"""Vectors that are given, from Python and from files: the same verdict as a run of the network they came from, given
splits and groups as they are, and one sentence for whatever cannot be used."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lab
from lab.cli.main import main, parser
from lab.embeddings.vector_sets import read_vector_set, vector_set
from lab.errors import LabError
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.run import embeddings_of, run
from lab.export.formats import export_embeddings, export_run
from lab.images import open_image_set
from lab.images.row_values import class_labels
from lab.registry import request_from

TINY = ProbeRequest(
    models=("test_resnet@untrained",),
    per_class=12,
    repeats=1,
    layers="stages",
    controls=("shuffled", "matched", "pixels"),
).canonical()
SAME = ("summary", "checks", "emergence", "predictions", "code_length", "decisions", "projection")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module")
def tiny(home: None) -> Result:
    return run(TINY)


def planted(n: int = 60, *, late: float = 3.0, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return {f"layer{k}": rng.normal(size=(n, 20)) + (k == 10) * late * y[:, None] for k in (1, 2, 10)}, y


# The same as the network's own run


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_exported_arrays_read_back_give_the_identical_verdict(tiny: Result, suffix: str, tmp_path: Path) -> None:
    path = export_embeddings(tiny, tmp_path / f"e.{suffix}", embeddings_of(tiny))
    without = run(ProbeRequest(embeddings=str(path), repeats=1).canonical())
    same = run(TINY.__class__(**{**TINY.__dict__, "controls": ("shuffled", "matched")}))
    assert without.verdict == same.verdict
    for name in SAME:
        pd.testing.assert_frame_equal(without[name], same[name])


def test_pixels_are_those_of_the_images_that_are_given(tiny: Result) -> None:
    vectors = {name.split("/")[1]: array for name, array in embeddings_of(tiny).items()}
    images, table = open_image_set("drawn:pets", per_class=12), tiny["images"]
    order = np.random.default_rng(0).permutation(len(table))
    found = lab.probe_arrays(
        {name: array[order] for name, array in vectors.items()}, table["class"].to_numpy()[order], images=images,
        names=table["image"].to_numpy()[order], repeats=1,
    )  # fmt: skip
    assert found["images"]["thumbnail"].tolist() == tiny["images"]["thumbnail"].to_numpy()[order].tolist()
    in_order = lab.probe_arrays(vectors, table["class"], images=images, model="test_resnet@untrained:0", repeats=1)
    pixels = [result["summary"].query("control == 'pixels'").accuracy.item() for result in (tiny, in_order)]
    assert pixels[0] == pixels[1]


def test_a_run_without_vectors_is_named_as_before_there_were_such() -> None:
    assert not {"embeddings", "labels", "images"} & set(ProbeRequest().as_dict())


# Truth


def test_what_was_planted_is_found_and_widths_are_no_depth(home: None) -> None:
    layers, y = planted()
    assert lab.probe_arrays(layers, y, repeats=1).verdict.outcome == "for"
    matrix = planted(120, late=0.5, seed=1)[0]["layer10"]
    wide = np.concatenate([matrix, planted(120, late=0.5, seed=2)[0]["layer10"]] * 3, axis=1)
    for draw in range(2):
        chosen = np.random.default_rng(draw).permutation(wide.shape[1])
        widths = {f"{d} channels": wide[:, chosen[:d]] for d in (16, 40, 112)}
        assert lab.probe_arrays(widths, np.arange(120) % 2, repeats=1).verdict.outcome != "for"


def test_a_given_split_is_used_as_it_is_and_judged_by_its_test_part(home: None) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    layers, y = planted(90, late=0.3)
    tested = np.random.default_rng(5).permutation(90) < 30
    found = lab.probe_arrays(layers, y, split=np.where(tested, "test", "train"))
    folds = found["folds"].query("control == 'probe'").set_index("layer")
    summary = found["summary"].query("control == 'probe'").set_index("layer")
    assert folds.n_train.tolist() == [60] * 3
    assert folds.n_test.tolist() == [30] * 3
    for name, vectors in layers.items():
        model = make_pipeline(StandardScaler(), LogisticRegression(C=folds.C[name], tol=1e-8, max_iter=10_000))
        right = model.fit(vectors[~tested], y[~tested]).predict(vectors[tested]) == y[tested]
        assert summary.accuracy[name] == pytest.approx(right.mean())
        assert summary.ci_high[name] - summary.ci_low[name] > 0.25, "30 tested images do not give a narrow interval"
    rows = set(found["images"]["image"][tested])
    assert set(found["predictions"]["image"]) == set(found["decisions"]["image"]) == rows
    assert set(found["splits"].query("fold < 0")["image"]) == set(found["images"]["image"]) - rows
    assert found["code_length"].images.tolist() == [60] * 3


def test_given_groups_never_straddle_a_fold(home: None) -> None:
    layers, y = planted()
    groups = [f"patient {k // 6}" for k in range(60)]
    splits = lab.probe_arrays(layers, y, groups=groups, repeats=2)["splits"]
    assert splits["group"].nunique() == 10
    assert (splits.groupby(["repeat", "group"]).fold.nunique() == 1).all()


# Files


def write_folder(path: Path, layers: Mapping[str, np.ndarray], y: np.ndarray) -> Path:
    path.mkdir()
    for name, array in {**layers, "label": y}.items():
        np.save(path / f"{name}.npy", array)
    return path


def write_npz(path: Path, layers: Mapping[str, np.ndarray], y: np.ndarray) -> Path:
    np.savez(path.with_suffix(".npz"), allow_pickle=False, y=y, **layers)
    return path.with_suffix(".npz")


def write_parquet(path: Path, layers: Mapping[str, np.ndarray], y: np.ndarray) -> Path:
    table = pd.DataFrame({**{name: list(array) for name, array in layers.items()}, "label": y})
    table.to_parquet(path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


def write_safetensors(path: Path, layers: Mapping[str, np.ndarray], y: np.ndarray) -> Path:
    from safetensors.numpy import save_file

    save_file({**layers, "labels": y}, path.with_suffix(".safetensors"))
    return path.with_suffix(".safetensors")


@pytest.mark.parametrize("write", [write_folder, write_npz, write_parquet, write_safetensors])
def test_every_kind_of_file_holds_the_same(write: Callable[..., Path], tmp_path: Path) -> None:
    layers, y = planted()
    found = read_vector_set(str(write(tmp_path / "vectors", layers, y)))
    assert [layer.name for layer in found.layers] == ["layer1", "layer2", "layer10"]
    assert [layer.depth for layer in found.layers] == [0, 0.5, 1]
    assert found.labels.tolist() == y.tolist()
    for layer in found.layers:
        np.testing.assert_array_equal(layer.vectors, layers[layer.name])


def test_a_table_of_labels_is_put_into_the_order_of_the_rows(tmp_path: Path) -> None:
    layers, y = planted(20)
    names = np.array([f"{k}.png" for k in range(20)])
    np.savez(tmp_path / "e.npz", image=names, **layers)
    table = pd.DataFrame({"file_name": names, "label": np.where(y, "dog", "cat"), "group": names, "split": "train"})
    table.loc[:9, "split"] = "test"
    table.iloc[::-1].to_csv(tmp_path / "labels.csv", index=False)
    found = read_vector_set(str(tmp_path / "e.npz"), str(tmp_path / "labels.csv"), ["layer10", "layer1"])
    assert found.classes == ("cat", "dog")
    assert found.labels.tolist() == y.tolist()
    assert found.names == tuple(names)
    assert found.tested is not None
    assert found.tested.tolist() == [True] * 10 + [False] * 10
    assert [layer.name for layer in found.layers] == ["layer10", "layer1"]


def test_the_command_line_asks_and_its_command_asks_the_same(
    home: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_npz(tmp_path / "vectors", *planted())
    monkeypatch.chdir(tmp_path)
    words = ["probe", "--embeddings", "vectors.npz", "--repeats", "1", "--json"]
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert [layer["name"] for layer in document["models"][0]["layers"]] == ["layer1", "layer2", "layer10"]
    assert document["models"][0]["verdict"]["outcome"] == "for"
    request = request_from(document["request"])
    given = parser().parse_args(shlex.split(request.command())[1:])
    assert given.embeddings == str(tmp_path / "vectors.npz")
    assert "--data" not in request.command()
    assert main(words) == 0
    assert "Already computed" in capsys.readouterr().err
    write_npz(tmp_path / "vectors", *planted(late=0.0))
    os.utime(tmp_path / "vectors.npz", (1, 1))
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["verdict"]["outcome"] == "undecided"


def test_a_run_from_python_prints_no_command_that_cannot_run_and_is_exported(home: None, tmp_path: Path) -> None:
    found = lab.probe_arrays(*planted(), repeats=1)
    assert found.request.command().startswith("# arrays from Python")
    assert found.manifest["command"] == found.request.command()
    for kind in ("html", "csv", "svg"):
        assert export_run(found, kind, tmp_path)
    with pytest.raises(LabError, match=r"give them to lab\.probe_arrays again"):
        run(found.request)
    changed, y = planted(seed=1)
    assert lab.probe_arrays(changed, y, repeats=1).request.run_id != found.request.run_id


# What cannot be used

LAYERS, Y = planted(12)
HOLED = {**LAYERS, "layer2": np.where(np.arange(12)[:, None] == 7, np.nan, LAYERS["layer2"])}
SPLIT = np.array(["train"] * 8 + ["test"] * 4)


@pytest.mark.parametrize(
    ("layers", "labels", "more", "sentence"),
    [
        ({**LAYERS, "short": LAYERS["layer1"][:9]}, Y, {}, "'layer1' has 12 rows and 'short' 9"),
        (LAYERS, Y[:11], {}, "'layer1' has 12 rows and 'the labels' 11"),
        (LAYERS, Y, {"groups": [1, 2]}, "'the labels' has 12 rows and 'groups' 2"),
        (HOLED, Y, {}, "'layer2' holds nan or infinity in 1 of 12 rows, the first is row 7"),
        ({"a": np.full((12, 2), np.inf)}, Y, {}, "'a' holds nan or infinity in 12 of 12"),
        ({"a": np.array([[{}]] * 12)}, Y, {}, "'a' holds Python objects"),
        ({"a": [[1.0], [1.0, 2.0]]}, Y, {}, "its rows differ in length"),
        ({"a": np.zeros((12, 3, 4, 4))}, Y, {}, "pool it to one vector a row"),
        ({}, Y, {}, "no layer was given"),
        (LAYERS, np.zeros(12, int), {}, "at least two classes"),
        (LAYERS, [*Y[:-1].tolist(), "cat"], {}, r"mix text \('cat'\) and numbers"),
        (LAYERS, [*Y[:-1].tolist(), None], {}, "row 11 has no label"),
        (LAYERS, Y + 0.25, {}, "label 0.25 in row 0 is no class"),
        (LAYERS, Y, {"split": np.where(Y, "train", "test")}, "in the test part of the split"),
        (LAYERS, Y, {"split": ["train"] * 8 + ["holdout"] * 4}, "row 8 is 'holdout'; it must be train or test"),
        (LAYERS, Y, {"split": SPLIT, "groups": np.arange(12) // 6 + 2 * Y}, "in both parts of the split"),
        (LAYERS, Y, {"controls": ("untrained",)}, "no untrained twin"),
        (LAYERS, Y, {"controls": ("pixels",)}, "pixels needs the images"),
        (LAYERS, Y, {"images": "drawn:pets?size=32"}, "200 images for 12 rows"),
        (LAYERS, Y, {"images": 3}, "images are 3, an int; give the name of a set"),
        (LAYERS, Y, {"model": 3}, "model is 3, an int"),
        (LAYERS, Y, {"target": 3}, "target is 3, an int"),
    ],
)  # fmt: skip
def test_wrong_arrays_end_in_one_sentence(
    home: None, layers: dict[str, Any], labels: Any, more: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(LabError, match=sentence) as caught:
        lab.probe_arrays(layers, labels, **more)
    assert "\n" not in str(caught.value)


def test_images_beside_vectors_may_be_arrays_and_an_order_one_text(home: None) -> None:
    pixels = np.random.default_rng(0).random((12, 3, 8, 8))
    found = lab.probe_arrays(LAYERS, Y, images=(pixels, Y), controls=("pixels",), folds=2, repeats=1)
    assert "pixels" in set(found["summary"].control)
    texts = np.where(Y, "low", "high")
    graded = lab.probe_arrays(LAYERS, texts, target="grades", order="low, high", controls=(), folds=2, repeats=1)
    assert graded.request.classes == ("low", "high")  # type: ignore[attr-defined]


def test_tensors_of_half_precision_are_read() -> None:
    torch = pytest.importorskip("torch")
    for kind in (torch.bfloat16, torch.float16):
        (layer,) = vector_set({"a": torch.eye(4, dtype=kind)}, [0, 1, 0, 1]).layers
        assert layer.vectors.dtype == np.float32
        assert np.array_equal(layer.vectors, np.eye(4))


def test_labels_of_a_table_that_mix_text_and_numbers_are_refused() -> None:
    with pytest.raises(LabError, match="mix text"):
        class_labels(np.array(["1", "2", "cat"], dtype=object))
    labels, classes = class_labels(np.array(["10", "9", "10"], dtype=object))
    assert classes == ("9", "10")
    assert labels.tolist() == [1, 0, 1]


class Trap:
    """An object that tells when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_objects_in_files_are_never_unpickled(tmp_path: Path) -> None:
    trap = np.empty(2, dtype=object)
    trap[:] = Trap(tmp_path / "sprung")
    np.savez(tmp_path / "e.npz", a=LAYERS["layer1"], label=trap)
    (tmp_path / "folder").mkdir()
    np.save(tmp_path / "folder" / "label.npy", trap)
    for name in ("e.npz", "folder"):
        with pytest.raises(LabError, match="Python objects, which are never unpickled"):
            read_vector_set(str(tmp_path / name))
    assert not (tmp_path / "sprung").exists()


def test_files_that_cannot_be_used_end_in_one_sentence(tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", **LAYERS)
    (tmp_path / "torn.npz").write_bytes((tmp_path / "bare.npz").read_bytes()[:100])
    (tmp_path / "odd.txt").write_text("1 2 3")
    (tmp_path / "empty").mkdir()
    (tmp_path / "none.csv").write_text("a,b\n1,2\n")
    ragged = pd.DataFrame({"a": [[1.0], [1.0, 2.0]], "label": [0, 1]})
    ragged.to_parquet(tmp_path / "ragged.parquet")
    for name, labels, sentence in (
        ("gone.npz", "", "there is no file"),
        ("bare.npz", "", "holds no labels"),
        ("bare.npz", "labels", "there are no labels 'labels'"),
        ("bare.npz", str(tmp_path / "gone.csv"), "there is no file"),
        ("bare.npz", str(tmp_path / "none.csv"), "has no column of labels; it has a, b"),
        ("torn.npz", "", "cannot be read"),
        ("odd.txt", "", "no known kind of vectors"),
        ("empty", "", r"holds no \.npy file"),
        ("ragged.parquet", "", "differ in length"),
    ):
        with pytest.raises(LabError, match=sentence) as caught:
            read_vector_set(str(tmp_path / name), labels)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"embeddings": "e.npz", "models": ("resnet18",)}, "instead of a model"),
        ({"embeddings": "e.npz", "data": "digits"}, "instead of a model"),
        ({"embeddings": "e.npz", "pooling": "max"}, "are for networks"),
        ({"labels": "y"}, "belong to --embeddings"),
    ],
)
def test_what_does_not_go_together_is_said(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        ProbeRequest(**fields)
