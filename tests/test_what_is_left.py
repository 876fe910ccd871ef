"""Is the rest of the image lost: readouts against scikit-learn, controls that read nothing, texts that can say no."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.errors import LabError
from lab.experiments.building.decoding_contrasts import (
    Contrast,
    ScoredReadout,
    contrast_table,
    equal_widths,
    fewer_images,
    scored,
)
from lab.experiments.building.decoding_data import coarser
from lab.experiments.building.factor_decoding import FactorsRequest, factors_of
from lab.experiments.building.factor_decoding import run as run_factors
from lab.experiments.building.factor_decoding_findings import findings as factors_told
from lab.experiments.building.ridge_decoding import Readout, read_out
from lab.experiments.building.thumbnail_decoding import ThumbnailRequest
from lab.experiments.building.thumbnail_decoding import run as run_thumbnail
from lab.experiments.building.thumbnail_decoding_findings import findings
from lab.probing.ridge import PENALTIES
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


def contrast(kind: str, one: float, other: float, reach: float = 0.02, **where: Any) -> dict[str, Any]:
    gap = one - other
    sides = {"contrast": kind, "layer": "z", "one": one, "other": other, "starts": 3, "gap": gap}
    return {**sides, "gap_low": gap - reach, "gap_high": gap + reach, **where}


def thumbnail_text(
    first: float, last: float, *, reach: float = 0.02, colour: float = 0.3, starts: int = 3
) -> list[str]:
    """Return the sentences of a made-up run: two layers, pixels at 0.8, twins at 0.4, half of the images worth 0.1."""
    ends = {"dim": 256, "ci_low": 0.0, "ci_high": 1.0}
    rows = [
        {"model": "m", "layer": layer, "depth": depth, "pooling": pooling, "control": control, "r2": value, **ends}
        for layer, depth, value in (("a", 0.0, first), ("z", 1.0, last))
        for pooling in ("4x4", "avg")
        for control in ("real", "shuffled")
    ]
    rows += [
        {"model": "", "layer": "", "depth": np.nan, "pooling": "", "control": name, "r2": value, **ends}
        for name, value in (("pixels", 0.8), ("mean colour", colour))
    ]
    contrasts = [
        contrast("last - first", last, first, reach),
        contrast("matched last - first", last - 0.1, first, reach),
        contrast("last - mean colour", last, colour, reach),
        contrast("last - pixels", last, 0.8, reach),
        contrast("last", last, 0, reach),
        contrast("grid - average", last, last - 0.2, reach),
        contrast("all images - half", last, last - 0.1, reach),
        contrast("trained - untrained", last, 0.4, reach, starts=starts),
        contrast("shuffled", 0.0, 0, reach),
    ]
    table = pd.DataFrame(rows)
    learning = pd.DataFrame([{"layer": "z", "share": share, "r2": last} for share in (0.5, 1.0)])
    matched = table[(table["control"] == "real") & (table["pooling"] == "4x4")]
    tables = {"rebuilt": table, "contrasts": pd.DataFrame(contrasts), "matched": matched, "learning": learning}
    return findings(tables, 30)


def test_the_thumbnails_text_follows_the_numbers(thumbnail: tuple[Any, dict[str, Any]]) -> None:
    assert "untrained itself" in " ".join(thumbnail[0].manifest["findings"])
    fading = thumbnail_text(0.9, 0.1)
    assert "much of the image fades" in fading[0]
    assert "less of the picture than its overall colour" in fading[2]
    assert "keeps more at 0 of 1 layers, less at 1" in fading[5]
    rising = thumbnail_text(0.2, 0.95)
    assert "later layers even give more" in rising[0]
    assert "even the last layer gives more" in rising[2]
    assert "with more images it would give more" in rising[3]
    assert "adds up to +0.20" in rising[4]
    assert "keeps more at 1 of 1" in rising[5]
    alike = thumbnail_text(0.5, 0.5)
    assert "nothing fades, to within 0.05" in alike[0]
    assert "the last gives less" in alike[1]  # at equal widths
    unsure = thumbnail_text(0.5, 0.45, reach=0.6)
    assert "no loss is shown" in unsure[0]
    assert "at the end nothing is shown to be left" in unsure[0]
    assert "no difference is shown" in unsure[1]
    assert "not shown to give more of the picture than its overall colour" in unsure[2]
    assert "whether more images would give more is not shown" in unsure[3]
    assert "adds anything is not shown" in unsure[4]
    assert "keeps more at 0 of 1 layers, less at 0, as much at 0" in unsure[5]
    assert "nothing worth naming is left" in thumbnail_text(0.9, 0.0)[0]
    # whatever the point estimates are, intervals that reach both ways show nothing
    for first, last in ((0.9, 0.1), (0.1, 0.9)):
        said = thumbnail_text(first, last, reach=2.0)
        assert "no loss is shown between them, and at the end nothing is shown to be left" in said[0]
        assert "no difference is shown" in said[1]
        assert "not shown to give more of the picture than its overall colour" in said[2]
        assert "whether more images would give more is not shown" in said[3]
        assert "adds anything is not shown" in said[4]
        assert "keeps more at 0 of 1 layers, less at 0, as much at 0" in said[5]
        assert "nothing is shown to be read anywhere" in said[6]
    assert "one random start, from which nothing is concluded" in thumbnail_text(0.9, 0.1, starts=1)[5]


def planted(kinds: int = 20, *, twin: float = 0.0, starts: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Return contrasts of readouts of as many targets: nothing but noise where the truths are 0."""
    rng = np.random.default_rng(seed)
    images = 120
    targets, folds = rng.normal(size=(images, kinds)), np.arange(images) % 5
    boot = bootstrap(np.arange(images), np.arange(images) % 2, resamples=400, seed=seed)

    def read(strength: float) -> list[ScoredReadout]:
        vectors = strength * targets + rng.normal(size=(images, kinds))
        readout = read_out(vectors, targets, folds)
        return [scored(readout, boot, slice(k, k + 1)) for k in range(kinds)]

    own, others = read(1.0), [read(twin + starts * rng.normal()) for _ in range(3)]
    rows = [
        Contrast("trained - untrained", {"factor": f"f{k}"}, own[k], [other[k] for other in others])
        for k in range(kinds)
    ]
    return contrast_table(rows, "factor")


def test_differences_of_readouts_follow_the_planted_truth() -> None:
    strong = planted(twin=0.0)
    assert (strong["gap_low"] > 0).mean() > 0.5  # seen in most draws
    nothing = [(planted(twin=1.0, seed=seed)[["gap_low", "gap_high"]] > 0).sum(axis=1).eq(1).all() for seed in range(8)]
    assert sum(nothing) >= 7
    assert (planted(twin=4.0)["gap_high"] < 0).mean() > 0.5
    lucky = planted(twin=0.9, starts=0.9, seed=2)
    assert (lucky["gap_high"] - lucky["gap_low"]).mean() > 2 * (strong["gap_high"] - strong["gap_low"]).mean()


def test_a_wide_layer_reads_no_more_at_equal_widths() -> None:
    """Eight numbers say the target, with noise: 160 such numbers say it better, eight of them do not."""
    rng = np.random.default_rng(0)
    target = rng.normal(size=(200, 1))
    wide = target + 4 * rng.normal(size=(200, 160))
    folds = np.arange(200) % 5
    narrow = read_out(wide[:, :8], target, folds).r2()
    assert read_out(wide, target, folds).r2() > narrow + 0.2
    equal = np.mean([one.r2() for one in equal_widths(wide, target, folds, 8, 0)])
    assert abs(equal - narrow) < 0.2
    assert read_out(wide, target, folds).r2() > equal + 0.3


def test_fewer_images_teach_less_and_copies_stay_together() -> None:
    rng = np.random.default_rng(1)
    target = rng.normal(size=(200, 1))
    given = target + rng.normal(size=(200, 40))
    folds, groups = np.arange(200) % 5, np.arange(200) // 2
    curve = [fewer_images(given, target, folds, groups, share, 0).r2() for share in (0.1, 0.5, 1.0)]
    assert curve[0] < curve[1] < curve[2]
    assert curve[2] == pytest.approx(read_out(given, target, folds).r2())


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
    contrasts = result["contrasts"]
    assert set(contrasts["contrast"]) == {
        "last", "last - first", "last - pixels", "matched last - first", "last - half of the images",
    }  # fmt: skip
    assert contrasts.groupby("contrast")["factor"].nunique().nunique() == 1


def factor_text(gap: float, reach: float = 0.02, shuffled: float = 0.01, starts: int = 3) -> list[str]:
    kinds = ("last", "last - first", "matched last - first", "last - pixels", "last - half of the images")
    rows = [contrast(kind, 0.5 + gap, 0.5, reach, factor=f) for kind in kinds for f in ("x", "y")]
    rows += [contrast("trained - untrained", 0.5 + gap, 0.5, reach, factor=f, starts=starts) for f in ("x", "y")]
    readings = pd.DataFrame(
        [
            {"layer": layer, "factor": f, "control": control, "r2": 0.5, "ci_low": 0.4, "ci_high": shuffled}
            for layer in ("a", "z")
            for f in ("x", "y")
            for control in ("real", "shuffled")
        ]
    )
    factors = pd.DataFrame([{"factor": f, "same": ""} for f in ("x", "y")])
    return factors_told({"readings": readings, "contrasts": pd.DataFrame(rows), "factors": factors}, 60)


def test_the_factors_text_follows_the_numbers() -> None:
    more = factor_text(0.3)
    assert "2 of 2 factors of 60 drawings can still be read" in more[0]
    assert "2 factors become more readable, most of all x (0.50 to 0.80)" in more[1]
    assert "2 of the 2 that become more readable do so at equal widths too" in more[2]
    assert "Raw pixels tell 0 factors better than z does and 2 worse" in more[3]
    assert "more images may show more" in more[4]
    assert "2 factors are more readable at z (x, y) and 0 less" in more[5]
    less = factor_text(-0.3)
    assert "no factor of 60 drawings is shown to be readable" in less[0]
    assert "2 factors become less readable" in less[1]
    assert "Raw pixels tell 2 factors better" in less[3]
    assert "and 2 less (x, y)" in less[5]
    unsure = factor_text(0.1, reach=0.4)
    assert "0 stay alike to within 0.05, of 2 no change is shown" in unsure[1]
    assert "of 2 neither is shown" in unsure[5]
    same = factor_text(0.0)
    assert "2 stay alike to within 0.05, of 0 no change is shown" in same[1]
    assert "one random start" in factor_text(0.3, starts=1)[5]
    assert "still reaches 0.40" in factor_text(0.3, shuffled=0.4)[-1]


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
