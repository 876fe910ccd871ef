"""Receptive fields: the formula equals the gradient's support, gradients stay inside, a text that can say no."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lab.errors import LabError
from lab.experiments.building.effective_receptive_field import square_of, theoretical
from lab.experiments.building.receptive_field import FieldRequest, findings, run
from lab.experiments.building.receptive_field_arithmetic import StackRequest, chain_field
from lab.experiments.building.receptive_field_arithmetic import findings as told_of_stack
from lab.layers import Layer
from lab.progress import silent
from lab.registry import charts_of

STEPS = st.lists(st.tuples(st.sampled_from([1, 2, 3, 5]), st.integers(1, 2), st.integers(1, 2)), min_size=1, max_size=4)


def layer_at(name: str, side: int) -> Layer:
    return Layer(name, "module", 1.0, "NCHW", 1, side, side, 1, 0, "unknown")


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_the_formula_is_the_support_of_the_gradient(steps: list[tuple[int, int, int]]) -> None:
    import torch

    field = chain_field(steps)
    convolutions = [torch.nn.Conv2d(1, 1, k, stride=s, dilation=d, bias=False) for k, s, d in steps]
    for convolution in convolutions:
        convolution.weight.data.fill_(0.5)
    network = torch.nn.Sequential(*convolutions).double()
    image = torch.ones(1, 1, field, field, dtype=torch.double, requires_grad=True)
    out = network(image)
    assert tuple(out.shape[-2:]) == (1, 1)  # the field is the smallest image that gives one position
    (gradient,) = torch.autograd.grad(out.sum(), image)
    rows = np.flatnonzero(gradient[0, 0].abs().sum(1).numpy())
    assert rows[-1] - rows[0] + 1 == field


@settings(max_examples=25, deadline=None)
@given(STEPS, st.integers(0, 2**16))
def test_what_is_possible_holds_the_gradient_and_is_as_wide_as_the_formula(
    steps: list[tuple[int, int, int]], seed: int
) -> None:
    import torch

    field = chain_field(steps)
    assume(field < 40)  # so that no border of the image cuts it
    torch.manual_seed(seed)
    parts: list[Any] = []
    channels = 3
    for k, s, d in steps:
        parts += [torch.nn.Conv2d(channels, 4, k, stride=s, dilation=d, padding=d * (k // 2)), torch.nn.ReLU()]
        channels = 4
    network = torch.nn.Sequential(*parts)
    size = 96
    with torch.no_grad():
        side = int(network(torch.zeros(1, 3, size, size)).shape[-1])
    layer = layer_at(str(len(parts) - 1), side)
    rows, columns = theoretical(network, [layer], (size, size), silent)[layer.name]
    assert np.ptp(np.flatnonzero(rows)) + 1 == field
    assert np.ptp(np.flatnonzero(columns)) + 1 == field
    image = torch.randn(1, 3, size, size, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(image)[0, :, side // 2, side // 2].sum(), image)
    assert not gradient[0].abs().sum(0).numpy()[~(rows[:, None] & columns[None, :])].any()


def test_stacks_of_three_and_five() -> None:
    for n in range(1, 30):
        assert StackRequest(layers=n).field() == 2 * n + 1
        assert StackRequest(layers=n, kernel=5).field() == 4 * n + 1
    assert "n layers see 2n + 1" in told_of_stack(StackRequest())[0]
    assert "no fewer" in told_of_stack(StackRequest(layers=4, kernel=1))[1]


def test_the_square_holds_the_share() -> None:
    gradient = np.zeros((21, 21))
    gradient[8:13, 9:14] = 1.0
    assert square_of(gradient, 1.0) == (8, 9, 5)
    assert square_of(gradient, 9 / 25) == (9, 10, 3)
    point = np.zeros((5, 5))
    point[1, 3] = 2.0
    assert square_of(point, 0.5) == (1, 3, 1)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("fields")))
        return run(FieldRequest("test_resnet@untrained:1", draws=3))


def test_gradients_of_a_real_network_stay_inside(measured: Any) -> None:
    fields = measured["fields"]
    assert fields["contained"].all()
    assert f"In all {len(fields)} measurements" in measured.manifest["findings"][0]
    assert "untrained itself" in measured.manifest["findings"][-1]
    local = fields[(fields["top"] > 0) & (fields["left"] > 0) & (fields["status"] == "exact")]
    assert len(local) >= 3
    # two independent measurements of the same field: the table of layers, and NaN at this very position
    assert (local["side"] == local["right"] - local["left"]).all()
    assert (local["side"] == local["bottom"] - local["top"]).all()
    assert (fields["half_side"] <= fields["most_side"] + 1).all()


def test_the_text_follows_numbers_that_say_otherwise(measured: Any) -> None:
    size = (160, 160)
    outside = measured["fields"].assign(contained=False, outside=0.25)
    assert "25.00% of it lies outside, so the theory is wrong" in findings(outside, size)[0]
    filled = measured["fields"].assign(half_side=999.0)
    assert "as much as 999 × 999" in findings(filled, size)[1]
    twin = measured["fields"].assign(model="twin", ci_low=0.0, ci_high=0.5, half_side=0.25)
    said = findings(pd.concat([measured["fields"], twin]), size)[-1]
    assert f"wider at {len(twin)} of {len(twin)} layers and narrower at 0" in said


def test_the_chart_is_plain_json(measured: Any) -> None:
    (chart,) = charts_of(measured).values()
    assert json.loads(json.dumps(chart.to_dict(), allow_nan=False))["description"]


def test_attention_sees_the_whole_picture() -> None:
    result = run(FieldRequest("test_vit@untrained", draws=2))
    assert (result["fields"]["status"] == "global").any()
    said = " ".join(result.manifest["findings"])
    assert "can depend on the whole picture" in said


def test_layers_without_positions_are_told() -> None:
    with pytest.raises(LabError, match="no layer 'layer9'"):
        run(FieldRequest("test_resnet@untrained", layers="layer9"))
