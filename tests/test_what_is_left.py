"""Is the rest of the image lost: readouts against scikit-learn, controls that read nothing, texts that can say no."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.errors import LabError
from lab.experiments.building.decoding_data import coarser
from lab.experiments.building.factor_decoding import FactorsRequest, factors_of
from lab.experiments.building.factor_decoding import run as run_factors
from lab.experiments.building.factor_decoding_findings import findings as factors_told
from lab.experiments.building.ridge_decoding import PENALTIES, Readout, read_out
from lab.experiments.building.thumbnail_decoding import ThumbnailRequest
from lab.experiments.building.thumbnail_decoding import run as run_thumbnail
from lab.experiments.building.thumbnail_decoding_findings import findings
from lab.stats.intervals import bootstrap

TINY = "test_resnet@untrained:1"


@pytest.mark.parametrize(("count", "features"), [(60, 8), (40, 90)])
def test_the_readout_is_scikit_learns_ridge(count: int, features: int) -> None:
    from sklearn.linear_model import Ridge, RidgeCV
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    given = rng.normal(size=(count, features)) * rng.uniform(0.1, 10, features)
    targets = np.stack([given[:, 0] + rng.normal(size=count), rng.normal(size=count), given[:, 1] * 3], axis=1)
    folds = np.arange(count) % 4
    found = read_out(given, targets, folds)
    for fold in range(4):
        test = folds == fold
        scaler = StandardScaler().fit(given[~test])
        train = scaler.transform(given[~test])
        tested = np.clip(scaler.transform(given[test]), train.min(0), train.max(0))
        values = np.linalg.svd(train, compute_uv=False) ** 2
        grid = PENALTIES * values[values > 1e-9 * values[0]].mean()
        for column in range(targets.shape[1]):
            chosen = RidgeCV(alphas=grid, gcv_mode="auto").fit(train, targets[~test, column]).alpha_
            theirs = Ridge(alpha=chosen).fit(train, targets[~test, column]).predict(tested)
            assert np.allclose(found.predictions[test, column], theirs, rtol=1e-6, atol=1e-6)
    assert found.r2(np.array([2])) > 0.2 > found.r2(np.array([1]))


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    groups, labels = np.arange(200), np.arange(200) % 2
    inside = 0
    for trial in range(60):
        truth = rng.normal(size=(200, 1))
        readout = Readout(truth, truth * 0 + truth + rng.normal(size=(200, 1)) * 0.7, np.zeros((200, 1)))
        found = readout.interval(bootstrap(groups, labels, resamples=300, seed=trial))
        inside += found.low <= 1 - 0.49 <= found.high
    assert inside >= 50


def test_constant_features_and_rare_ones_do_no_harm() -> None:
    rng = np.random.default_rng(2)
    rare = np.zeros((50, 3))
    rare[7, 0], rare[30, 0] = 1e-6, 5.0
    targets = rng.normal(size=(50, 2))
    found = read_out(np.concatenate([rare, np.ones((50, 1))], axis=1), targets, np.arange(50) % 5)
    assert np.isfinite(found.predictions).all()
    assert found.r2() > -0.5


def test_coarser_pixels_are_averages() -> None:
    pixels = np.random.default_rng(0).random((2, 3 * 16)).astype(np.float32)
    assert np.allclose(coarser(pixels, 1), pixels.reshape(2, 3, 16).mean(2))
    assert np.allclose(coarser(pixels, 2)[0, 0], pixels[0].reshape(3, 4, 4)[0, :2, :2].mean())


def test_factors_that_say_the_same_are_one() -> None:
    table = pd.DataFrame(
        {
            "class": ["cat", "dog", "dog", "cat"], "ear shape": ["up", "down", "down", "up"],
            "mirror": [True, True, False, False], "fur hue": [0.0, 90.0, 180.0, 270.0], "x": [1.0, 2.0, 3.0, 4.0],
            "still": [1.0, 1.0, 1.0, 1.0],
        }
    )  # fmt: skip
    found = {factor.name: factor for factor in factors_of(table)}
    assert list(found) == ["class", "mirror", "fur hue", "x"]
    assert found["class"].same == ("ear shape",)
    assert found["mirror"].kind == "levels"
    assert found["fur hue"].kind == "hue"
    assert np.allclose(found["fur hue"].columns[1], [0, 1])
    assert found["x"].columns.std() == pytest.approx(1)


@pytest.fixture(scope="module")
def thumbnail(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Any]]:
    partial_results: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("left")))
        return run_thumbnail(ThumbnailRequest(TINY, per_class=15), partial_results=partial_results), partial_results


def test_a_thumbnail_is_read_off_every_layer(thumbnail: tuple[Any, dict[str, Any]]) -> None:
    result, partial_results = thumbnail
    rebuilt = result["rebuilt"]
    by = rebuilt.groupby("control")["r2"].max()
    assert by["pixels"] > by["mean colour"] > 0.2
    assert by["real"] > 0.2
    assert (rebuilt["ci_low"] <= rebuilt["r2"]).all()
    assert (rebuilt["ci_high"] >= rebuilt["r2"]).all()
    assert rebuilt.loc[rebuilt["control"] == "shuffled", "r2"].max() < 0.15
    # reading one pixel set off itself is as good as it gets; whole pictures are kept for a few images
    per_layer = result["pictures"].groupby(["layer", "pooling"]).size()
    assert (per_layer == 5).all()
    again = run_thumbnail(result.request, partial_results=partial_results)
    assert again["rebuilt"].equals(rebuilt)


def test_the_thumbnails_text_follows_the_numbers(thumbnail: tuple[Any, dict[str, Any]]) -> None:
    rebuilt = thumbnail[0]["rebuilt"]
    assert "untrained itself" in " ".join(findings(rebuilt, 30))
    grid = (rebuilt["control"] == "real") & (rebuilt["pooling"] == "4x4")

    def with_grid(values: np.ndarray, **shuffled: float) -> list[str]:
        table = rebuilt.copy()
        table.loc[grid, "r2"] = values
        table.loc[grid, "ci_low"], table.loc[grid, "ci_high"] = values - 0.01, values + 0.01
        for name, value in shuffled.items():
            table.loc[table["control"] == "shuffled", name] = value
        twin = table[grid].assign(model="twin", control="untrained", r2=0.9, ci_low=0.89, ci_high=0.91)
        return findings(pd.concat([table, twin]), 30)

    many = int(grid.sum())
    fading = with_grid(np.linspace(0.9, 0.1, many))
    assert "much of the image fades" in fading[0]
    assert "less of the picture than its overall colour" in fading[1]
    assert "keeps more at 0 of" in " ".join(fading)
    rising = with_grid(np.linspace(0.2, 0.95, many), ci_low=0.3, r2=0.4)
    assert "later layers even give more" in rising[0]
    assert "even the last layer gives more" in rising[1]
    assert "distrust them" in rising[-1]
    assert "nothing is shown to be left" in with_grid(np.linspace(0.5, 0.0, many))[0]


def test_factors_of_drawings_are_read() -> None:
    result = run_factors(FactorsRequest(TINY, per_class=30))
    readings = result["readings"]
    real = readings[readings["control"] == "real"].set_index(["layer", "factor"])
    first = real.index.get_level_values("layer")[0]
    assert real.loc[(first, "background brightness"), "r2"] > 0.5
    assert readings.loc[readings["control"] == "shuffled", "r2"].max() < 0.1
    assert result["factors"].set_index("factor").loc["class", "same"] == "ear shape, pupil shape, muzzle shape"
    pixels = readings[readings["control"] == "pixels"].set_index("factor")
    assert pixels.loc["background brightness", "r2"] > 0.8
    assert pixels.loc["class", "chance"] == 0.5
    said = result.manifest["findings"]
    assert "untrained itself" in " ".join(said)
    other = readings.copy()
    other.loc[other["control"] == "real", ["r2", "ci_low", "ci_high"]] = [-0.2, -0.3, -0.1]
    other.loc[other["control"] == "shuffled", "ci_high"] = 0.4
    against = factors_told(other, result["factors"], 60)
    assert "no factor of 60 drawings can be read" in against[0]
    assert "no factor becomes more or less readable" in against[1]
    assert "still reaches 0.40" in against[-1]


def test_what_cannot_be_asked_is_told() -> None:
    with pytest.raises(LabError, match="not drawn here"):
        run_factors(FactorsRequest(TINY, data="digits"))
    with pytest.raises(LabError, match="per-class is 5"):
        ThumbnailRequest(per_class=5)
    assert "data" in ThumbnailRequest().sources()


def test_factors_of_other_drawings_open_as_they_were_asked() -> None:
    from pages_helpers import opened, said

    from lab.runs.store import open_run

    other = "drawn:pets?seed=1"
    run = open_run(FactorsRequest(TINY, other).canonical())
    run.fail("out of memory", "crash")
    app = opened("how_layers_build", run=run.id, question="What is left")
    assert not app.exception
    assert app.selectbox(key="factors_data").value == other
    assert "out of memory" in said(app)
