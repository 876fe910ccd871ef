"""Charts show what is in the tables, in colours everyone can tell apart, and compile to Vega."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st
from tables import LAYERS, MODELS, synthetic_result

from lab.charts import theme
from lab.charts.accuracy import accuracy_by_depth
from lab.charts.checks import checks_forest, fold_strip
from lab.charts.curves import METRICS, curve_rows, spread
from lab.charts.decisions import (
    confusion_matrix,
    decision_counts,
    depth_of_decision,
    emergence_by_pair,
    luck_rows,
    pair_rows,
)
from lab.charts.hero import hero, picture_rows, shown_layers
from lab.charts.label_efficiency import accuracy_by_labels, code_length_by_depth, code_rows
from lab.charts.map_checks import map_quality
from lab.charts.map_rows import MOST_POINTS, MOST_THUMBNAILS, centred, thumbnail_rows, trust_by_layer, wide_rows
from lab.charts.maps import depth_walk, embedding_maps, projection_map
from lab.charts.nicknames import nicknames
from lab.charts.pictures import picture
from lab.charts.tables import LUCK, NEVER, confusion, gallery, layer_table, mistakes_by_guessing
from lab.charts.theme import themed
from lab.errors import LabError
from lab.stats.depth import EARLY, LATE

MODEL = MODELS[0]
CHARTED: dict[str, Callable[[Any], Any]] = {
    "accuracy": accuracy_by_depth,
    "accuracy_legend": lambda t: accuracy_by_depth(t, labels="legend"),
    "accuracy_layers": lambda t: accuracy_by_depth(t, models=[MODEL], x="layer"),
    "silhouette": lambda t: accuracy_by_depth(t, metric="silhouette"),
    "auc": lambda t: accuracy_by_depth(t, metric="auc", controls=()),
    "checks": checks_forest,
    "folds": fold_strip,
    "confusion": confusion_matrix,
    "decisions": depth_of_decision,
    "emergence": emergence_by_pair,
    "code_length": code_length_by_depth,
    "label_efficiency": accuracy_by_labels,
    "maps": lambda t: embedding_maps(t, layers=LAYERS[:3]),
    "map": lambda t: projection_map(t, None, LAYERS[2]),
    "walk": depth_walk,
    "quality": map_quality,
}


@pytest.fixture(scope="module")
def tables() -> Any:
    return synthetic_result().tables


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a specification, its data left out."""
    if isinstance(value, dict):
        yield value
        for key, inner in value.items():
            if key not in ("datasets", "values"):
                yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def layers_with(spec: dict[str, Any], mark: str) -> list[dict[str, Any]]:
    return [part for part in spec["layer"] if part["mark"]["type"] == mark]


def data_of(spec: dict[str, Any], part: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = spec["datasets"][part["data"]["name"]]
    return rows


# What every chart promises


@pytest.mark.parametrize("name", CHARTED)
def test_every_chart_compiles_and_says_what_it_shows(name: str, tables: Any) -> None:
    spec = CHARTED[name](tables).to_dict()
    json.dumps(spec, allow_nan=False)
    vl_convert.vegalite_to_vega(spec)
    assert spec["title"]
    assert len(spec["description"]) > 30
    assert "config" not in spec or set(spec["config"]) == {"view"}  # nothing a page's theme would have to fight
    fields = [node["field"] for node in nodes(spec) if "field" in node]
    assert fields
    assert not [field for field in fields if set(".:[]") & set(field)]
    assert len([title for title in axis_titles(spec) if title]) >= (0 if name in ("maps", "map", "walk") else 1)


def axis_titles(spec: dict[str, Any]) -> list[str]:
    encodings = [node["encoding"] for node in nodes(spec) if "encoding" in node]
    return [e[c].get("title") for e in encodings for c in ("x", "y") if c in e and "field" in e[c]]


@pytest.mark.parametrize("name", CHARTED)
def test_charts_are_the_same_every_time_and_leave_the_tables_alone(name: str, tables: Any) -> None:
    before = {key: table.copy() for key, table in tables.items()}
    first, second = (json.dumps(CHARTED[name](tables).to_dict(), sort_keys=True) for _ in range(2))
    assert first == second
    for key, table in tables.items():
        pd.testing.assert_frame_equal(table, before[key])


def test_one_model_and_many_classes_draw_too() -> None:
    tables = synthetic_result(models=["m@x"], layers=LAYERS[:3], classes=[f"c{i}" for i in range(12)], images=48).tables
    for name in ("checks", "folds", "confusion", "decisions", "emergence", "walk", "accuracy"):
        vl_convert.vegalite_to_vega(CHARTED[name](tables).to_dict())


def test_a_run_without_controls_draws(tables: Any) -> None:
    summary = tables["summary"]
    bare = {**tables, "summary": summary[summary["control"] == "probe"]}
    spec = accuracy_by_depth(bare).to_dict()
    vl_convert.vegalite_to_vega(spec)
    assert "controls" not in json.dumps(spec["title"])


# Colours


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def linear(colour: str) -> np.ndarray:
    channel = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)


# Machado, Oliveira & Fernandes 2009, severity 1, for linear RGB
SIGHTS = {
    "usual": np.eye(3),
    "protan": np.array([[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]]),
    "deutan": np.array([[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]]),
    "tritan": np.array([[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]]),
}


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson 2020, from linear RGB."""
    to_lms = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    to_lab = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    lab: np.ndarray = np.array(to_lab) @ np.cbrt(np.array(to_lms) @ np.clip(rgb, 0, 1))
    return lab


@pytest.mark.parametrize("colours", [theme.MODEL_COLOURS, theme.CLASS_COLOURS, (theme.PASSED, theme.NOT_PASSED)])
def test_colours_are_told_apart_on_light_and_dark_by_every_eye(colours: tuple[str, ...]) -> None:
    for colour in (*colours, theme.INK):
        for paper in (*theme.BACKGROUNDS.values(), "#ffffff", "#0e1117"):
            light, dark = sorted((luminance(colour), luminance(paper)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 3, (colour, paper)
    for sight, matrix in SIGHTS.items():
        seen = [oklab(matrix @ linear(colour)) for colour in colours]
        gaps = {(i, j): np.linalg.norm(seen[i] - seen[j]) for i, j in combinations(range(len(colours)), 2)}
        assert min(gaps.values()) >= 0.065, sight  # three just noticeable differences
        assert min(gap for (_, j), gap in gaps.items() if j < 2) >= 0.13, sight


def test_shape_and_colour_repeat_together_only_after_many_classes() -> None:
    pairs = [(i % len(theme.CLASS_COLOURS), i % len(theme.CLASS_SHAPES)) for i in range(56)]
    assert len(set(pairs)) == 56


# Accuracy by depth


@pytest.mark.parametrize("metric", METRICS)
def test_curves_are_the_summary_table(metric: str, tables: Any) -> None:
    spec = accuracy_by_depth(tables, metric=metric).to_dict()
    part = next(p for p in layers_with(spec, "point") if p["mark"].get("cursor") == "pointer")
    probe = data_of(spec, part)
    summary = tables["summary"].query("control == 'probe'")
    expected = {(r.model, r.layer): (r.depth, getattr(r, metric)) for r in summary.itertuples()}
    assert {(r["model"], r["layer"]) for r in probe} == set(expected)
    for row in probe:
        assert (row["depth"], row["value"]) == pytest.approx(expected[row["model"], row["layer"]], abs=5e-5)
    low, high = part["encoding"]["y"]["scale"]["domain"]
    assert low <= min(row["value"] for row in probe)
    assert high >= max(row["value"] for row in probe)
    assert bool(layers_with(spec, "area")) == bool(METRICS[metric].low)


def test_bands_rules_and_selection(tables: Any) -> None:
    spec = accuracy_by_depth(tables).to_dict()
    (band,) = layers_with(spec, "area")
    summary = tables["summary"].query("control == 'probe' and layer == @LAYERS[4] and model == @MODEL").iloc[0]
    row = next(r for r in data_of(spec, band) if r["layer"] == LAYERS[4] and r["model"] == MODEL)
    assert (row["low"], row["high"]) == pytest.approx((summary["ci_low"], summary["ci_high"]), abs=5e-5)
    rules = [data_of(spec, r) for r in layers_with(spec, "rule") if "y" in r["encoding"] and "x" not in r["encoding"]]
    assert sorted(r["control"] for rows in rules for r in rows) == ["chance", "raw pixels"]
    assert "params" not in spec
    depth = next(p["encoding"]["x"] for p in layers_with(spec, "line"))
    assert depth["scale"]["domain"] == [0, 1]
    texts = [node["field"] for p in layers_with(spec, "point") for node in p["encoding"].get("tooltip", [])]
    assert {"layer", "value", "interval", "dim", "depth"} <= set(texts)


def test_labels_at_the_ends_or_a_legend(tables: Any) -> None:
    def ends(spec: dict[str, Any]) -> list[dict[str, Any]]:
        parts = [data_of(spec, part) for part in layers_with(spec, "text")]
        return [row for part in parts for row in part if "place" in row]

    def dashes(spec: dict[str, Any]) -> set[str]:
        legends = [
            part["encoding"]["strokeDash"]["legend"] for part in spec["layer"] if "strokeDash" in part["encoding"]
        ]
        return set(legends[0]["values"]) if legends[0] else set()

    controls = {"chance", "matched dimension", "probe", "raw pixels", "shuffled labels", "untrained twin"}
    one = accuracy_by_depth(tables, models=[MODEL], height=340).to_dict()
    assert {row["text"] for row in ends(one)} == controls
    assert dashes(one) == set()
    several = accuracy_by_depth(tables).to_dict()
    assert {row["text"] for row in ends(several)} == set(nicknames(MODELS).values())
    assert dashes(several) == controls, "each dash is in a legend where the ends do not name it"
    legend = accuracy_by_depth(tables, labels="legend").to_dict()
    assert ends(legend) == []
    assert dashes(legend) == controls


def test_end_labels_lie_a_line_apart_in_the_plot_that_is_drawn(tables: Any) -> None:
    spec = accuracy_by_depth(tables, models=[MODEL], height=340).to_dict()
    assert spec["autosize"]["type"] == "fit-x", "the height is the plot's own, whatever stands around it"
    domain = next(p["encoding"]["y"]["scale"]["domain"] for p in spec["layer"] if "scale" in p["encoding"].get("y", {}))
    parts = [data_of(spec, part) for part in layers_with(spec, "text")]
    places = sorted(row["place"] for part in parts for row in part if "place" in row)
    pixels = np.diff(places) / (domain[1] - domain[0]) * spec["height"]
    assert pixels.min() > 15


def test_the_thirds_that_are_compared_are_shaded(tables: Any) -> None:
    spec = accuracy_by_depth(tables, models=[MODEL]).to_dict()
    (third,) = [data_of(spec, part) for part in layers_with(spec, "rect")]
    assert [(row["third"], row["start"], row["end"]) for row in third] == [
        ("early", 0, pytest.approx(EARLY, abs=1e-3)), ("late", pytest.approx(LATE, abs=1e-3), 1)
    ]  # fmt: skip
    assert not layers_with(accuracy_by_depth(tables, models=[MODEL], x="layer").to_dict(), "rect")


def test_a_curve_is_called_what_it_measures(tables: Any) -> None:
    for metric, name in (("accuracy", "probe"), ("silhouette", "silhouette"), ("knn_accuracy", "k-NN")):
        spec = accuracy_by_depth(tables, metric=metric, models=[MODEL]).to_dict()
        parts = [data_of(spec, part) for part in layers_with(spec, "text")]
        assert name in {row["text"] for part in parts for row in part if "place" in row}


def test_short_names_of_networks_tell_them_apart() -> None:
    for models in (MODELS, ["a@lab:x", "a@lab:y"], ["a.t1@pretrained", "a.t2@pretrained"], ["my run", "my run 2"]):
        assert len(set(nicknames(models).values())) == len(models)


def test_emergence_is_marked_for_one_pair_and_on_request(tables: Any) -> None:
    def marked(spec: dict[str, Any]) -> list[dict[str, Any]]:
        triangles = [p for p in layers_with(spec, "point") if p["mark"].get("shape") == "triangle-up"]
        return [row for part in triangles for row in data_of(spec, part)]

    found = marked(accuracy_by_depth(tables).to_dict())
    assert {row["model"] for row in found} == set(MODELS)
    many = synthetic_result(classes=["a", "b", "c"], images=30, layers=LAYERS[:4], models=[MODEL]).tables
    assert not marked(accuracy_by_depth(many).to_dict())
    (one,) = marked(accuracy_by_depth(many, pair=("c", "a")).to_dict())
    assert {one["class_a"], one["class_b"]} == {"a", "c"}


def test_layers_are_named_in_order_for_one_model(tables: Any) -> None:
    spec = accuracy_by_depth(tables, models=[MODEL], x="layer").to_dict()
    assert layers_with(spec, "line")[0]["encoding"]["x"]["scale"]["domain"] == list(LAYERS)
    with pytest.raises(LabError, match="one model"):
        accuracy_by_depth(tables, x="layer")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "acuracy"}, "nearest: accuracy"),
        ({"controls": ["untraind"]}, "nearest: untrained"),
        ({"models": ["tf_efficientnet_lite0"]}, "nearest: tf_efficientnet_lite0@packaged"),
    ],
)
def test_unknown_names_are_told(options: dict[str, Any], message: str, tables: Any) -> None:
    with pytest.raises(LabError, match=message):
        accuracy_by_depth(tables, **options)


def test_controls_can_be_chosen(tables: Any) -> None:
    assert set(curve_rows(tables, controls=("chance",))["control"]) == {"probe", "chance"}
    assert set(curve_rows(tables, controls=())["control"]) == {"probe"}
    assert set(curve_rows(tables, models=[MODEL])["model"]) == {MODEL, ""}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.2))
def test_spread_keeps_order_distance_and_room(positions: list[float], gap: float) -> None:
    placed = spread(positions, gap, 0, 1)
    order = np.argsort(positions, kind="stable")
    steps = np.diff(np.array(placed)[order])
    assert (steps >= gap - 1e-9).all()
    if (len(positions) - 1) * gap <= 1:
        assert min(placed) >= -1e-9
        assert max(placed) <= 1 + 1e-9


def test_spread_leaves_what_has_room() -> None:
    assert spread([0.9, 0.1, 0.5], 0.1, 0, 1) == pytest.approx([0.9, 0.1, 0.5])
    assert spread([0.5, 0.5], 0.2, 0, 1) == pytest.approx([0.4, 0.6])


# Checks and folds


def test_checks_show_value_interval_and_outcome(tables: Any) -> None:
    spec = checks_forest(tables).to_dict()
    rows = data_of(spec, layers_with(spec, "point")[0])
    expected = tables["checks"]
    assert len(rows) == len(expected)
    for row, (_, check) in zip(rows, expected.iterrows(), strict=True):
        assert row["value"] == pytest.approx(check["value"], abs=5e-5)
        assert row["outcome"] == ("passed" if check["passed"] else "not passed")
    with pytest.raises(LabError, match="no checks"):
        checks_forest({**tables, "checks": expected.iloc[:0]})


def test_folds_are_all_there(tables: Any) -> None:
    spec = fold_strip(tables, MODEL, control="untrained").to_dict()
    folds = tables["folds"].query("model == @MODEL and control == 'untrained'")
    rows = data_of(spec, {"data": spec["data"]} if "data" in spec else spec["layer"][0])
    assert len(rows) == len(folds) == 15 * len(LAYERS)
    assert sorted(r["value"] for r in rows) == pytest.approx(sorted(folds["accuracy"]), abs=5e-5)
    with pytest.raises(LabError, match="nearest: untrained"):
        fold_strip(tables, MODEL, control="untraine")
    with pytest.raises(LabError, match="per fold"):
        fold_strip(tables, MODEL, metric="silhouette")


# Decisions


def test_confusions_count_the_predictions(tables: Any) -> None:
    counts = confusion(tables, MODEL, LAYERS[3])
    here = tables["predictions"].query("model == @MODEL and layer == @LAYERS[3]")
    for true in counts.index:
        for guess in counts.columns:
            assert counts.loc[true, guess] == ((here["class"] == true) & (here["predicted"] == guess)).sum()
    spec = confusion_matrix(tables, MODEL, LAYERS[3]).to_dict()
    cells = spec["datasets"][(spec.get("data") or spec["layer"][0]["data"])["name"]]
    assert sum(cell["images"] for cell in cells) == 40
    assert sum(cell["share"] for cell in cells if cell["class"] == "cat") == pytest.approx(1)
    with pytest.raises(LabError, match="nearest: blocks"):
        confusion_matrix(tables, MODEL, "block.3.0")


def test_every_image_is_decided_once(tables: Any) -> None:
    counts = decision_counts(tables, MODEL)
    assert counts["images"].sum() == 40
    here = tables["decisions"].query("model == @MODEL")
    never = (here["right_from"] == "").sum()
    assert counts.loc[counts["layer"] == NEVER, "images"].sum() == never > 0
    lucky = here["depth_of_decision"].isna().sum() - never
    assert counts.loc[counts["layer"] == LUCK, "images"].sum() == lucky > 0
    spec = depth_of_decision(tables, MODEL).to_dict()
    assert [part["encoding"]["x"]["scale"]["domain"] for part in spec["layer"]] == [[*LAYERS, LUCK, NEVER]] * 2


def test_what_is_right_for_good_beside_the_bars_holds_luck(tables: Any) -> None:
    """The ticks count every image that is right at the end once, at the first layer of its run."""
    ticks = luck_rows(tables, MODEL)
    starts = tables["decisions"].query("model == @MODEL")["right_from"].value_counts()
    assert ticks.set_index("layer")["starting"].to_dict() == {layer: starts.get(layer, 0) for layer in LAYERS}


def test_the_cost_of_labels_has_a_row_for_true_and_shuffled_ones(tables: Any) -> None:
    table = code_rows(tables, MODEL)
    bits = table.pivot_table(index="layer", columns="labels", values="bits", sort=False)
    assert list(bits.index) == list(LAYERS)
    saved = table.drop_duplicates("layer").set_index("layer")["saved"]
    pd.testing.assert_series_equal(bits["shuffled labels"] - bits["true labels"], saved, check_names=False)


def test_pairs_run_from_early_to_late_and_are_cut_in_the_middle() -> None:
    classes = [f"k{i}" for i in range(12)]
    tables = synthetic_result(classes=classes, images=24, layers=LAYERS[:2], models=[MODEL]).tables
    table, count = pair_rows(tables, [MODEL])
    assert count == 66
    assert len(table) == 40
    assert table["at"].is_monotonic_increasing
    assert not table["reached"].iloc[-1]


# Maps


def test_maps_place_every_image_as_projected(tables: Any) -> None:
    wide = wide_rows(tables, MODEL).set_index("image")
    projection = tables["projection"].query("model == @MODEL")
    for at, layer in enumerate(LAYERS):
        points = projection[projection["layer"] == layer].set_index("image").loc[wide.index, ["x", "y"]].to_numpy()
        shown = wide[[f"x{at}", f"y{at}"]].to_numpy()
        assert np.abs(shown).max() == pytest.approx(1)
        ratio = np.linalg.norm(shown[1:] - shown[0], axis=1) / np.linalg.norm(points[1:] - points[0], axis=1)
        assert ratio == pytest.approx(np.full(len(ratio), ratio[0]))  # shape and angles are kept


def test_constant_and_missing_maps_stay_in_the_middle() -> None:
    assert centred(np.full((4, 2), 3.0)).tolist() == [[0, 0]] * 4
    assert np.isnan(centred(np.full((4, 2), np.nan))).all()


def test_one_selection_holds_in_all_layers(tables: Any) -> None:
    spec = embedding_maps(tables, MODEL).to_dict()
    assert len(spec["concat"]) == len(LAYERS)
    params = {p["name"]: p for p in spec["params"]}
    assert set(params) == {"image_brush", "image_pick"}
    assert params["image_pick"]["select"]["fields"] == ["image"]
    assert params["image_brush"]["select"]["resolve"] == "global"
    names = [part["name"] for part in spec["concat"]]
    assert all(param["views"] == names for param in params.values())
    places = [(part["encoding"]["x"]["field"], part["encoding"]["y"]["field"]) for part in spec["concat"]]
    assert places == [(f"x{i}", f"y{i}") for i in range(len(LAYERS))]
    # One table and one set of thumbnails serve all layers.
    assert not [part for part in spec["concat"] if "data" in part or "transform" in part]
    assert len(spec["datasets"]) == 2
    assert {len(rows) for rows in spec["datasets"].values()} == {40}
    titles = [part["title"]["text"] for part in spec["concat"]]
    quality = tables["projection_quality"].query("model == @MODEL").set_index("layer")["trustworthiness"]
    assert titles[5] == [LAYERS[5], trust_by_layer(tables, MODEL)[LAYERS[5]]]
    assert f"{quality[LAYERS[5]]:.2f}" in titles[5][1]


def test_hovering_shows_the_picture(tables: Any) -> None:
    spec = projection_map(tables, MODEL, LAYERS[0]).to_dict()
    tips = {tip["field"]: tip.get("title") for tip in spec["encoding"]["tooltip"]}
    assert tips["thumbnail"] == "image"  # the name by which vega-tooltip knows a picture
    pictures = next(rows for rows in spec["datasets"].values() if "thumbnail" in rows[0])
    assert all(row["thumbnail"].startswith("data:image/jpeg;base64,/9j/") for row in pictures)
    bare = embedding_maps(tables, MODEL, thumbnails=False).to_dict()
    assert "base64" not in json.dumps(bare)


def places(chart: alt.Chart, **values: float) -> np.ndarray:
    """Where Vega puts the images of `chart`, `(N, 2)`, with parameters set to `values`."""
    spec = chart.to_dict()
    for param in spec.get("params", ()):
        param["value"] = values.get(param["name"], param.get("value"))
        if param["value"] is None:
            del param["value"]
    graph = vl_convert.vegalite_to_scenegraph(spec)
    marks = [node for node in nodes(graph) if node.get("marktype") == "symbol" and node.get("name") == "marks"]
    return np.array([(item["x"], item["y"]) for item in marks[0]["items"]])


def test_walking_goes_from_layer_to_layer(tables: Any) -> None:
    walk = depth_walk(tables, MODEL, size=400, thumbnails=False)
    third = places(projection_map(tables, MODEL, LAYERS[3], size=400, thumbnails=False))
    assert places(walk, depth_slider=3) == pytest.approx(third, abs=0.01)
    last = places(projection_map(tables, MODEL, LAYERS[-1], size=400, thumbnails=False))
    assert places(walk, depth_slider=len(LAYERS) - 1) == pytest.approx(last, abs=0.01)
    slider = walk.to_dict()["params"][0]
    assert (slider["name"], slider["bind"]["min"], slider["bind"]["max"]) == ("depth_slider", 0, len(LAYERS) - 1)
    assert slider["bind"]["step"] == 1, "a press of a key is a layer"


def test_large_sets_are_thinned_evenly() -> None:
    count = 2 * MOST_POINTS + 10
    images = pd.DataFrame({"image": [f"i{n}" for n in range(count)], "class": ["a", "b"] * (count // 2)})
    projection = images.assign(model=MODEL, layer="l", depth=1.0, x=np.arange(count), y=0.0)
    tables = {"projection": projection, "images": images.assign(thumbnail=b"jpeg")}
    wide = wide_rows(tables, MODEL)
    assert len(wide) <= MOST_POINTS
    assert wide["class"].value_counts().nunique() == 1
    pictures = thumbnail_rows(tables, images["image"])
    assert len(pictures) <= MOST_THUMBNAILS + 1


def test_a_run_without_maps_says_so(tables: Any) -> None:
    with pytest.raises(LabError, match="no maps"):
        embedding_maps({**tables, "projection": tables["projection"].iloc[:0]})
    with pytest.raises(LabError, match="nearest: conv_stem"):
        projection_map(tables, MODEL, "conv_sten")


# Tables for people


def test_the_layer_table_is_the_summary_by_layer(tables: Any) -> None:
    table = layer_table(tables, MODEL)
    assert table["layer"].tolist() == list(LAYERS)
    assert table["depth"].is_monotonic_increasing
    summary = tables["summary"].query("model == @MODEL").set_index(["control", "layer"])["accuracy"]
    for row in table.itertuples():
        assert row.accuracy == summary["probe", row.layer]
        assert row.untrained == summary["untrained", row.layer]
        assert row.selectivity == pytest.approx(row.accuracy - summary["shuffled", row.layer])
    bare = {**tables, "summary": tables["summary"].query("control == 'probe'"), "projection_quality": None}
    assert not {"untrained", "selectivity", "trustworthiness"} & set(layer_table(bare, MODEL))


def test_mistakes_by_guessing_are_those_of_answers_dealt_at_random(tables: Any) -> None:
    expected = mistakes_by_guessing(tables, MODEL, LAYERS[4])
    here = tables["predictions"].query("model == @MODEL and layer == @LAYERS[4]")
    rng = np.random.default_rng(0)
    dealt = [(rng.permutation(here["predicted"]) != here["class"]).sum() for _ in range(2000)]
    assert expected == pytest.approx(np.mean(dealt), abs=0.3)


def test_the_gallery_runs_from_early_to_never(tables: Any) -> None:
    table = gallery(tables, MODEL)
    assert len(table) == 40
    decided = table["depth_of_decision"].dropna()
    assert decided.is_monotonic_increasing
    assert table["depth_of_decision"].isna().tolist() == [False] * len(decided) + [True] * (40 - len(decided))
    never = table[table["layer"] == NEVER]
    assert len(never)
    assert (table["layer"].tail(len(never)) == NEVER).all()
    assert (table.loc[table["depth_of_decision"].isna() & (table["layer"] != NEVER), "layer"] == LUCK).all()
    assert table["thumbnail"].str.startswith("data:image/jpeg").all()


def test_themes_only_add_looks(tables: Any) -> None:
    chart = accuracy_by_depth(tables)
    for scheme, paper in theme.BACKGROUNDS.items():
        spec = themed(chart, scheme).to_dict()
        assert spec["background"] == paper
        assert spec["layer"] == chart.to_dict()["layer"]
    assert theme.standalone(chart)["width"] == theme.SLIDE_WIDTH


# The whole story in one picture


def test_the_poster_shows_the_same_depths_above_on_and_below_the_curve(tables: Any) -> None:
    shown = shown_layers(tables, MODEL)
    assert [shown["layer"].iloc[0], shown["layer"].iloc[-1]] == [LAYERS[0], LAYERS[-1]]
    assert shown["at"].is_monotonic_increasing
    spec = hero(tables, MODEL).to_dict()
    maps, curve = spec["vconcat"][0], spec["vconcat"][1]
    dots = data_of(spec, maps["layer"][0])
    assert len(dots) == len(shown) * len(tables["images"])
    places = np.unique([np.abs(shown["at"] - dot["x"]).argmin() for dot in dots])
    assert places.tolist() == list(range(len(shown)))
    leaders = data_of(spec, curve["layer"][0])
    probe = tables["summary"].query("model == @MODEL and control == 'probe'").set_index("layer")["accuracy"]
    assert [line["value"] for line in leaders] == pytest.approx(probe[shown["layer"]].tolist(), abs=1e-4)


def test_below_the_poster_are_patches_of_these_layers_or_the_images_decided_there(tables: Any) -> None:
    depths = tables["layers"].query("model == @MODEL")["depth"].tolist()
    patches = tuple((depth, f"data:{number}-{k}") for number, depth in enumerate(depths) for k in range(9))
    shown = shown_layers(tables, MODEL, patches=patches)
    found = picture_rows(tables, MODEL, shown, patches)
    assert (found.groupby("at").size() == 6).all()
    first = found[found["number"] == 0]["url"].tolist()
    assert first == [f"data:{depths.index(depth)}-0" for depth in shown["depth"]]
    decided = picture_rows(tables, MODEL, shown_layers(tables, MODEL))
    known = gallery(tables, MODEL).set_index("image")["depth_of_decision"]
    ends = shown_layers(tables, MODEL).set_index("at")["depth"]
    assert len(decided)
    assert (known[decided["image"]].to_numpy() <= ends[decided["at"]].to_numpy()).all()


def test_a_poster_without_maps_or_on_a_phone_still_tells_the_story(tables: Any) -> None:
    bare = {**tables, "projection": tables["projection"].iloc[:0]}
    assert len(hero(bare, MODEL).to_dict()["vconcat"]) == len(hero(tables, MODEL).to_dict()["vconcat"]) - 1
    phone = hero(tables, MODEL, width=280, places=3).to_dict()
    assert {part["width"] for part in phone["vconcat"]} == {280}
    assert b"<svg" in picture(hero(tables, MODEL), "svg")
