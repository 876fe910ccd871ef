"""Comparing networks: paired statistics against references, sentences that can say no, a real run end to end."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.cli import main
from lab.errors import LabError
from lab.experiments.comparison import costs as speeds
from lab.experiments.comparison import pair_tables, tables
from lab.experiments.comparison.compare import run
from lab.experiments.comparison.costs import NetworkCut, NetworkSize, Speed, interleaved, measure_speeds, network_size
from lab.experiments.comparison.evidence import Comparison, ModelCurve
from lab.experiments.comparison.findings import findings
from lab.experiments.comparison.request import CompareRequest, comparison_of
from lab.experiments.separability.request import ProbeRequest
from lab.layers import Layer
from lab.registry import EXPERIMENTS, request_from
from lab.stats.differences import DEPTHS, at_depths, best_layer, consistency, nearest_layers, simultaneous
from lab.stats.intervals import accuracy_interval, bootstrap

IMAGES = 200
LABELS = np.repeat([0, 1], IMAGES // 2)


def boot_of(count: int = IMAGES) -> Any:
    return bootstrap(np.arange(count), np.repeat([0, 1], count // 2), resamples=500)


def curve_of(model: str, accuracies: list[float], flops: list[float], seed: int = 0) -> ModelCurve:
    """A network whose layers are right on the given shares of images, each layer on other images."""
    rng = np.random.default_rng(seed)
    right = np.stack([rng.permutation(np.arange(IMAGES) < share * IMAGES) for share in accuracies]).astype(float)
    answers = np.where(right, LABELS, 1 - LABELS).astype(int)
    probabilities = np.eye(2)[answers]
    count = len(accuracies)
    layers = tuple(
        Layer(f"l{k}", "block", (k + 1) / count, "NCHW", 8, 4, 4, 8, 0, "unknown", flops=int(f * 1e9), parameters=k + 1)
        for k, f in enumerate(flops)
    )
    splits = np.tile(np.arange(IMAGES) % 5, (1, 1))
    return ModelCurve(model, layers, right[None], probabilities, best_layer(right[None], splits), None)


def field_with(*curves: ModelCurve, pixels: float = 0.5) -> Comparison:
    beside = np.random.default_rng(99).permutation(np.arange(IMAGES) < pixels * IMAGES).astype(float)
    return Comparison(curves, ("cat", "dog"), LABELS, boot_of(), beside)


def test_depths_between_layers_are_interpolated() -> None:
    correct = np.array([[0.0, 1.0], [1.0, 1.0]])
    found = at_depths([0.2, 0.6], correct, [0.1, 0.2, 0.4, 0.6, 1.0])
    assert np.isnan(found[0]).all()
    assert found[1:, 0].tolist() == pytest.approx([0.0, 0.5, 1.0, 1.0])
    assert nearest_layers([0.2, 0.6], [0.1, 0.39, 0.41, 1.0]) == [0, 0, 1, 1]


def test_the_best_layer_is_judged_on_images_that_did_not_choose_it() -> None:
    rng = np.random.default_rng(0)
    coins = rng.integers(0, 2, size=(3, 60, IMAGES)).astype(float)  # sixty layers that know nothing
    splits = np.stack([rng.permutation(np.arange(IMAGES) % 5) for _ in range(3)])
    choice = best_layer(coins, splits)
    assert coins.mean(axis=2).max() > 0.57
    assert abs(choice.correct.mean() - 0.5) < 0.04
    assert choice.layer == coins.mean(axis=(0, 2)).argmax()


def test_the_best_layer_of_a_given_test_part_is_judged_on_other_images_of_it() -> None:
    highest, judged = [], []
    for seed in range(20):
        coins = np.random.default_rng(seed).integers(0, 2, size=(1, 60, IMAGES)).astype(float)
        highest.append(coins.mean(axis=2).max())
        judged.append(best_layer(coins, np.zeros((1, IMAGES), dtype=int)).correct.mean())
    assert np.mean(highest) > 0.57
    assert abs(np.mean(judged) - 0.5) < 0.025


def test_two_folds_are_enough_to_judge_a_layer_by_the_other() -> None:
    splits = np.arange(IMAGES)[None] % 2
    correct = np.stack([splits[0] == 0, splits[0] == 1])[None].astype(float)  # each layer is right on one fold
    assert best_layer(correct, splits).correct.max() == 0


def test_intervals_hold_for_all_rows_at_once() -> None:
    wrong = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rows = rng.integers(-1, 2, size=(20, 80)).astype(float)
        found = simultaneous(bootstrap(np.arange(80), np.zeros(80, int), resamples=300, seed=seed), rows)
        wrong += any(gap.low > 0 or gap.high < 0 for gap in found)
    assert wrong <= 9  # 5 % of 60 is 3
    certain = simultaneous(boot_of(6), np.ones((1, 6)))[0]
    assert certain.low < 1  # six images that agree are no certainty
    assert np.isnan(simultaneous(boot_of(6), np.array([[np.nan] * 6, [1.0] * 6]))[0].low)


def test_consistency_is_cohens_kappa_of_being_right() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(1)
    one = rng.random(IMAGES) < 0.7
    other = np.where(rng.random(IMAGES) < 0.5, one, rng.random(IMAGES) < 0.8)
    found = consistency(boot_of(), one, other)
    assert found.kappa.value == pytest.approx(cohen_kappa_score(one, other))
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert consistency(boot_of(), one, ~one).kappa.high < 0
    assert np.isnan(consistency(boot_of(), np.ones(IMAGES, bool), np.ones(IMAGES, bool)).kappa.value)


def test_the_smallest_cut_that_is_as_good_is_chosen() -> None:
    field = field_with(
        curve_of("one", [0.6, 0.93, 0.95], [0.1, 0.4, 0.9]), curve_of("two", [0.55, 0.94], [0.2, 0.5], 1)
    )
    table = tables.cuts(field)
    chosen = table[table["chosen"]].iloc[0]
    assert (chosen.model, chosen.layer) == ("one", "l1")
    assert table.set_index(["model", "layer"])["within"].to_dict() == {
        ("one", "l0"): False, ("one", "l1"): True, ("one", "l2"): True, ("two", "l0"): False, ("two", "l1"): True
    }  # fmt: skip
    assert table["behind"].min() == 0
    assert {name: layer.name for name, layer in tables.smallest_cuts(field, table).items()} == {
        "one": "l1", "two": "l1"
    }  # fmt: skip
    low, high = accuracy_interval(0.95, IMAGES)
    assert table.iloc[2][["ci_low", "ci_high"]].tolist() == pytest.approx([low, high])


def test_a_layer_at_chance_is_not_recommended_for_being_cheap() -> None:
    rng = np.random.default_rng(3)
    count = 16  # so few images that the interval of the difference to the best reaches 0
    labels = np.repeat([0, 1], count // 2)
    weak, strong = (rng.permutation(np.arange(count) < right).astype(float) for right in (11, 14))
    right = np.stack([weak, strong])[None]
    curves = tuple(replace(curve_of(name, [0.5, 0.5], [0.1, 0.9]), per_repeat=right) for name in ("one", "two"))
    field = Comparison(curves, ("cat", "dog"), labels, boot_of(count), None)
    table = tables.cuts(field)
    cheap = table[table["layer"] == "l0"]
    assert cheap["within"].all()
    assert (cheap["above_chance_low"] <= 0).all()
    assert table.loc[table["chosen"], "layer"].tolist() == ["l1"]
    assert {layer.name for layer in tables.smallest_cuts(field, table).values()} == {"l1"}


def speed_of(model: str, rounds: list[float], measured_as: str = "") -> Speed:
    return Speed(measured_as or model, np.array(rounds, float), np.array(rounds, float) * 1.5)


def sentences(field: Comparison, speed: dict[str, Speed] | None = None, **changes: Any) -> str:
    cuts = tables.cuts(field)
    chosen = tables.smallest_cuts(field, cuts)
    speed = speed or {
        curve.model: speed_of(curve.model, [(10, 100)[k == 0] + j for j in range(9)])
        for k, curve in enumerate(field.curves)
    }
    sizes = {curve.model: NetworkSize(10**6, 4 * 10**6, 10**6) for curve in field.curves}
    pairs = pd.DataFrame(
        [
            {"model": c.model, "class_a": "cat", "class_b": "dog", "depth": 0.3, "ci_low": 0.2, "ci_high": 0.4,
             "layer": "l1", "reached": True}
            for c in field.curves
        ]
    )  # fmt: skip
    alike = {"layer_a": "l0", "layer_b": "l0", "depth_a": 0.5, "depth_b": 0.5}
    similarity = pd.DataFrame(
        [{"model_a": "one", "model_b": "two", **alike, "cka": 0.1, "ci_low": -0.1, "ci_high": 0.3, "null_95": 0.2}]
    )
    found = {
        "cuts": cuts, "models": tables.models(field, pairs, cuts, chosen, sizes, speed),
        "speeds": tables.speeds(speed), "matched": pair_tables.matched(field),
        "best": pair_tables.best(field), "agreement": pair_tables.agreement(field), "similarity": similarity,
        "images": pd.DataFrame({"image": range(IMAGES)}), **changes,
    }  # fmt: skip
    return " ".join(findings(found, field.classes, data="x"))


def test_a_network_at_chance_has_no_smallest_good_cut() -> None:
    field = field_with(curve_of("one", [0.6, 0.93, 0.95], [0.1, 0.4, 0.9]), curve_of("two", [0.5, 0.52], [0.2, 0.5], 1))
    cuts = tables.cuts(field)
    sizes = {name: NetworkSize(10**6, 4 * 10**6, 10**6) for name in ("one", "two")}
    emergence = pd.DataFrame(columns=["model", "reached"])
    speed = {name: speed_of(name, [10.0] * 9) for name in sizes}
    found = tables.models(field, emergence, cuts, tables.smallest_cuts(field, cuts), sizes, speed).set_index("model")
    assert found.loc["one", ["cut_layer", "cut_images_per_second"]].tolist() == ["l1", 15.0]
    cut = found.loc["two"].filter(like="cut_")
    assert cut["cut_layer"] == ""
    assert cut.drop("cut_layer").isna().all()
    assert found["images_per_second"].notna().all()


def test_the_text_follows_the_numbers() -> None:
    better = curve_of("one", [0.6, 0.93, 0.95], [0.1, 0.4, 0.9])
    worse = curve_of("two", [0.55, 0.6, 0.7], [0.2, 0.3, 0.5], 1)
    said = sentences(field_with(better, worse))
    assert "use one up to l1: accuracy 0.930" in said
    assert "44 % of its operations" in said
    assert "one leads with" in said
    assert "clearly above two" in said
    assert "one is clearly ahead of two at" in said
    assert "0 are more alike than with shuffled images" in said
    assert "one is the fastest here" in said
    again = sentences(field_with(replace(worse, model="one"), replace(better, model="two")))
    assert "two leads with" in again
    assert "clearly behind at 0" not in again


def test_rounds_meet_every_network_and_a_slow_spell_of_the_machine_is_no_difference() -> None:
    """Three passes of equal work on a machine that slows down half way: their medians and every round agree."""
    calls: list[str] = []

    def work(name: str) -> Any:
        def take() -> float:
            calls.append(name)
            return 1.0 if len(calls) < 16 else 3.0

        return take

    found = interleaved({name: work(name) for name in "abc"}, 9, patience=60)
    assert [sorted(calls[k : k + 3]) for k in range(0, 30, 3)] == [["a", "b", "c"]] * 10
    assert calls[:3] != calls[3:6]  # no pass always follows the same one
    assert found["a"] == found["b"] == found["c"]
    assert {len(each) for each in interleaved({"a": lambda: 1.0}, 9, patience=-1).values()} == {3}


def test_equal_architectures_are_measured_once_and_a_cut_is_never_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[str] = []

    def passes(model: str, layers: Any, compute: Any) -> dict[str, Any]:
        timed.append(model)
        # The cut, which does less, looks slower: noise.
        return {f"{model}/{layer.name}": lambda k=k: (0.1, 0.2)[k] for k, layer in enumerate(layers)}

    monkeypatch.setattr(speeds, "_passes", passes)
    names = ("test_resnet@untrained:0", "test_resnet@untrained:1", "test_vit@untrained:0")
    known = {name: speeds.card(name).layers for name in names}
    asked = [NetworkCut(name, known[name][1], known[name][-1]) for name in names]
    kept: dict[str, Any] = {}
    found = measure_speeds(asked, kept, speeds.Compute(), lambda *_: None)
    assert timed == [names[0], names[2]]
    assert found[names[1]].measured_as == names[0]
    assert (found[names[0]].whole == found[names[1]].whole).all()
    for each in found.values():
        assert np.median(each.cut) >= np.median(each.whole)
    again = measure_speeds(asked, kept, speeds.Compute(), lambda *_: None)
    assert len(timed) == 2
    assert (again[names[2]].cut == found[names[2]].cut).all()


def test_a_network_has_one_number_of_parameters() -> None:
    for name in ("test_resnet@untrained:0", "test_vit@untrained:0"):
        size = network_size(name, {})
        assert size.parameters == speeds.card(name).parameters
        assert size.weights == 4 * size.parameters


def test_the_text_can_say_none_and_level() -> None:
    weak = [curve_of(name, [0.5, 0.52], [0.1, 0.4], seed) for seed, name in enumerate(("one", "two"))]
    said = sentences(field_with(*weak))
    assert "use none of these networks" in said
    assert "not clearly above guessing and a probe on raw pixels" in said
    assert "is clearly ahead of two at 0 of" in said
    assert "not clearly above two" in said or "not clearly above one" in said
    strong = [curve_of(name, [0.8, 0.9], [0.1, 0.4], seed) for seed, name in enumerate(("one", "two"))]
    assert "not clearly above a probe on raw pixels" in sentences(field_with(*strong, pixels=0.9))


def test_runs_become_one_comparison_or_are_told_apart() -> None:
    one, two = (ProbeRequest(models=(f"test_{name}@untrained",)) for name in ("resnet", "vit"))
    joined = comparison_of([one, replace(two, controls=())])
    assert joined.models == ("test_resnet@untrained:0", "test_vit@untrained:0")
    assert request_from(joined.as_dict()) == joined
    assert "compare --model=test_resnet@untrained:0 --model=test_vit" in joined.command()
    with pytest.raises(LabError, match=r"differ in data \(drawn:pets, drawn:shapes\)"):
        comparison_of([one, replace(two, data="drawn:shapes")])
    with pytest.raises(LabError, match="differ in layers"):
        comparison_of([one, replace(two, layers="stages")])
    with pytest.raises(LabError, match="two networks or more, not 1"):
        comparison_of([one])
    assert EXPERIMENTS["compare"].request_type().canonical().run_id


SMALL = CompareRequest(
    models=("test_resnet@untrained:0", "test_vit@untrained:0", "no_such_network@untrained:0"),
    per_class=12, layers="stages", repeats=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A result, the pieces it left, and the home it was computed in."""
    home = tmp_path_factory.mktemp("compare")
    partial_results: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(home))
        return run(SMALL, partial_results=partial_results), partial_results, home


def test_a_real_comparison(kept: Any) -> None:
    result, _, _ = kept
    assert "no_such_network" in result.manifest["problems"][0]
    assert result["models"]["model"].tolist() == list(SMALL.models[:2])
    layers = result["layers"]
    assert len(result["cuts"]) == len(layers)
    assert len(result["similarity"]) == len(layers) * (len(layers) + 1) // 2
    own = result["similarity"].query("model_a == model_b and layer_a == layer_b")
    assert np.allclose(own["cka"], 1)
    assert len(result["votes"]) == 2 * len(DEPTHS) * 24
    counted = result["agreement"][["both_right", "only_a", "only_b", "both_wrong"]].sum(axis=1)
    assert (counted == 24).all()
    assert (result["models"]["images_per_second"] > 0).all()
    models, uncut = result["models"], result["models"]["cut_layer"] == ""
    assert ((models["cut_images_per_second"] >= models["images_per_second"]) | uncut).all()
    assert set(result["speeds"]["part"]) == {"whole", "cut"}
    assert ((models["cut_gflops"] <= models["gflops"]) | uncut).all()
    summary = result["summary"]
    assert set(summary["control"]) == {"probe", "pixels", "chance"}  # an untrained network has no untrained twin
    probe = summary[summary["control"] == "probe"].set_index(["model", "layer"])["accuracy"]
    assert np.allclose(probe, result["cuts"].set_index(["model", "layer"])["accuracy"].reindex(probe.index))
    assert len(result.manifest["findings"]) >= 6


def test_a_run_goes_on_from_its_pieces(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    result, partial_results, home = kept
    monkeypatch.setenv("FEATURE_LAB_HOME", str(home))
    monkeypatch.setattr("lab.experiments.separability.fits.fit_probes", lambda *a, **k: pytest.fail("fitted again"))
    monkeypatch.setattr(
        "lab.experiments.comparison.compare.cka_evidence", lambda *a, **k: pytest.fail("compared again")
    )
    monkeypatch.setattr("lab.experiments.comparison.costs._rounds", lambda *a: pytest.fail("measured again"))
    again = run(SMALL, partial_results=partial_results)
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(again[name], table)


def test_speed_is_left_out_when_it_is_not_wanted(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, partial_results, home = kept
    monkeypatch.setenv("FEATURE_LAB_HOME", str(home))
    monkeypatch.setattr("lab.experiments.comparison.costs._rounds", lambda *a: pytest.fail("measured"))
    request = replace(SMALL, speed=False)
    left_out = {key: value for key, value in partial_results.items() if not key.startswith("speed/")}
    result = run(request, partial_results=left_out)
    assert result["models"]["images_per_second"].isna().all()
    assert result["speeds"].empty
    assert "images/s" not in " ".join(result.manifest["findings"])
    assert "speed" in request.command()
    assert request_from(request.as_dict()) == request


def test_it_is_told_when_too_few_are_left(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATURE_LAB_HOME", str(kept[2]))
    with pytest.raises(LabError, match="fewer than two networks could be computed: no_such"):
        run(replace(SMALL, models=SMALL.models[1:]), partial_results={})


def test_the_command_line_compares_finished_runs(kept: Any, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setenv("FEATURE_LAB_HOME", str(kept[2]))
    probe = ["--data", "drawn:pets", "--per-class", "12", "--layers", "stages", "--repeats", "1", "--controls", "none"]
    runs = []
    for name in ("test_resnet", "test_vit"):
        assert main(["probe", "--model", f"{name}@untrained", *probe, "--json"]) == 0
        runs.append(json.loads(capsys.readouterr().out)["run"])
    assert main(["compare", *runs, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {row["model"] for row in document["tables"]["models"]} == set(SMALL.models[:2])
    assert document["findings"][0].startswith("To tell cat from dog use")
    assert main(["compare", *runs, "--no-speed", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tables"]["speeds"] == []
    assert main(["compare", *runs]) == 0
    assert "smallest good cut" in capsys.readouterr().out
    for arguments, said in (
        (["compare", *runs, "--model", "test_vit"], "not both"),
        (["compare", runs[0]], "two networks or more"),
        (["compare", "nothing"], "no run 'nothing'"),
        (["compare", "--model", "a", "--model", "b", "--controls", "magic"], "no control 'magic'"),
    ):
        assert main(arguments) == 2
        assert said in capsys.readouterr().err


@pytest.fixture
def finished(kept: Any) -> Any:
    """The comparison as a finished run among all runs."""
    from lab.experiments.result import Result
    from lab.runs.store import open_run

    request = replace(SMALL, models=SMALL.models[:2]).canonical()
    folder = open_run(request)
    manifest = {**kept[0].manifest, "request": request.as_dict(), "sources": request.sources()}
    folder.finish(Result(request, kept[0].tables, manifest))
    return folder


@pytest.mark.parametrize("view", ["Curves", "Differences", "Cost", "Similarity", "Errors", "Export"])
def test_the_page_shows_every_view(finished: Any, view: str) -> None:
    from pages_helpers import healthy, opened, said

    app = healthy(opened("compare", run=finished.id, compare_view=view))
    text = said(app).replace("\\", "")
    assert "To tell cat from dog use" in text
    assert app.get("vega_lite_chart") or view == "Export"
    assert "no_such_network" in text


def test_the_page_offers_and_starts_what_the_boxes_say(finished: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pages_helpers import healthy, opened, said

    from lab.runs import jobs

    started: list[Any] = []
    monkeypatch.setattr(jobs, "start", started.append)
    app = healthy(opened("compare"))
    assert "Press Compare" in said(app)
    app.multiselect(key="compare_models").set_value(["test_resnet@untrained:3", "test_vit@untrained:0"])
    app.selectbox(key="compare_layers").set_value("stages")
    app.run()
    app.button(key="compare_run").click().run()
    assert [request.models for request in started] == [("test_resnet@untrained:3", "test_vit@untrained:0")]
    assert app.query_params["layers"] == "stages"
    app.multiselect(key="compare_models").set_value(["test_vit@untrained:0"]).run()
    assert app.button(key="compare_run").disabled
    assert "two networks or more" in said(app)


def test_it_exports_as_every_format(finished: Any) -> None:
    from lab.export.formats import FORMATS, download

    result = finished.result()
    for name in set(FORMATS) - {"png"}:
        assert download(result, name).content
    assert b"To tell" in download(result, "html").content


def test_charts_follow_the_tables(kept: Any) -> None:
    from lab.charts.comparison import gap_rows
    from lab.charts.similarity import similarity_map, similarity_rows

    pairs = pd.DataFrame(
        [{"model_a": "a", "model_b": "b", "depth": 0.5, "difference": 0.2, "ci_low": 0.1, "ci_high": 0.3}]
    )
    assert gap_rows(pairs, "a")[["model", "gap", "low", "high"]].iloc[0].tolist() == ["b", -0.2, -0.3, -0.1]
    assert gap_rows(pairs, "b")[["model", "gap", "low", "high"]].iloc[0].tolist() == ["a", 0.2, 0.1, 0.3]
    result = kept[0]
    counts = result["layers"].groupby("model").size()
    one, other = SMALL.models[:2]
    assert len(similarity_rows(result["similarity"], one, other)) == counts[one] * counts[other]
    spec = similarity_map(result.tables, first=one, second=other).to_dict()
    assert spec["width"] * counts[other] == spec["height"] * counts[one]  # cells are squares,
    assert spec["autosize"]["type"] == "pad"  # and stay so: names of layers take no room from them
    within = similarity_rows(result["similarity"], one, one)
    assert len(within) == counts[one] ** 2
    assert np.allclose(within.query("layer_x == layer_y")["cka"], 1)


def test_only_what_is_above_every_reference_is_recommended() -> None:
    """Above chance alone is not enough where raw pixels do as well; a reference that is not there decides nothing."""
    rows = pd.DataFrame(
        {
            "layer": ["cheap", "sound", "lone"],
            "above_chance_low": [0.2, 0.2, 0.1],
            "above_pixels_low": [-0.1, 0.1, 0.1],
            "above_untrained_low": [0.1, 0.1, np.nan],
        }
    )
    assert tables.above_every_reference(rows)["layer"].tolist() == ["sound", "lone"]
    assert len(tables.above_every_reference(rows.iloc[:1])) == 1  # when none is, all are left to choose from
