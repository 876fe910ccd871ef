"""Size arithmetic: the formula against torch, the table against real networks, a text that can say no."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import LabError
from lab.experiments.building.size_arithmetic import SlideRequest, counts, output_size, taps
from lab.experiments.building.size_arithmetic import findings as told_of_slide
from lab.experiments.building.sizes import SizesRequest, findings, measured, run

SLIDES = {
    "size": st.integers(1, 40),
    "kernel": st.integers(1, 7),
    "stride": st.integers(1, 5),
    "padding": st.integers(0, 3),
    "dilation": st.integers(1, 3),
}


@settings(max_examples=200, deadline=None)
@given(**SLIDES)
def test_the_formula_is_torchs_convolution(size: int, kernel: int, stride: int, padding: int, dilation: int) -> None:
    import torch

    def real() -> int:
        line, weight = torch.zeros(1, 1, size), torch.ones(1, 1, kernel)
        return int(torch.nn.functional.conv1d(line, weight, None, stride, padding, dilation).shape[-1])

    if size + 2 * padding < dilation * (kernel - 1) + 1:
        with pytest.raises(RuntimeError):
            real()
        with pytest.raises(LabError, match="does not fit"):
            output_size(size, kernel, stride, padding, dilation)
    else:
        assert output_size(size, kernel, stride, padding, dilation) == real()


@settings(max_examples=200, deadline=None)
@given(**SLIDES, ceil=st.booleans())
def test_the_formula_is_torchs_pooling(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool
) -> None:
    import torch

    padding = min(padding, kernel // 2)
    if size + 2 * padding < dilation * (kernel - 1) + 1:
        return
    pooled = torch.nn.functional.max_pool1d(torch.zeros(1, 1, size), kernel, stride, padding, dilation, ceil)
    assert output_size(size, kernel, stride, padding, dilation, ceil=ceil) == pooled.shape[-1]


@pytest.mark.parametrize("model", ["tf_efficientnet_lite0@untrained", "test_resnet@untrained", "test_nfnet@untrained"])
def test_every_window_of_real_networks_agrees(model: str) -> None:
    result = run(SizesRequest(model))
    assert result["windows"]["agrees"].all()
    assert f"all {len(result['windows'])} sliding windows" in result.manifest["findings"][0]


def test_weights_are_those_of_the_network() -> None:
    from lab.models import load_model

    result = run(SizesRequest("test_resnet@untrained"))
    named = dict(load_model("test_resnet@untrained").module.named_modules())
    assert len(result["weights"])
    for row in result["weights"].itertuples():
        assert row.shared == named[row.layer].weight.numel()
        assert row.shared <= row.local <= row.connected


def test_connected_weights_are_those_of_a_linear_map_of_the_same_sizes() -> None:
    assert counts(3, 1, (3, 3), 1, (224, 224), (1, 1)).connected == 224 * 224 * 3 == 150_528
    found = counts(4, 6, (3, 3), 2, (5, 5), (3, 3))
    assert (found.shared, found.local, found.connected) == (2 * 6 * 9, 2 * 6 * 9 * 9, 4 * 25 * 6 * 9)


def cropping_network() -> Any:
    """A network whose second convolution also crops: the formula does not hold for it."""
    import torch

    class Cropped(torch.nn.Conv2d):
        def forward(self, image: Any) -> Any:
            return super().forward(image)[:, :, 1:, 1:]

    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1), Cropped(4, 4, 3), torch.nn.MaxPool2d(2, ceil_mode=True)
    )


def test_the_text_says_so_when_the_formula_fails() -> None:
    windows, weights = measured(cropping_network(), (3, 20, 20))
    assert windows["agrees"].tolist() == [True, False, True]
    said = findings(windows, weights, (20, 20), 999)[0]
    assert "in 2 of 3 sliding windows" in said
    assert "fails at 1, where it says 18 × 18 and the output is 17 × 17" in said


def test_poolings_called_without_a_module_are_seen() -> None:
    import torch

    class Bare(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Conv2d(3, 2, 5, stride=2)

        def forward(self, image: Any) -> Any:
            return torch.nn.functional.max_pool2d(self.first(image), 3, 2, 1)

    windows, _ = measured(Bare(), (3, 33, 33))
    assert windows["kind"].tolist() == ["convolution", "max pooling"]
    assert windows["agrees"].all()
    assert windows["real_height"].tolist() == [15, 8]


def test_a_network_without_windows_is_told() -> None:
    import torch

    windows, weights = measured(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 2)), (3, 4, 4))
    assert windows.empty
    assert weights.empty


def test_taps_are_where_torch_looks() -> None:
    import torch

    request = SlideRequest(size=9, kernel=3, stride=2, padding=1, dilation=2)
    line = torch.zeros(1, 1, 9, requires_grad=True)
    out = torch.nn.functional.conv1d(line, torch.ones(1, 1, 3), None, 2, 1, 2)
    assert request.output == len(out[0, 0])
    for window in range(request.output):
        (gradient,) = torch.autograd.grad(out[0, 0, window], line, retain_graph=True)
        seen = np.flatnonzero(gradient[0, 0].numpy())
        here = taps(request).query("window == @window and inside")
        assert here["pixel"].tolist() == seen.tolist()


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), [(8, 3, 3, 0), (9, 5, 2, 2), (7, 3, 1, 1)])
def test_the_playground_writes_out_the_formula(size: int, kernel: int, stride: int, padding: int) -> None:
    said = told_of_slide(SlideRequest(size=size, kernel=kernel, stride=stride, padding=padding))[0]
    formula, value = said.split(":")[0].split(" = ")
    assert eval(formula.replace("−", "-").replace("·", "*")) == pytest.approx(float(value), abs=1e-4)
    assert formula == f"({size} − {kernel} + 2·{padding}) / {stride} + 1"


def test_the_playground_says_what_is_lost() -> None:
    assert "does not come out even" in " ".join(told_of_slide(SlideRequest(size=8, kernel=3, stride=3, padding=0)))
    assert "under no tap" in " ".join(told_of_slide(SlideRequest(size=9, kernel=1, stride=3, padding=0)))
    assert "as large as the input" in " ".join(told_of_slide(SlideRequest(size=9, kernel=3, stride=1, padding=1)))
    assert SlideRequest(size=9, padding=512).output == (9 + 2 * 512 - 3) // 2 + 1
    with pytest.raises(LabError, match="padding is 513"):
        SlideRequest(padding=513)
    with pytest.raises(LabError, match="stride is 0"):
        SlideRequest(stride=0)
