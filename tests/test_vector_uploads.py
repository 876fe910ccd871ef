"""Vectors that are uploaded are kept by their content, judged as those of a file, and a bad file is one sentence."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages_helpers import healthy, opened, said

from lab.embeddings import vector_uploads
from lab.embeddings.vector_sets import read_vector_set
from lab.embeddings.vector_uploads import keep_labels, keep_vectors
from lab.errors import LabError
from lab.experiments.separability.request import ProbeRequest
from lab.images.uploads import uploads_dir
from lab.runs import jobs
from lab.runs.store import RunFolder

RNG = np.random.default_rng(0)
Y = np.arange(40) % 2
LAYERS = {"late": RNG.normal(size=(40, 6)) + 4 * Y[:, None], "early": RNG.normal(size=(40, 6))}


def file(save: Any, *values: Any, **named: Any) -> io.BytesIO:
    out = io.BytesIO()
    save(out, *values, **named)
    return out


def npz(**arrays: np.ndarray) -> io.BytesIO:
    return file(np.savez, **arrays)


def test_what_is_uploaded_is_read_back_and_kept_once(lab_home: Path) -> None:
    spec = keep_vectors([("../my file.npz", npz(**LAYERS, label=Y))])
    assert spec == keep_vectors([("again.npz", npz(**LAYERS, label=Y))])
    found = read_vector_set(spec)
    assert [layer.name for layer in found.layers] == list(LAYERS)
    assert {layer.model for layer in found.layers} == {"my_file"}
    assert [layer.vectors.tolist() for layer in found.layers] == [array.tolist() for array in LAYERS.values()]
    assert [path.name for path in uploads_dir().rglob("*.npz")] == ["my_file.npz"]


def test_several_npy_are_layers_in_their_order_with_labels_of_a_table(lab_home: Path) -> None:
    spec = keep_vectors([(f"{name}.npy", file(np.save, array)) for name, array in LAYERS.items()])
    table = "label,group\n" + "".join(f"{('cat', 'dog')[y]},{k // 2}\n" for k, y in enumerate(Y))
    labels = keep_labels("told.csv", io.BytesIO(table.encode()))
    found = read_vector_set(spec, labels)
    assert [layer.name for layer in found.layers] == ["late", "early"]
    assert found.classes == ("cat", "dog")
    assert found.groups is not None
    assert len(set(found.groups)) == 20
    request = ProbeRequest(embeddings=spec, labels=labels).canonical()
    assert set(request.sources()) == {"embeddings", "labels", "groups"}
    assert request.title() == "vectors of vectors.npz"
    assert ProbeRequest.from_dict(request.as_dict()) == request


class Touches:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_bad_file_is_one_sentence_and_nothing_is_kept_or_run(lab_home: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    harmful = np.array([Touches(ran)], dtype=object)
    whole = npz(**LAYERS, label=Y).getvalue()
    for name, content, told in (
        ("v.npz", npz(a=harmful).getvalue(), "v.npz: 'a' holds Python objects, which are never unpickled"),
        ("a.npy", file(np.save, harmful).getvalue(), "a.npy: 'a' holds Python objects, which are never unpickled"),
        ("v.npz", pickle.dumps(Touches(ran)), "v.npz cannot be read .*never unpickled"),
        ("v.npz", whole[: len(whole) // 2], "v.npz cannot be read"),
        ("v.npz", npz(label=Y).getvalue(), r"v.npz holds no array \(N, D\)"),
        ("v.pkl", b"", "v.pkl is no file of vectors"),
        ("v.parquet", b"PAR1 no", "v.parquet cannot be read"),
        ("v.safetensors", b"\xff" * 40, "v.safetensors cannot be read"),
        ("v.npy", file(np.save, Y).getvalue(), r"v.npy hold no array \(N, D\)"),
    ):
        with pytest.raises(LabError, match=told) as found:
            keep_vectors([(name, io.BytesIO(content))])
        assert "\n" not in str(found.value)
        assert str(lab_home) not in str(found.value)
    with pytest.raises(LabError, match=r"b.txt is no \.npy file"):
        keep_vectors([("a.npy", io.BytesIO()), ("b.txt", io.BytesIO())])
    with pytest.raises(LabError, match=r"t\.txt is no file of labels"):
        keep_labels("t.txt", io.BytesIO(b"a"))
    assert not ran.exists()
    assert [path for path in uploads_dir().rglob("*") if path.is_file()] == []


def test_a_small_file_that_unpacks_to_too_much_is_refused_unread(
    lab_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_uploads, "MOST_BYTES", 1_000_000)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", file(np.save, np.zeros((2000, 100))).getvalue())
    with pytest.raises(LabError, match=r"unpacks to 0\.0 GB; at most"):
        keep_vectors([("v.npz", packed)])


def test_the_page_probes_them_with_the_controls_they_can_have(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = keep_vectors([("mine.npz", npz(**LAYERS, kind=Y))])
    started: list[ProbeRequest] = []

    def start(request: ProbeRequest) -> RunFolder:
        started.append(request)
        return RunFolder(lab_home / "runs" / request.run_id)

    monkeypatch.setattr(jobs, "start", start)
    app = healthy(opened("separability", embeddings=spec))
    told = said(app).replace("\\", "")  # escaped
    assert "mine.npz" in told
    assert "late (40 × 6), early (40 × 6)" in told
    assert app.multiselect(key="draft_controls").options == ["shuffled", "matched"]
    app.button(key="run").click().run()
    assert not started  # no column is called label, and this is told before anything starts
    assert "holds no labels; its columns are kind" in said(app).replace("\\", "")
    app.selectbox(key="draft_labels").select("kind").run()
    app.button(key="run").click().run()
    assert started == [ProbeRequest(embeddings=spec, labels="kind").canonical()]
    app.button(key="vectors_back").click().run()
    assert app.multiselect(key="draft_models").value
