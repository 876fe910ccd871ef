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
from lab.experiments.building.receptive_field import FieldRequest, run
from lab.experiments.building.receptive_field_arithmetic import StackRequest, chain_field
from lab.experiments.building.receptive_field_arithmetic import findings as told_of_stack
from lab.experiments.building.receptive_field_findings import findings
from lab.experiments.picture import open_picture, pictures_beside
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
    assert "every layer adds 2" in told_of_stack(StackRequest())[0]
    assert "no fewer" in told_of_stack(StackRequest(layers=4, kernel=1))[1]
    assert "It has 45 weights per pair of channels, one layer that sees as far 121" in " ".join(
        told_of_stack(StackRequest(layers=5, kernel=3))
    )


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
        return run(FieldRequest("test_resnet@untrained:1", pictures=3))


def test_gradients_of_a_real_network_stay_inside(measured: Any) -> None:
    fields = measured["fields"]
    assert fields["contained"].all()
    assert f"in all {len(measured['draws'])} measurements" in measured.manifest["findings"][0]
    assert "untrained itself" in measured.manifest["findings"][-1]
    local = fields[(fields["top"] > 0) & (fields["left"] > 0) & (fields["status"] == "exact")]
    assert len(local) >= 3
    # two independent measurements of the same field: the table of layers, and NaN at this very position
    assert (local["side"] == local["right"] - local["left"]).all()
    assert (local["side"] == local["bottom"] - local["top"]).all()
    assert (fields["half_side"] <= fields["most_side"] + 1).all()


def planted(
    ratio: float, *, pictures: int = 6, starts: int = 3, of_pictures: float = 0.0, of_starts: float = 0.0
) -> Any:
    """Return tables in which the trained field is so many times the untrained one's, on average over either."""
    rng = np.random.default_rng(5)
    rows = []
    for layer in ("a", "b"):
        per_picture = of_pictures * rng.normal(size=pictures)
        for twin in range(-1, starts):
            own = np.log(ratio) + per_picture if twin < 0 else of_starts * rng.normal() + np.zeros(pictures)
            for picture, size in enumerate(40 * np.exp(own + 0.02 * rng.normal(size=pictures))):
                where = {"model": f"m{twin}", "twin": twin, "layer": layer, "picture": picture, "draw": 0}
                rows.append({**where, "half_side": size, "outside": 0.0})
    draws = pd.DataFrame(rows)
    shape = {
        "status": "exact",
        "side": 80,
        "side_height": 80,
        "side_width": 80,
        "depth": 0.5,
        "top": 40,
        "left": 40,
        "bottom": 120,
        "right": 120,
    }
    more = {"half_side": 40.0, "ci_low": 38.0, "ci_high": 42.0, "most_side": 70}
    fields = pd.DataFrame(
        [{"model": name, "layer": layer, **shape, **more} for name in ("m-1", "m0") for layer in "ab"]
    )
    return fields, draws, (160, 160)


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (1.0, "wider at 0 of 2 layers, narrower at 0, alike at 2"),
        (1.5, "wider at 2 of 2 layers, narrower at 0"),
        (0.6, "wider at 0 of 2 layers, narrower at 2"),
    ],
)
def test_what_training_does_to_the_field_follows_the_planted_truth(ratio: float, said: str) -> None:
    found = findings(*planted(ratio))[-1]
    assert said in found


@pytest.mark.parametrize("spread", [{"of_pictures": 0.5}, {"of_starts": 0.5}])
def test_a_lucky_picture_or_start_is_no_finding(spread: dict[str, float]) -> None:
    assert "wider at 0 of 2 layers, narrower at 0" in findings(*planted(1.1, **spread))[-1]


def test_pictures_beside_one_are_others() -> None:
    drawn = pictures_beside("drawn:pets#2", 5)
    assert len({one.digests[0] for one in drawn}) == 5
    assert drawn[0].digests == open_picture("drawn:pets#2").digests
    assert len({one.digests[0] for one in pictures_beside("photo:flower", 6)}) == 6
    assert len(pictures_beside("drawn:pets#2", 40)) == 12  # as many as there are


def test_the_chart_is_plain_json(measured: Any) -> None:
    (chart,) = charts_of(measured).values()
    assert json.loads(json.dumps(chart.to_dict(), allow_nan=False))["description"]


def test_attention_sees_the_whole_picture() -> None:
    result = run(FieldRequest("test_vit@untrained", draws=1, pictures=2))
    assert (result["fields"]["status"] == "global").any()
    said = " ".join(result.manifest["findings"])
    assert "can depend on the whole picture" in said


def test_layers_without_positions_are_told() -> None:
    with pytest.raises(LabError, match="no layer 'layer9'"):
        run(FieldRequest("test_resnet@untrained", layers="layer9"))
