"""A network cut at a layer: it reads what the lab reads, holds no more than it needs, refuses what does not fit."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.cli import main
from lab.errors import LabError

MODEL, LAYER = "test_resnet", "layer2.0"
TRANSFORMER, BLOCK = "test_vit", "blocks.3"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A probe run of two networks, a picture of it, and both cut by the command line."""
    import lab
    from lab.runs.store import find_run

    folder = tmp_path_factory.mktemp("backbone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(folder / "home"))
        words = ["--data", "drawn:pets", "--per-class", "15", "--repeats", "1", "--controls", "none"]
        words += ["--model", f"{MODEL}@untrained", "--model", f"{TRANSFORMER}@untrained", "--pooling", "avg"]
        assert main(["probe", *words, "--out", str(folder / "run")]) == 0
        run = str(folder / "run")
        for model, layer, out in ((MODEL, LAYER, "cut"), (TRANSFORMER, BLOCK, "tokens")):
            words = ["--model", model, "--layer", layer, "--onnx", "--out", str(folder / out)]
            assert main(["export-backbone", run, *words]) == 0
        result = find_run(run).result()
        images = lab.open_image_set("drawn:pets", per_class=15)
        embeddings = lab.experiments.separability.run.embeddings_of(result)
        from PIL import Image

        for index in (0, 20):
            Image.fromarray(images.pixels(index)).save(folder / f"{index}.png")
    return folder, result, embeddings


def pixels_of(work: Any, indices: list[int], model: str = f"{MODEL}@untrained") -> Any:
    import torch

    import lab
    from lab.models import card
    from lab.models.preprocess import pixels_for

    images = lab.open_image_set("drawn:pets", per_class=15)
    how = card(model).preprocessing
    return torch.stack([pixels_for(images, index, how) for index in indices]).float() / 255


@pytest.mark.parametrize(("name", "folder"), [(f"{MODEL}@untrained:0/{LAYER}", "cut"),
                                              (f"{TRANSFORMER}@untrained:0/{BLOCK}", "tokens")])  # fmt: skip
def test_it_embeds_and_classifies_as_the_lab_does(work: Any, name: str, folder: str) -> None:
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import lab

    backbone = lab.load_backbone(work[0] / folder)
    wanted, pixels = work[2][name], pixels_of(work, list(range(30)), name.partition("/")[0])
    with torch.inference_mode():
        probabilities, embedding = backbone.module(pixels)
    assert np.allclose(embedding, wanted, atol=1e-5 * max(1, np.abs(wanted).max()))
    labels = work[1]["images"]["class"].to_numpy()
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=backbone.about["C"], tol=1e-10, max_iter=10_000))
    assert np.allclose(probabilities, reference.fit(wanted, labels).predict_proba(wanted), atol=1e-4)
    assert backbone.classes == tuple(reference.classes_)
    assert 0 <= backbone.about["held_out"]["ci_low"] <= backbone.about["held_out"]["accuracy"] <= 1


def test_the_torchscript_file_needs_torch_alone(work: Any) -> None:
    code = (
        "import sys, torch, numpy as np\n"
        "pixels = torch.from_numpy(np.load(sys.argv[2]))\n"
        "probabilities, embedding = torch.jit.load(sys.argv[1])(pixels)\n"
        "assert not {'lab', 'timm'} & set(sys.modules)\n"
        "np.savez(sys.argv[3], p=probabilities.numpy(), e=embedding.numpy())\n"
    )
    folder = work[0]
    np.save(folder / "pixels.npy", pixels_of(work, [0, 5, 20]).numpy())
    script, out = folder / "cut" / "backbone.torchscript.pt", folder / "found.npz"
    command = [sys.executable, "-W", "ignore", "-c", code, str(script), str(folder / "pixels.npy"), str(out)]
    subprocess.run(command, check=True, cwd=folder)
    wanted = work[2][f"{MODEL}@untrained:0/{LAYER}"][[0, 5, 20]]
    found = np.load(out)
    assert np.allclose(found["e"], wanted, atol=1e-4 * np.abs(wanted).max())
    assert np.allclose(found["p"].sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(("name", "folder"), [(f"{MODEL}@untrained:0/{LAYER}", "cut"),
                                              (f"{TRANSFORMER}@untrained:0/{BLOCK}", "tokens")])  # fmt: skip
def test_onnx_runtime_finds_the_same(work: Any, name: str, folder: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(work[0] / folder / "backbone.onnx", providers=["CPUExecutionProvider"])
    rows = [0, 5, 20, 29]  # another number than it was traced with
    pixels = pixels_of(work, rows, name.partition("/")[0]).numpy()
    probabilities, embedding = session.run(["probabilities", "embedding"], {"pixels": pixels})
    wanted = work[2][name][rows]
    assert np.allclose(embedding, wanted, atol=1e-4 * max(1, np.abs(wanted).max()))
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    about = json.loads((work[0] / folder / "backbone.json").read_text())
    assert about["onnx"].endswith("in ONNX Runtime")


def test_an_onnx_file_that_differs_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    import torch

    from lab.backbone import onnx_file

    class Cut(torch.nn.Module):
        """Answers otherwise than its trace, which keeps the first of its random numbers."""

        def forward(self, pixels: Any) -> tuple[Any, Any]:
            embedding = pixels.mean(dim=(2, 3)) + float(torch.rand(1))
            return embedding.softmax(1), embedding

    cut: Any = Cut()
    assert onnx_file.onnx_file(cut, (3, 8, 8))[0] == b""
    assert "differs by" in onnx_file.onnx_file(cut, (3, 8, 8))[1]
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None)
    with pytest.raises(LabError, match="onnx is not installed"):
        onnx_file.onnx_file(cut, (3, 8, 8))


def test_the_example_runs_as_it_is_written(work: Any) -> None:
    folder = work[0]
    lines = (folder / "cut" / "example.py").read_text().splitlines()
    assert sum(bool(line) and not line.startswith(("#", '"')) for line in lines) <= 10
    done = subprocess.run(
        [sys.executable, "example.py", str(folder / "0.png"), str(folder / "20.png")], cwd=folder / "cut",
        capture_output=True, text=True, check=True, env={"PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
    )  # fmt: skip
    first, *answers = done.stdout.splitlines()
    assert first == f"{MODEL}@untrained:0 cut at {LAYER} tells apart cat, dog"
    assert len(answers) == 2
    assert "'cat'" in answers[0]


def test_it_holds_no_more_than_it_needs(work: Any) -> None:
    from safetensors.torch import load_file

    import lab

    folder = work[0] / "cut"
    kept = load_file(folder / "backbone.safetensors")
    about = json.loads((folder / "backbone.json").read_text())
    parameters = sum(
        value.numel() for name, value in kept.items() if name.startswith("network.") and "running_" not in name
    )
    assert parameters == about["parameters"]
    assert not any(name.startswith(("network.layer3", "network.fc")) for name in kept)
    module = lab.load_backbone(folder).module
    assert sum(parameter.numel() for parameter in module.network.parameters()) == parameters
    assert (folder / "backbone.torchscript.pt").stat().st_size < 8 * sum(value.numel() for value in kept.values())


def test_writing_leaves_nothing_behind_in_the_lab(work: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from lab.models import load_model

    monkeypatch.setenv("FEATURE_LAB_HOME", str(work[0] / "home"))
    model = load_model(f"{MODEL}@untrained")
    with torch.inference_mode():
        assert model.module(torch.zeros(1, 3, 160, 160)).shape == (1, 1000)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--layer", "layer9.0"], "no layer 'layer9.0' in this run; nearest"),
        (["--model", "resnet18"], "has no model 'resnet18'"),
    ],
)
def test_bad_places_are_told(work: Any, words: list[str], said: str, tmp_path: Path, capsys: Any) -> None:
    assert main(["export-backbone", str(work[0] / "run"), *words, "--out", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_it_writes_over_no_other_files(work: Any, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["export-backbone", str(work[0] / "run"), "--out", str(tmp_path)]) == 2
    assert "holds other files" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_weights_that_do_not_fit_are_refused(work: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    import lab

    folder = work[0] / "cut"
    about = json.loads((folder / "backbone.json").read_text())
    tensors = load_file(folder / "backbone.safetensors")
    first = next(name for name in tensors if name.startswith("network."))
    cases: list[tuple[dict[str, Any], str]] = [
        ({name: value for name, value in tensors.items() if name != first}, "lacks network."),
        ({**tensors, "network.strange": tensors[first].clone()}, "holds unknown strange"),
        ({**tensors, first: tensors[first][:1].clone()}, "other shapes"),
    ]
    for changed, words in cases:
        save_file(changed, tmp_path / "backbone.safetensors")
        (tmp_path / "backbone.json").write_text(json.dumps(about))
        with pytest.raises(LabError, match="SHA-256"):
            lab.load_backbone(tmp_path)
        unsigned = {name: value for name, value in about.items() if name != "sha256"}
        (tmp_path / "backbone.json").write_text(json.dumps(unsigned))
        with pytest.raises(LabError, match=words):
            lab.load_backbone(tmp_path)
    (tmp_path / "backbone.safetensors").write_bytes(b"\x80\x04no tensors")
    with pytest.raises(LabError, match="cannot be read"):
        lab.load_backbone(tmp_path)
    with pytest.raises(LabError, match=r"holds no backbone\.json"):
        lab.load_backbone(tmp_path / "nowhere")


def test_a_comparison_recommends_its_cut(work: Any) -> None:
    import pandas as pd

    from lab.backbone.writing import chosen_cut
    from lab.experiments.comparison.request import CompareRequest
    from lab.experiments.result import Result

    layers = pd.DataFrame({"model": ["a@x", "a@x", "b@y"], "layer": ["l0", "l1", "l0"]})
    cuts = layers.assign(chosen=[False, True, False])
    models = pd.DataFrame({"model": ["a@x", "b@y"], "cut_layer": ["l0", "l0"]})
    result = Result(CompareRequest(), {"layers": layers, "cuts": cuts, "models": models})
    assert (chosen_cut(result, "", "").model, chosen_cut(result, "", "").layer) == ("a@x", "l1")
    assert chosen_cut(result, "b", "").layer == "l0"
    models.loc[0, "cut_layer"] = ""  # as of a network at chance
    assert chosen_cut(result, "a", "l0").layer == "l0"
    with pytest.raises(LabError, match="clearly above guessing"):
        chosen_cut(result, "a", "")
    assert chosen_cut(work[1], "", "").layer in set(work[1]["layers"]["layer"])
    with pytest.raises(LabError, match="read layers by ridge probes"):
        chosen_cut(replace(result, request=replace(result.request, probe="ridge")), "a", "l0")
