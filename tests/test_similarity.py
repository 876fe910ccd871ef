"""CKA: equal to the definition written out, unbiased on independent data, blind to what it should be blind to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lab.errors import LabError
from lab.geometry import similarity
from lab.geometry.similarity import cka_evidence, cka_matrix, debiased_cka


def hsic_1(k: np.ndarray, m: np.ndarray) -> float:
    """Song et al. (2012), equation 5, word for word."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    one = np.ones(n)
    trace = np.trace(k @ m)
    means = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return float((trace + means - 2 / (n - 2) * (one @ k @ m @ one)) / (n * (n - 3)))


def by_definition(x: np.ndarray, y: np.ndarray) -> float:
    k, m = x @ x.T, y @ y.T
    return hsic_1(k, m) / np.sqrt(hsic_1(k, k) * hsic_1(m, m))


def related(count: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, width))
    return x, x @ rng.normal(size=(width, 7)) + 2 * rng.normal(size=(count, 7))


@pytest.mark.parametrize(("count", "width"), [(4, 3), (30, 5), (40, 300)])
def test_equal_to_the_definition(count: int, width: int) -> None:
    x, y = related(count, width)
    assert debiased_cka(x, y) == pytest.approx(by_definition(x, y), abs=1e-9)
    far = x + 1000.0  # a large common part costs the definition digits, not this code
    assert debiased_cka(far, y) == pytest.approx(by_definition(x, y), abs=1e-9)


def test_equal_to_repsim() -> None:
    repsim = pytest.importorskip("repsim", reason="repsim (compiled from source) is not installed")
    embeddings = [*related(50, 20), *related(50, 90, seed=4)]
    theirs = np.asarray(repsim.hsic(embeddings, kernel_type="linear", estimator="song"))
    own = np.sqrt(np.diag(theirs))  # its own cka() divides by the biased estimator (0.1.5), which mixes two
    assert np.allclose(cka_matrix(embeddings), theirs / np.outer(own, own), atol=1e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = [*related(33, 12), np.random.default_rng(5).normal(size=(33, 2)).astype(np.float32)]
    whole = cka_matrix(embeddings)
    monkeypatch.setattr(similarity, "BLOCK_BYTES", 8 * 3 * 33 * 5)  # five rows at a time, the last block shorter
    assert np.allclose(cka_matrix(embeddings), whole, atol=1e-12)
    assert np.allclose(whole, whole.T)
    assert np.allclose(np.diag(whole), 1)


def test_blind_to_rotation_scale_and_shift_but_not_to_stretching() -> None:
    x, _ = related(60, 10)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(10, 10)))[0]
    assert debiased_cka(x, 3.5 * x @ rotation + 7) == pytest.approx(1, abs=1e-9)
    assert debiased_cka(x, x * np.geomspace(1, 100, 10)) < 0.9


def test_independent_wide_embeddings_are_not_alike() -> None:
    draws = [np.random.default_rng(seed).normal(size=(2, 60, 2000)) for seed in range(5)]
    values = [debiased_cka(x, y) for x, y in draws]
    assert abs(np.mean(values)) < 0.05
    x, y = draws[0]
    k, m = (a @ a.T - (a @ a.T).mean(0) for a in (x - x.mean(0), y - y.mean(0)))
    assert np.sum(k * m) / np.sqrt(np.sum(k * k) * np.sum(m * m)) > 0.9  # the biased estimator is fooled


def test_evidence_tells_related_from_unrelated() -> None:
    x, y = related(80, 6)
    noise = np.random.default_rng(9).normal(size=(80, 6))
    found = cka_evidence([x, y, noise], permutations=99)
    assert np.allclose(found.cka, cka_matrix([x, y, noise]), atol=1e-12)
    assert found.low[0, 1] > found.null[0, 1]
    assert found.p[0, 1] == pytest.approx(0.01)
    assert found.cka[0, 2] < 0.15
    assert found.p[0, 2] > 0.01
    assert found.low[0, 2] < 0.05
    assert (found.low <= found.cka + 1e-12).all()
    assert (found.high >= found.cka - 1e-9).all()


def test_intervals_cover_the_value_of_many_images() -> None:
    truth = debiased_cka(*related(4000, 6))
    mixing = np.random.default_rng(0)
    mixing.normal(size=(4000, 6))
    weights = mixing.normal(size=(6, 7))
    inside = 0
    for seed in range(30):
        rng = np.random.default_rng((seed, 1))
        x = rng.normal(size=(100, 6))
        found = cka_evidence([x, x @ weights + 2 * rng.normal(size=(100, 7))], permutations=0)
        inside += bool(found.low[0, 1] <= truth <= found.high[0, 1])
    assert inside >= 24


def test_null_is_level() -> None:
    """Of unrelated pairs about one in twenty is above its null, not many and not none of many."""
    rng = np.random.default_rng(3)
    found = cka_evidence([rng.normal(size=(40, 4)) for _ in range(25)], permutations=99)
    above = (found.p[np.triu_indices(25, 1)] <= 0.05).mean()
    assert 0.01 < above < 0.11


def test_repeats_exactly_and_thins_large_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "MOST_IMAGES", 50)
    x, y = related(120, 6)
    one, two = (cka_evidence([x, y], permutations=20, seed=4) for _ in range(2))
    assert one.images == 50
    for name in ("cka", "low", "high", "null", "p"):
        assert np.array_equal(getattr(one, name), getattr(two, name))


def test_a_constant_layer_is_nan_and_bad_input_is_told() -> None:
    x, y = related(20, 4)
    values = cka_matrix([x, np.full((20, 3), 0.1), y])
    assert np.isnan(values[1]).all()
    assert np.isfinite(values[0, 2])
    for bad, words in (([x, y[:-1]], "cannot be compared"), ([x[:3], y[:3]], "4 images"), ([x * np.nan, y], "NaN")):
        with pytest.raises(LabError, match=words):
            cka_matrix(bad)


def test_the_interval_is_the_jackknife_of_blocks_written_out() -> None:
    """Efron & Tibshirani (1993), equation 11.5, with blocks of two images."""
    x, y = related(similarity.JACKKNIFE_BLOCKS * 2, 4)
    found = cka_evidence([x, y], permutations=0, seed=3)
    order = np.random.default_rng((3, 0xC4A)).permutation(len(x))
    without = [np.setdiff1d(np.arange(len(x)), pair) for pair in order.reshape(-1, 2)]
    values = np.array([by_definition(centred(x[kept]), centred(y[kept])) for kept in without])
    blocks = len(values)
    error = np.sqrt((blocks - 1) / blocks * ((values - values.mean()) ** 2).sum())
    reach = stats.t.ppf(0.975, blocks - 1) * error
    assert found.low[0, 1] == pytest.approx(found.cka[0, 1] - reach)
    assert found.high[0, 1] == pytest.approx(min(found.cka[0, 1] + reach, 1.0))


def test_sets_that_differ_in_number_or_are_too_small_are_told_with_their_numbers() -> None:
    with pytest.raises(LabError, match=r"embeddings of \[5, 6\] images"):
        cka_matrix([np.zeros((5, 2)), np.zeros((6, 2))])
    with pytest.raises(LabError, match="not 3; use a larger set"):
        cka_matrix([np.zeros((3, 2)), np.ones((3, 2))])


def centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=0)
