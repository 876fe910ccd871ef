"""Broken networks: readers that cannot cheat, exact sums, errors that are told, and texts that can say the opposite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages_helpers import healthy, opened, said

from lab.charts.ablation import agreement_bars, intervention_curves, intervention_forest
from lab.charts.broken_parts import effect_rows, largest_effects, part_rows
from lab.errors import LabError
from lab.experiments.ablation import collapse, interventions, late_layers_only, layer_concatenation, without_activations
from lab.experiments.ablation.adapters import Cells, adapted, explained, squared_errors
from lab.experiments.ablation.collapse import _at_border as at_border
from lab.experiments.ablation.collapse import collapsed
from lab.experiments.ablation.collapse import findings as told_of_collapse
from lab.experiments.ablation.intervention_contrasts import (
    BRANCH_OR_SHORTCUT,
    PERMUTED,
    WITH_OR_WITHOUT,
    contrast_table,
)
from lab.experiments.ablation.intervention_tables import ProbedChange
from lab.experiments.ablation.intervention_tables import _at_once as at_once
from lab.experiments.ablation.layer_concatenation_findings import BEST, BOTH, LAST
from lab.experiments.ablation.layer_sweep import FeatureSet, Sweep, components
from lab.experiments.ablation.probe_data import FOLDS, CachedPixels, ProbeData
from lab.experiments.ablation.without_activations import bend
from lab.experiments.ablation.without_activations_tables import colours_explain, directions
from lab.experiments.result import Result
from lab.layers import Layer
from lab.probing.splits import make_splits
from lab.registry import EXPERIMENTS, charts_of, request_from
from lab.runs.store import open_run
from lab.ui.ablation.sections import SECTIONS

ASKED = {"model": "test_resnet@untrained:1", "data": "drawn:shapes", "per_class": 6}
REQUESTS = (
    interventions.InterventionRequest(**ASKED, only="drop,permute,cut"),
    late_layers_only.LateLayersRequest(**ASKED),
    without_activations.WithoutActivationsRequest(**ASKED),
    layer_concatenation.ConcatenationRequest(**ASKED, layers="stages", dimension=8, sweep="2,4"),
    collapse.CollapseRequest("test_efficientnet@untrained:1", "photo:flower", 31),
)


class Runs(dict[str, Result]):
    """Each request's result, computed when a test first asks for it."""

    def __missing__(self, name: str) -> Result:
        (asked,) = (asked for asked in REQUESTS if asked.experiment == name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FEATURE_LAB_HOME", str(self.home))
            self[name] = EXPERIMENTS[name].run(asked, progress=quiet)
        return self[name]

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home = home


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("breaking"))


def quiet(stage: str, done: int, total: int, unit: str) -> None:
    assert 0 <= done <= max(total, 1), stage


def material(labels: np.ndarray) -> ProbeData:
    """Readers for synthetic embeddings; the images themselves are not looked at."""

    class Images:
        def __init__(self) -> None:
            self.labels, self.groups, self.fingerprint = labels, np.arange(len(labels)), "synthetic"

    splits = make_splits(labels, np.arange(len(labels)), folds=FOLDS, repeats=1, seed=0)
    return ProbeData(Images(), splits, 0)  # type: ignore[arg-type]


# --- readers ----------------------------------------------------------------------------------------------------------


def test_the_old_reader_knows_only_the_intact_network() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    intact = rng.normal(size=(80, 12))
    intact[:, 3] += 4 * labels
    flipped, moved = intact.copy(), np.roll(intact, 1, axis=1)
    flipped[:, 3] = 4 - flipped[:, 3]
    readers = material(labels)
    same, against, mixed = readers.carried_over(intact, [intact, flipped, moved])
    assert readers.scores(same).accuracy > 0.95
    assert readers.scores(against).accuracy < 0.15  # an old reader is misled, not refitted
    assert readers.scores(mixed).accuracy < 0.8
    assert readers.scores(readers.refitted(flipped)).accuracy > 0.95
    for probabilities in (same, against, mixed):
        assert np.allclose(probabilities.sum(axis=2), 1)


def test_no_reader_sees_the_images_it_is_tested_on() -> None:
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.repeat([0, 1], 40))
    readers, noise = material(labels), rng.normal(size=(80, 300))
    (carried,) = readers.carried_over(noise, [noise])
    assert 0.3 < readers.scores(carried).accuracy < 0.7  # 300 dimensions of noise fit any 80 labels


def test_images_are_decoded_once_and_stay_as_they_are() -> None:
    class Source:
        asked = 0

        def pixels(self, index: int) -> np.ndarray:
            self.asked += 1
            return np.full((2, 2, 3), index, np.uint8)

        def plain_jpeg(self, index: int) -> None:
            return None

    source = Source()
    kept = CachedPixels(source)
    kept.pixels(1)[:] = 99
    assert (kept.pixels(1) == 1).all()
    assert source.asked == 1


# --- linear maps ------------------------------------------------------------------------------------------------------


def test_bend_is_zero_for_affine_maps_only() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 5, 7))
    weights = rng.normal(size=(7, 3))
    affine, rectified = (lambda x: x @ weights + 2), (lambda x: np.maximum(x @ weights, 0))
    assert bend(affine(one), affine(other), affine((one + other) / 2)) < 1e-12
    assert bend(rectified(one), rectified(other), rectified((one + other) / 2)) > 0.05


def test_directions_count_what_varies() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(60, 1)) * np.arange(1, 9)
    assert directions(flat) == 1
    assert directions(rng.normal(size=(60, 8))) == 8
    assert directions(np.ones((60, 8))) == 0


def stack(*, active: bool) -> tuple[Any, Layer]:
    import torch
    from torch import nn

    torch.manual_seed(0)
    parts: list[nn.Module] = [nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.BatchNorm2d(5)]
    parts += [nn.ReLU()] if active else []
    parts += [nn.Conv2d(5, 4, 3, padding=2, dilation=2, groups=1), nn.Conv2d(4, 6, 1), nn.AvgPool2d(2)]
    network = nn.Sequential(*parts).double().eval()
    return network, Layer(str(len(parts) - 1), "block", 1.0, "NCHW", 6, 24, 24, 4, 13, "exact")


def test_a_linear_stack_is_one_convolution_and_a_rectified_one_is_not() -> None:
    import torch

    image = torch.randn(1, 3, 96, 96, dtype=torch.double)
    for active in (False, True):
        network, layer = stack(active=active)
        single = collapsed(network, layer, (96, 96))
        with torch.no_grad():
            wanted = network(image)[..., single.rows, single.columns]
            off = float((single(image) - wanted).abs().max() / wanted.abs().max())
        assert wanted.shape[-1] > 15
        assert (off > 0.01) if active else (off < 1e-12)


def test_two_kernels_make_the_kernel_that_arithmetic_says() -> None:
    import torch
    from torch import nn

    torch.manual_seed(1)
    first, second = nn.Conv2d(3, 4, 3, bias=False).double(), nn.Conv2d(4, 2, 5, bias=False).double()
    single = collapsed(nn.Sequential(first, second), Layer("1", "block", 1, "NCHW", 2, 0, 0, 1, 7, "exact"), (32, 32))
    wanted = np.zeros((2, 3, 7, 7))
    one, two = first.weight.detach().numpy(), second.weight.detach().numpy()
    for y in range(5):
        for x in range(5):
            wanted[:, :, y : y + 3, x : x + 3] += np.einsum("om,mcij->ocij", two[:, :, y, x], one)
    assert np.allclose(single.kernel.numpy(), wanted, atol=1e-12)


# --- adapters ---------------------------------------------------------------------------------------------------------


def test_least_squares_finds_a_linear_map_and_looks_at_training_images_only() -> None:
    rng = np.random.default_rng(0)
    cells = Cells(rng.random((24, 9, 3 * 64)))
    training = np.arange(24) < 18
    features = cells.pixels @ rng.normal(size=(192, 5)) + 3
    mean = features[training].mean(axis=(0, 1))
    spoilt = np.where(training[:, None, None], features, 1e6)
    for name in ("tiling", "random", "least squares"):
        made = adapted(name, cells, features, training, 0)
        assert made.shape == features.shape
        assert np.array_equal(made, adapted(name, cells, spoilt, training, 0))
        assert np.allclose(made[training].mean(axis=(0, 1)), mean, atol=1e-2)
    wide = Cells(np.repeat(rng.random((24, 9, 6)), 32, axis=2))  # few directions: enough images to find the map
    features = wide.pixels @ rng.normal(size=(192, 5))
    made = adapted("least squares", wide, features, training, 0)
    assert explained(features[~training], made[~training], features[training].mean(axis=(0, 1))) > 0.99


def test_components_are_learnt_on_training_images_and_layers_count_alike() -> None:
    rng = np.random.default_rng(0)
    narrow, wide = rng.normal(size=(40, 1)), np.repeat(rng.normal(size=(40, 1)), 50, axis=1)
    train = np.arange(40) < 30
    seen = components([narrow, wide], train, 2)
    share = [abs(np.corrcoef(seen[train].T, side[train, 0])[-1, :2]) for side in (narrow, wide)]
    assert np.abs(np.linalg.norm(share, axis=1) - 1).max() < 0.05  # both layers are in two components
    moved = narrow.copy()
    moved[~train] += 100
    assert np.allclose(components([moved, wide], train, 2)[train], seen[train])


# --- whole runs -------------------------------------------------------------------------------------------------------


def test_runs_hold_what_their_tables_promise(results: Runs) -> None:
    broken = results["break"]["changes"]
    assert broken.iloc[0]["intervention"] == "intact"
    assert broken.iloc[0]["agree"] == 1
    assert broken.iloc[0]["carried_gap"] == 0
    assert list(results["break"]["reasons"]["intervention"]) == ["cut"]
    for name in ("carried", "refitted"):
        assert ((broken[f"{name}_low"] <= broken[name]) & (broken[name] <= broken[f"{name}_high"])).all()
    error = results["late_layers_only"]["error"].iloc[0]
    assert error["kind"] == "RuntimeError"
    assert "expected input[1, 3," in error["message"]
    assert results["late_layers_only"]["adapters"]["r2"].iloc[0] == 1
    depths = results["without_activations"]["depths"]
    assert list(depths["removed"]) == sorted(depths["removed"])
    assert depths["removed"].iloc[0] == 0
    assert set(results["concatenation"]["readers"]["kind"]) == {"all", "matched"}
    assert results["concatenation"]["chosen"]["times"].sum() == 15


def test_a_layer_before_the_change_reads_as_in_the_intact_network(results: Runs) -> None:
    curve = results["break"]["curve"]
    intact = curve[curve["intervention"] == "intact"].set_index("layer")["accuracy"]
    late = curve[curve["change"] == "Permute channels: after layer3"].set_index("layer")["accuracy"]
    assert (late[["act1", "layer1", "layer2"]] == intact[["act1", "layer1", "layer2"]]).all()


def test_activations_out_make_the_front_affine(results: Runs) -> None:
    curve = results["without_activations"]["curve"]
    fully = curve[curve["up_to"] == "none"]
    assert (fully["bend"] > 1e-3).all()
    stem = curve[(curve["up_to"] == "act1") & (curve["layer"] == "act1")]
    assert float(stem["bend"].iloc[0]) < 1e-5


def test_the_networks_first_layers_collapse_exactly(results: Runs) -> None:
    layers = results["collapse"]["layers"]
    assert (layers["linear"] < 1e-9).all()
    assert (layers["active"] > 1e-3).any()
    assert "Without activations the 6 convolutions up to" in results["collapse"].manifest["findings"][0]


def test_every_run_is_drawn_told_and_asked_again(results: Runs) -> None:
    for asked in REQUESTS:
        result = results[asked.experiment]
        assert len(result.manifest["findings"]) >= 2
        for chart in charts_of(result).values():
            assert chart.to_dict()["description"]
        assert request_from(asked.as_dict()) == asked
        assert f"feature-lab ask {asked.experiment}" in asked.command()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (interventions.InterventionRequest(**ASKED, only="skp"), "no intervention 'skp'; nearest: skip"),
        (late_layers_only.LateLayersRequest(**ASKED, stage="layer9"), "no stage 'layer9' to feed"),
        (layer_concatenation.ConcatenationRequest(**ASKED, layers="layer4"), "at least two are needed"),
        (collapse.CollapseRequest("test_vit@untrained"), "choose a convolutional network"),
    ],
    ids=["intervention", "stage", "layers", "no convolutions"],
)
def test_what_cannot_be_asked_is_told(asked: Any, words: str) -> None:
    with pytest.raises(LabError, match=words):
        EXPERIMENTS[asked.experiment].run(asked)


def test_charts_name_what_they_do_not_know(results: Runs) -> None:
    with pytest.raises(LabError, match="no trained classifier"):
        agreement_bars(results["break"].tables)
    with pytest.raises(LabError, match="no 'drp'; nearest: drop"):
        intervention_forest(results["break"].tables, intervention="drp")


def scale_of(chart: Any, channel: str) -> list[str]:
    layers = chart.to_dict()["layer"]
    return next(layer["encoding"][channel]["scale"]["domain"] for layer in layers if channel in layer["encoding"])


def test_places_stand_under_their_intervention(results: Runs) -> None:
    interventions = results["break"]["changes"]
    order = scale_of(intervention_forest(results["break"].tables), "y")
    assert order[0] == "\tintact network"
    titles = list(dict.fromkeys(interventions["change"].iloc[1:].str.split(": ").str[0]))
    assert [row for row in order if row.endswith("\t")] == [f"{title}\t" for title in titles]
    assert len(order) == len(set(order)) == len(interventions) + len(titles)


def test_of_many_places_some_are_drawn_and_it_is_said(results: Runs) -> None:
    curve = results["break"]["curve"]
    one = curve[curve["change"] == "Permute channels: after layer1"]
    many = [one.assign(place=f"after {k}", change=f"Permute channels: after {k}") for k in range(9)]
    tables = {**results["break"].tables, "curve": pd.concat([curve[curve["intervention"] == "intact"], *many])}
    chart = intervention_curves(tables, intervention="permute")
    wanted = ["the intact network", *(f"after {k}" for k in (0, 2, 4, 6, 8))]
    colour = next(layer["encoding"]["color"] for layer in chart.to_dict()["layer"] if "color" in layer["encoding"])
    assert colour["scale"]["domain"] == wanted
    assert len(set(colour["scale"]["range"])) == len(wanted)
    assert "5 of 9 places" in chart.to_dict()["title"]["subtitle"][0]


# --- texts ------------------------------------------------------------------------------------------------------------


def change_row(kind: str, carried: float, refitted: float, place: str) -> dict[str, Any]:
    row: dict[str, Any] = {"intervention": kind, "place": place, "change": f"{kind}: {place}", "problem": ""}
    for name, value in (("carried", carried), ("refitted", refitted), ("carried_gap", carried - 0.95)):
        row |= {name: value, f"{name}_low": value - 0.05, f"{name}_high": value + 0.05}
    return row


def test_the_drawing_marks_what_was_broken_and_shows_the_worst_first() -> None:
    rows = [
        change_row("intact", 0.95, 0.95, place=""),
        change_row("drop", 0.94, 0.95, place="blocks.1.1"),
        change_row("swap", 0.5, 0.8, place="blocks.2 ↔ blocks.10"),
        change_row("permute", 0.6, 0.8, place="after blocks.9"),
        change_row("identity", 0.7, 0.8, place="everywhere"),
    ]
    names = ["stem", "blocks.2", "blocks.11"]
    layers = pd.DataFrame({"intervention": "intact", "layer": names, "depth": [0.0, 0.3, 1.0]})
    tables = {"changes": pd.DataFrame(rows), "curve": layers}
    assert list(effect_rows(tables)["place"]) == ["blocks.2 ↔ blocks.10", "after blocks.9", "everywhere"]
    parts = part_rows(tables)
    assert list(parts["part"].drop_duplicates()) == ["stem", "blocks.2", "blocks.9", "blocks.10", "blocks.11"]
    marked = parts[parts["broken"]].groupby("title", sort=False)["part"].agg(list)
    assert marked.iloc[0] == ["blocks.2", "blocks.10"]
    assert marked.iloc[1] == ["blocks.9"]
    assert len(marked.iloc[2]) == 5
    assert "0.50 instead of 0.95" in largest_effects(tables).to_json()


def test_many_changes_of_nothing_show_no_loss() -> None:
    """22 changed networks that are as good as the intact one: a loss is said in at most 5 % of runs."""
    false = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        readers = material(np.repeat([0, 1], 30))
        right = rng.random((23, 60)) < 0.8
        probabilities = np.stack([1 - right, right], axis=-1).astype(float)  # of class 1
        probabilities[:, :30] = probabilities[:, :30, ::-1]
        probed = [ProbedChange((), one[None], one[None]) for one in probabilities]
        gaps = at_once(readers, probed)["carried_gap"][1:]
        false += any(gap.high < 0 for gap in gaps)
    assert false <= 5


def test_contrasts_are_paired_by_block_and_by_image() -> None:
    readers = material(np.repeat([0, 1], 30))
    rng = np.random.default_rng(0)
    good, bad = ((rng.random((2, 60)) < share).astype(float) for share in (0.95, 0.6))
    frozen = {("drop", "a"): good[0], ("drop", "b"): bad[0], ("unshortcut", "a"): bad[1], ("cut", "c"): bad[1]}
    there = {("intact", "", "s"): good[0], ("permute", "after s", "s"): good[0]}
    table = contrast_table(readers, frozen, there).set_index("contrast")
    assert table.loc[BRANCH_OR_SHORTCUT, "place"] == "a"  # b has no shortcut that could be taken out
    assert table.loc[BRANCH_OR_SHORTCUT, "gap"] == pytest.approx(good[0].mean() - bad[1].mean())
    assert table.loc[BRANCH_OR_SHORTCUT, "gap_low"] > 0
    assert table.loc[PERMUTED, "gap"] == 0
    assert table.loc[WITH_OR_WITHOUT, "places"] == 3


def test_features_that_no_image_moves_are_the_mean_map(results: Runs) -> None:
    """Real features are the same map for every image and noise: nothing lies beyond the map, however high R² is."""
    rng = np.random.default_rng(0)
    cells = Cells(rng.random((60, 9, 27)))
    every = 3 * rng.normal(size=(1, 9, 5))
    features = every + rng.normal(size=(60, 9, 5))
    training = np.arange(60) >= 15
    made = adapted("by position", cells, features, training, 0)[~training]
    mean_map = features[training].mean(axis=0)
    held = features[~training]
    rest, without = (squared_errors(held, guess).sum() for guess in (made, mean_map))
    whole = squared_errors(held, mean_map.mean(axis=0)).sum()
    assert 1 - rest / whole > 0.6
    assert abs(1 - rest / without) < 0.05
    moved = every + np.einsum("nld,ldc->nlc", cells.pixels, rng.normal(size=(9, 27, 5)))  # a map for each position
    made = adapted("by position", cells, moved, training, 0)[~training]
    alone = adapted("least squares", cells, moved, training, 0)[~training]
    errors = [squared_errors(moved[~training], guess).sum() for guess in (made, alone, moved[training].mean(axis=0))]
    assert errors[0] < 0.7 * errors[2] < 0.7 * errors[1]


def test_average_colours_explain_what_is_made_of_them() -> None:
    rng = np.random.default_rng(0)
    readers, colours = material(np.repeat([0, 1], 40)), rng.random((80, 3))
    of_colours = colours @ rng.normal(size=(3, 12))
    assert colours_explain(readers, colours, of_colours).low > 0.95
    assert colours_explain(readers, colours, rng.normal(size=(80, 12))).high < 0.1


def test_the_sweep_finds_what_only_more_dimensions_show() -> None:
    """The class lies in a small direction of the early layer: two components miss it, twelve do not."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    readers = material(labels)
    early = rng.normal(size=(80, 2)) @ rng.normal(size=(2, 12)) + 0.01 * rng.normal(size=(80, 12))
    early[:, 5] += 0.5 * labels * early[:, 5].std()
    early[:, 6] += 3 * labels * early[:, 6].std()
    vectors = {"early": early, "late": rng.normal(size=(80, 20))}
    taken = {(0, fold): "late" for fold in range(FOLDS)}
    sweep = Sweep(readers, vectors, [FeatureSet(BOTH, ("early", "late"))], "late", taken, (2, 20))
    table = sweep.read({}, quiet).set_index(["reader", "dim"])
    assert table.loc[(BOTH, 20), "gap_low"] > 0
    assert table.loc[(BOTH, 20), "gap"] > table.loc[(BOTH, 2), "gap"] + 0.1
    assert (table.loc[LAST, "gap"] == 0).all()
    assert (table.loc[BEST, "accuracy"].to_numpy() == table.loc[LAST, "accuracy"].to_numpy()).all()


def test_dimensions_of_a_sweep_are_numbers() -> None:
    assert layer_concatenation.ConcatenationRequest(sweep="8, 4", dimension=16).dimensions() == (4, 8, 16)
    with pytest.raises(LabError, match="write numbers from 1 to 512"):
        layer_concatenation.ConcatenationRequest(sweep="4,x")


def test_the_text_on_one_convolution_can_say_the_opposite(results: Runs) -> None:
    layers = results["collapse"]["layers"]
    assert "is not one convolution" in told_of_collapse(layers.assign(linear=0.2))[0]
    assert "change nothing on this picture" in told_of_collapse(layers.assign(active=0.0))[-1]
    assert "every convolution adds zeros: off by 20% of the" in told_of_collapse(layers.assign(border=0.2))[1]
    assert "So they are near the border" in told_of_collapse(layers.assign(border=0.0))[1]


def test_at_the_border_padding_makes_the_difference() -> None:
    import torch

    torch.manual_seed(0)
    image = torch.randn(1, 3, 24, 24, dtype=torch.float64)

    def border(*parts: torch.nn.Module) -> dict[str, Any]:
        network = torch.nn.Sequential(*parts).double()
        layer = Layer(str(len(parts) - 1), "module", 1.0, "NCHW", 4, 24, 24, 1, 5, "exact")
        with torch.no_grad():
            return at_border(collapsed(network, layer, (24, 24)), image, network(image))

    one = torch.nn.Conv2d(3, 4, 3, padding=1)
    single = border(one)
    assert single["border"] < 1e-12  # one convolution is itself, zeros and all
    assert single["border_positions"] == 24 * 24 - 22 * 22
    assert border(one, torch.nn.Conv2d(4, 4, 3, padding=1))["border"] > 0.01


# --- the page ---------------------------------------------------------------------------------------------------------


def test_an_empty_page_offers_every_question() -> None:
    rows = [row for row in EXPERIMENTS.values() if row.page == "break_the_stack"]
    assert set(SECTIONS) <= {row.tab for row in rows}
    for row in rows:
        text = said(healthy(opened("break_the_stack", question=row.tab))).replace("\\", "")
        assert row.question.split("?")[0] in text


def test_every_finished_run_is_shown_in_its_tab(results: Runs) -> None:
    from lab.ui.routes import page_of_run

    for asked in REQUESTS:
        asked = asked.canonical()
        result = results[asked.experiment]
        run = open_run(asked)
        run.finish(Result(asked, result.tables, {**result.manifest, "sources": asked.sources()}))
        _, query = page_of_run(asked.experiment, run.id)
        app = healthy(opened("break_the_stack", **query))
        shown = said(app).replace("\\", "")
        assert result.manifest["findings"][0][:40] in shown
        drawn = asked.experiment != "collapse" and "nothing to break" not in shown
        assert len(app.get("vega_lite_chart")) >= drawn
