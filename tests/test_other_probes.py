"""Other probes: equal to independent references, able to see what they should, and honest where they disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pages_helpers import healthy, opened, said

import lab
from lab.experiments.other_probes.run import findings
from lab.probing import kinds
from lab.probing.kinds import PROBES, ProbeInput
from lab.probing.ridge_classifier import ALPHAS
from lab.probing.splits import make_splits

IMAGES = 90
LABELS = np.arange(IMAGES) % 3
GROUPS = np.arange(IMAGES)
SPLITS = make_splits(LABELS, GROUPS, folds=3, repeats=2, seed=0)


def given(vectors: np.ndarray, labels: np.ndarray = LABELS, splits: np.ndarray = SPLITS) -> ProbeInput:
    return ProbeInput(vectors, labels, np.arange(len(labels)), splits)


def vectors(seed: int = 0, dim: int = 12) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(IMAGES, dim))
    found[:, :3] += 1.2 * np.eye(3)[LABELS]
    return found


def by_sklearn(make: Any, data: np.ndarray) -> np.ndarray:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = np.full(SPLITS.shape, -1)
    for repeat, tested in enumerate(SPLITS):
        for fold in range(3):
            test = tested == fold
            model = make_pipeline(StandardScaler(), make()).fit(data[~test], LABELS[~test])
            found[repeat, test] = model.predict(data[test])
    return found


@pytest.mark.parametrize("dim", [12, 200])
def test_ridge_is_scikit_learns(dim: int) -> None:
    from sklearn.linear_model import RidgeClassifierCV

    data = vectors(dim=dim)
    wanted = by_sklearn(lambda: RidgeClassifierCV(alphas=ALPHAS), data)
    assert (PROBES["ridge"].answers(given(data)) == wanted).mean() == 1


def test_nearest_neighbours_are_scikit_learns() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    def weights(distance: np.ndarray) -> np.ndarray:
        return np.exp(-distance / kinds.TEMPERATURE)

    data = vectors(1)
    wanted = by_sklearn(lambda: KNeighborsClassifier(kinds.NEIGHBOURS, metric="cosine", weights=weights), data)
    assert (PROBES["knn"].answers(given(data)) == wanted).mean() == 1


def hidden_in_places(count: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Maps `(N, 6, 16)` whose class stands at one place, which another channel marks; on average nothing is left."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    maps = 0.3 * rng.normal(size=(count, 6, 16))
    places = rng.integers(0, 16, count)
    maps[np.arange(count), 0, places] += 4
    maps[np.arange(count), 1, places] += 3 * (2 * labels - 1)
    maps[:, 1] -= maps[:, 1].mean(axis=1, keepdims=True)
    return maps, labels


def test_the_attentive_probe_sees_what_the_average_hides() -> None:
    maps, labels = hidden_in_places()
    splits = make_splits(labels, np.arange(len(labels)), folds=4, repeats=1, seed=0)
    seen = PROBES["attentive"].answers(given(maps, labels, splits))
    assert (seen == labels).mean() > 0.9
    average = PROBES["logistic"].answers(given(maps.mean(axis=2), labels, splits))
    assert (average == labels).mean() < 0.7


def test_the_attentive_probe_repeats_itself_and_leaves_the_random_state() -> None:
    maps, labels = hidden_in_places(40)
    splits = make_splits(labels, np.arange(len(labels)), folds=2, repeats=1, seed=0)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = PROBES["attentive"].answers(given(maps, labels, splits))
    assert torch.equal(torch.random.get_rng_state(), before)
    with torch.no_grad():  # whoever has gradients off gets the same
        assert (PROBES["attentive"].answers(given(maps, labels, splits)) == first).all()


@pytest.mark.parametrize("name", PROBES)
def test_nothing_is_read_where_there_is_nothing_and_all_are_tested(name: str) -> None:
    rng = np.random.default_rng(3)
    data = rng.normal(size=(IMAGES, 5, 4)) if PROBES[name].maps else rng.normal(size=(IMAGES, 5))
    answers = PROBES[name].answers(given(data, splits=SPLITS[:1]))
    assert (answers >= 0).all()
    assert (answers == LABELS).mean() < 0.55  # chance is a third
    constant = PROBES[name].answers(given(np.ones_like(data), splits=SPLITS[:1]))
    assert (constant == LABELS).mean() == pytest.approx(1 / 3, abs=0.07)


def test_the_numbers_are_those_that_a_probe_holds() -> None:
    for channels, classes in ((3, 2), (40, 5), (1280, 2)):
        probe = kinds._attentive(channels, classes)
        assert PROBES["attentive"].size(9, channels, classes) == sum(p.numel() for p in probe.parameters())
    assert PROBES["logistic"].size(9, 10, 3) == 33


def best_table(**changes: Any) -> pd.DataFrame:
    row = {"layer": "b", "accuracy": 0.9, "usual_layer": "b", "usual_behind": 0.0, "usual_behind_low": 0.0,
           "usual_behind_high": 0.0, "agrees": True, "difference": 0.0, "difference_low": -0.1, "difference_high": 0.1,
           "numbers": 10, "seconds": 1.0}  # fmt: skip
    return pd.DataFrame([{"probe": "logistic", **row}, {"probe": "knn", **row, **changes}])


def test_disagreement_is_told_only_where_it_is_clear() -> None:
    assert "No other probe (k-NN) puts" in findings({"best": best_table()})[0]
    unclear = findings({"best": best_table(layer="a", usual_behind=0.02, usual_behind_low=-0.05)})
    assert unclear[1].startswith("The highest accuracy lies elsewhere")
    clear = best_table(layer="a", usual_behind=0.2, usual_behind_low=0.1, usual_behind_high=0.3, agrees=False)
    told = findings({"best": clear})
    assert told[0].startswith("The probes disagree about the best layer: by the logistic probe it is b; by the k-NN")
    assert "b is clearly behind it (0.200, 0.100 to 0.300)" in told[0]


def test_a_network_is_read_by_every_kind_and_the_page_says_what_was_found() -> None:
    asked = {"model": "test_resnet@untrained:0", "data": "drawn:shapes", "per_class": 10}
    result = lab.ask("other_probes", **asked)
    table = result["accuracies"]
    assert set(table["probe"]) == set(PROBES)
    assert table.groupby("probe")["layer"].nunique().nunique() == 1
    assert (result["best"].set_index("probe")["seconds"] > 0).all()
    probed = lab.probe(asked["model"], asked["data"], per_class=10, layers="stages", controls=())["summary"]
    usual = table[table["probe"] == "logistic"].set_index("layer")["accuracy"]
    assert usual.to_dict() == pytest.approx(probed.query("control == 'probe'").set_index("layer")["accuracy"].to_dict())
    page = healthy(opened("break_the_stack", run=result.manifest["run"], question="Other probes"))
    assert result.findings[0][:40] in said(page).replace("\\", "")
    assert len(page.get("vega_lite_chart")) == 1
