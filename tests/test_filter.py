"""A filter taken apart: the sum of its products is the network's own number, for every kind of convolution."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.charts.filter_sum import MOST_CHANNELS, contribution_steps
from lab.errors import LabError
from lab.experiments.building.filter_findings import EXACT, findings
from lab.experiments.building.filter_sum import FilterRequest, _Convolutions, run, sums
from lab.experiments.building.filter_terms import FilterLayer
from lab.experiments.picture import open_picture, picture_stamp
from lab.ui.building.convolution import packed


def taken_apart(convolution: Any, size: int = 17) -> tuple[FilterLayer, Any]:
    """A convolution's layer as it is watched on random input, and its output."""
    import torch

    from lab.experiments.windows import watch

    image = torch.randn(1, convolution.in_channels, size, size + 3, generator=torch.Generator().manual_seed(1)).double()
    module = torch.nn.Sequential(convolution).double()
    watched = _Convolutions("")
    with torch.no_grad(), watch(module, watched.in_double):
        output = module(image)
    assert watched.kept is not None
    return watched.kept, output[0].numpy()


CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "full": {"in_channels": 5, "out_channels": 4, "kernel_size": 3},
    "1×1": {"in_channels": 5, "out_channels": 4, "kernel_size": 1},
    "strided": {"in_channels": 5, "out_channels": 4, "kernel_size": 3, "stride": (2, 3)},
    "padded": {"in_channels": 5, "out_channels": 4, "kernel_size": (3, 5), "padding": (1, 2)},
    "dilated": {"in_channels": 5, "out_channels": 4, "kernel_size": 3, "dilation": (2, 3), "padding": 2},
    "grouped": {"in_channels": 6, "out_channels": 4, "kernel_size": 3, "groups": 2},
    "depthwise": {"in_channels": 6, "out_channels": 12, "kernel_size": 3, "groups": 6, "padding": 1},
    "same": {"in_channels": 3, "out_channels": 4, "kernel_size": 3, "padding": "same", "dilation": 2},
    "reflected": {"in_channels": 3, "out_channels": 4, "kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
    "no bias": {"in_channels": 3, "out_channels": 4, "kernel_size": 3, "bias": False},
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_every_output_is_the_sum_of_its_products(name: str) -> None:
    import torch

    torch.manual_seed(0)
    layer, output = taken_apart(torch.nn.Conv2d(**CONVOLUTIONS[name]))
    assert layer.outputs.shape == output.shape
    random = np.random.default_rng(0)
    corners = [(0, 0, 0), tuple(size - 1 for size in output.shape)]
    for place in [*corners, *(tuple(random.integers(size) for size in output.shape) for _ in range(20))]:
        found = layer.at(*map(int, place))
        assert found.own == output[place]
        assert found.difference <= 1e-12
        assert found.contributions.shape == (layer.kernels.shape[1],)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_what_the_browser_slides_its_window_over_adds_up_to_the_output(name: str) -> None:
    import torch

    torch.manual_seed(0)
    layer, output = taken_apart(torch.nn.Conv2d(**CONVOLUTIONS[name]))
    last = len(output) - 1
    first, spanned = layer.at(last, 0, 0).first, layer.kernels.shape[1]
    added = sum(layer.added_by(last, channel) for channel in range(first, first + spanned))
    assert added + layer.biases[last] == pytest.approx(output[last])
    sent = packed(layer, last, first + spanned - 1)
    length = int(np.frombuffer(sent[:4], "<u4")[0])
    header, numbers = json.loads(sent[4 : 4 + length]), np.frombuffer(sent[4 + length :], "<f4")
    sizes = [header["height"] * header["width"], *[header["high"] * header["wide"]] * 2]
    seen, own, all_ = np.split(numbers, np.cumsum(sizes)[:2])
    assert seen == pytest.approx(layer.inputs[first + spanned - 1].ravel(), rel=1e-6)
    assert own == pytest.approx(layer.added_by(last, first + spanned - 1).ravel(), rel=1e-5, abs=1e-6)
    assert all_ == pytest.approx(output[last].ravel(), rel=1e-5, abs=1e-6)
    assert np.array(header["kernel"]) == pytest.approx(layer.kernels[last, -1])


@pytest.mark.parametrize("scheme", ["same as tensorflow", "standardised"])
def test_convolutions_that_change_weights_or_padding_by_themselves(scheme: str) -> None:
    import torch
    from timm.layers import Conv2dSame, StdConv2d

    torch.manual_seed(0)
    kinds = {"same as tensorflow": Conv2dSame, "standardised": StdConv2d}
    layer, output = taken_apart(kinds[scheme](4, 5, 3, stride=2, bias=True), size=16)
    assert output.size
    for place in np.ndindex(output.shape):
        assert layer.at(*place).difference <= 1e-12


def test_the_network_and_picture_of_the_first_page() -> None:
    result = run(FilterRequest())
    layers = result["layers"]
    assert len(layers) == 49
    assert (layers["difference"] <= EXACT).all()
    # single precision is what the network usually has: near, but not what the claim is about
    assert np.allclose(layers["single"], layers["own"], rtol=1e-4, atol=1e-4)
    layer = FilterLayer.from_tables(result.tables)
    found = layer.at(*result.manifest["at"])
    assert np.isclose(result["terms"]["product"].sum() + found.bias, found.own, rtol=0, atol=EXACT)
    assert "spans all 3 input channels" in result.manifest["findings"][0]
    assert f"{found.own:+.2f}" in result.manifest["findings"][1]


def test_any_place_can_be_looked_at_without_the_network() -> None:
    import torch

    result = run(FilterRequest(model="test_resnet@untrained", layer="layer2.0.conv1"))
    layer = FilterLayer.from_tables(result.tables)
    again = torch.nn.functional.conv2d(
        torch.tensor(layer.inputs)[None],
        torch.tensor(layer.kernels),
        torch.tensor(layer.biases),
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
    )[0].numpy()
    assert np.abs(again - layer.outputs).max() <= 1e-10
    assert (sums(layer.at(0, 0, 0))["contributions"]["contribution"].abs().diff().dropna() <= 0).all()


def test_the_text_says_so_when_a_filter_does_not_span_all_channels() -> None:
    import torch

    layer, _ = taken_apart(torch.nn.Conv2d(6, 6, 3, groups=6))
    said = findings(layer, layer.at(4, 1, 1))
    assert "does not span all 6 input channels" in said[0]
    assert "only input channel 4" in said[0]
    grouped, _ = taken_apart(torch.nn.Conv2d(6, 4, 3, groups=2))
    assert "only the 3 input channels 3 to 5" in findings(grouped, grouped.at(3, 0, 0))[0]


def test_the_network_is_left_as_it_was() -> None:
    import torch

    from lab.experiments.windows import watch

    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU()).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}

    def stop(call: Any) -> None:
        raise ValueError

    with pytest.raises(ValueError), watch(module, stop):  # noqa: PT011 - any error from within
        module(torch.zeros(1, 3, 8, 8))
    assert all(child.training for child in module.modules())
    assert not any(child._forward_hooks or child._forward_pre_hooks for child in module.modules())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"layer": "conv_sten"}, "nearest: conv_stem"),
        ({"channel": 32}, "has 32, so it must be from 0 to 31"),
        ({"row": 500}, "row is 500"),
        ({"picture": "photo:flour"}, "nearest: flower"),
        ({"picture": "nowhere.jpg"}, "nowhere.jpg"),
    ],
)
def test_what_is_not_there_is_told(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(LabError, match=said):
        run(FilterRequest(**fields))


def test_a_network_without_convolutions_is_told() -> None:
    with pytest.raises(LabError, match="no two-dimensional convolution"):
        _Convolutions("").chosen(FilterRequest())


def test_a_file_is_a_picture_and_its_stamp_changes(tmp_path: Any) -> None:
    import os

    from PIL import Image

    path = tmp_path / "a b.png"
    Image.new("RGB", (40, 30), (200, 10, 10)).save(path)
    assert open_picture(str(path)).pixels(0).shape == (30, 40, 3)
    before = picture_stamp(str(path))
    os.utime(path, ns=(1, 1))
    assert picture_stamp(str(path)) != before


@pytest.mark.parametrize("count", [3, MOST_CHANNELS + 4])
def test_the_steps_of_a_sum_stand_on_each_other(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count)
    table = pd.DataFrame({"input_channel": range(count), "contribution": values})
    bias, total = 0.5, float(values.sum() + 0.5)
    steps = contribution_steps({"contributions": table}, bias=bias, total=total).to_dict()
    drawn = pd.DataFrame(next(rows for rows in steps["datasets"].values() if "start" in rows[0]))
    parts, whole = drawn.iloc[:-1], drawn.iloc[-1]
    assert parts["start"].iloc[0] == 0
    np.testing.assert_allclose(parts["start"].to_numpy()[1:], parts["end"].to_numpy()[:-1], atol=1e-3)
    np.testing.assert_allclose(parts["end"] - parts["start"], parts["value"], atol=2e-3)
    assert parts["end"].iloc[-1] == pytest.approx(total, abs=1e-3)
    assert (whole["start"], whole["name"]) == (0, "sum")
    assert whole["end"] == pytest.approx(total, abs=1e-3)
