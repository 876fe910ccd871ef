"""The toy of eyes and a mouth: live sums, and a text that follows them."""

from __future__ import annotations

import numpy as np
import pytest

from lab.errors import LabError
from lab.experiments.building.face_toy import (
    PRESETS,
    FaceRequest,
    face,
    findings,
    kernel,
    kernel_text,
    run,
    scene,
    slid,
)


def of_preset(name: str) -> FaceRequest:
    preset = PRESETS[name]
    return FaceRequest(preset.eyes_kernel, preset.mouth_kernel, preset.bias)


def test_a_face_responds_where_no_single_map_would() -> None:
    found = face(FaceRequest())
    assert np.argwhere(found.fires).tolist() == [[2, 2]]
    assert not found.fires_alone.any()
    eyes, mouth = scene()
    for only in (slid(eyes, kernel(FaceRequest().eyes_kernel)), slid(mouth, kernel(FaceRequest().mouth_kernel))):
        assert (only + found.bias).max() <= 0
    assert "neither map alone would make it respond" in findings(found)[0]
    assert "the face" in findings(found)[1]


def test_the_sum_is_a_convolution_of_both_maps_at_once() -> None:
    import torch

    request = FaceRequest("1 2 3; 4 5 6; 7 8 9", "-1 0 2; 0.5 0 0; 1 1 -3", 0.25)
    weights = torch.tensor(np.stack([kernel(request.eyes_kernel), kernel(request.mouth_kernel)]))[None]
    maps = torch.tensor(np.stack(scene()))[None]
    theirs = torch.nn.functional.conv2d(maps, weights, torch.tensor([0.25]).double(), padding=1)[0, 0].numpy()
    assert np.allclose(face(request).total, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        ("Eyes or mouth", "one map alone would do"),
        ("Eyes only", "one map alone would do at every one of them"),
        ("Eyes without a mouth", "the other silences it"),
        ("Upside-down face", "the upside-down face"),
    ],
)
def test_the_text_follows_the_kernels(preset: str, said: str) -> None:
    assert said in " ".join(findings(face(of_preset(preset))))


def test_a_bias_too_low_is_told() -> None:
    assert "responds nowhere" in findings(face(FaceRequest(bias=-20.0)))[0]


@pytest.mark.parametrize("text", ["1 2 3", "1 2; 3 4", "1 0 1; 0 x 0; 0 0 0", "", "1 0 1; 0 nan 0; 0 0 0"])
def test_kernels_that_are_none_are_told(text: str) -> None:
    with pytest.raises(LabError, match="three rows of three numbers"):
        face(FaceRequest(eyes_kernel=text))


def test_kernels_travel_as_text() -> None:
    values = np.array([[1.5, -2, 0], [0, 0.25, 0], [3, 0, 1]])
    assert np.array_equal(kernel(kernel_text(values)), values)
    result = run(FaceRequest(bias=-1.5))
    assert len(result["places"]) == 180


@pytest.mark.parametrize(
    "asked", [FaceRequest("1 0 2; 0 0 0; 0 0 0", "0 0 0; 0 3 0; 1 1 1", -20.0), of_preset("Eyes or mouth")]
)
def test_a_run_opens_as_it_was_asked_and_presets_are_still_there(asked: FaceRequest) -> None:
    from pages_helpers import healthy, opened

    from lab.ui.url_state import to_params

    app = healthy(opened("how_layers_build", question="One filter", experiment="face", **to_params(asked)))
    assert asked.command() in [code.value for code in app.get("code")]
    app.pills(key="face_preset").set_value("Eyes only").run()
    assert of_preset("Eyes only").command() in [code.value for code in healthy(app).get("code")]


@pytest.mark.parametrize("params", [{"face.bias": "nan"}, {"face.eyes_kernel": "x"}])
def test_a_broken_link_shows_the_toy(params: dict[str, str]) -> None:
    from pages_helpers import opened

    app = opened("how_layers_build", question="One filter", experiment="face", **params)
    assert not app.exception
    assert FaceRequest().command() in [code.value for code in app.get("code")]
