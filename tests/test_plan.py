"""What a sweep will take: sums of a given sample that can be done by hand, what is refused, and a real sample."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.cli import main
from lab.errors import LabError
from lab.sweeps import foresight
from lab.sweeps.columns import PLAN
from lab.sweeps.foresight import AFTERWARDS, Resources, costs, foresee, refuse
from lab.sweeps.plan import Plan, read_plan
from lab.sweeps.sample import Sample, SampledNetwork, SampledSet, flops_of, probe_work, spread, take_sample

SMALL, LARGE = "test_resnet@untrained:0", "resnet50@untrained:0"
PICK = ("stages", "avg")
SET = SampledSet(images=1000, classes=2, groups=900, per_image=0.01)
NETWORKS = {
    SMALL: SampledNetwork(1e8, 1.0, 0.01, {PICK: (10, 20)}),
    LARGE: SampledNetwork(1e10, 3.0, 0.09, {PICK: (100, 300)}),
}
RATES = {"logistic": 1e-9, "ridge": 1e-10}
SAMPLE = Sample(NETWORKS, {"pets": SET}, dict.fromkeys(RATES, 0.0))
ROOM = Resources(workers=2, memory=4e9, disk=1e12)


def plan(**changes: Any) -> Plan:
    images = [{"data": "drawn:pets", "name": "pets"}]
    return read_plan({"networks": [SMALL], "images": images, "probes": [{"controls": []}], **changes})


def total(asked: Plan, sample: Sample = SAMPLE, room: Resources = ROOM) -> dict[str, Any]:
    return costs(asked, sample, room)[1]


def test_a_pass_is_read_prepared_and_put_through_once() -> None:
    one = total(plan())
    assert one["passes"] == 1000
    assert one["hours"] * 3600 == pytest.approx(1000 * (0.01 + 0.01) + 1.0 + 10.0), "thumbnails read each image once"
    assert one["wall_hours"] == one["hours"], "a unit is one worker's"
    three = total(plan(seeds=[0, 1, 2]))
    assert (three["passes"], three["units"]) == (1000, 3), "seeds share it"
    assert three["hours"] == one["hours"]
    slow = replace(SAMPLE, images={"pets": replace(SET, opening=5.0)})
    four = plan(networks=[SMALL, LARGE], seeds=[0, 1], probes=[{"controls": ["pixels"]}])
    assert total(four, slow)["hours"] * 3600 == pytest.approx(21 + 103 + 4 * 5 + 20), "pixels and thumbnails"
    both = total(plan(networks=[SMALL, LARGE]))
    assert both["hours"] * 3600 == pytest.approx(21 + 103 + 10)
    assert both["wall_hours"] * 3600 == pytest.approx(103), "the longer of two on two workers"


def test_untrained_twins_are_passed_too_and_shared_with_whoever_asks_for_them() -> None:
    trained = "tf_efficientnet_lite0@packaged"
    sample = replace(SAMPLE, networks={**NETWORKS, trained: NETWORKS[LARGE]})
    asked = plan(networks=[trained], probes=[{"controls": ["untrained"]}])
    assert total(asked, sample)["passes"] == 4000
    twin = "tf_efficientnet_lite0@untrained:0"
    sample = replace(sample, networks={**sample.networks, twin: NETWORKS[LARGE]})
    assert total(plan(networks=[trained, twin], probes=[{"controls": ["untrained"]}]), sample)["passes"] == 4000


def test_probes_cost_their_work_and_a_finished_unit_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = replace(SAMPLE, probe_rates=RATES)
    usual = {"controls": [], "folds": 5, "repeats": 3}
    asked = plan(probes=[{**usual, "probe": kind, "name": kind} for kind in RATES])
    work = (1 + AFTERWARDS) * sum(probe_work(1000, size, 2, 1, 15) for size in (10, 20))
    hours = costs(asked, sample, ROOM)[0]["probe_hours"]
    assert list(hours * 3600) == pytest.approx([work * rate for rate in RATES.values()]), "each at its kind's rate"

    class Finished:
        status = "finished"

    monkeypatch.setattr(foresight, "run_of", lambda unit: Finished)
    assert total(asked, sample)["units"] == 0
    assert total(asked, sample)["wall_hours"] == 0


def test_a_network_that_was_not_measured_lies_between_those_that_were() -> None:
    between = SAMPLE.of("resnet18@untrained:0")
    assert flops_of("resnet18@untrained:0") == pytest.approx(3.63e9, rel=0.01)
    assert 0.01 < between.per_image < 0.09
    assert between.dimensions == NETWORKS[LARGE].dimensions, "as wide as the widest"
    beyond = SAMPLE.of("vit_large_patch16_224@untrained:0")
    assert beyond.per_image == pytest.approx(0.09 * beyond.flops / 1e10)
    assert spread([LARGE, SMALL, "resnet18@untrained:0"], most=2) == [SMALL, LARGE]


def test_the_smallest_difference_is_found_in_four_of_five_sets() -> None:
    row = foresee(plan(), ROOM, sample=SAMPLE)["images"].iloc[0]
    rng, found = np.random.default_rng(0), []
    for _ in range(2000):  # paired: +1, -1 or 0, one of the two alone right on a fifth of the images
        up = (0.2 + row["smallest"]) / 2
        drawn = rng.choice([1, -1, 0], size=int(row["groups"]), p=[up, 0.2 - up, 0.8])
        found.append(drawn.mean() / (drawn.std() / len(drawn) ** 0.5) > 1.96)
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)
    assert row["smallest_of_all"] == pytest.approx(row["smallest"]), "of one cell"
    assert (foresee(plan(seeds=[0, 1]), ROOM, sample=SAMPLE)["images"]["smallest_of_all"] > row["smallest"]).all()


@pytest.mark.parametrize(
    ("room", "said"),
    [
        (replace(ROOM, memory=1e9), "needs 1.0 GB of memory and a worker has 1.0 GB; take fewer workers"),
        (replace(ROOM, disk=1e6), "of disk and 1.0 MB are there"),
        (replace(ROOM, hours=0.001), "seconds with 2 workers and 3.6 seconds are allowed"),
    ],
)
def test_what_cannot_fit_is_refused(room: Resources, said: str) -> None:
    refuse(foresee(plan(), ROOM, sample=SAMPLE))
    with pytest.raises(LabError, match=said):
        refuse(foresee(plan(), room, sample=SAMPLE))


def test_hours_that_do_not_suffice_come_with_what_to_leave_out() -> None:
    asked, room = plan(networks=[SMALL, LARGE], seeds=[0, 1, 2]), replace(ROOM, hours=40 / 3600)
    found = foresee(asked, room, sample=replace(SAMPLE, probe_rates=RATES))
    assert list(found["drops"]["without"])[-1] == f"the network {LARGE}", "the slowest first"
    assert found["drops"]["hours"].is_monotonic_decreasing
    with pytest.raises(LabError, match=rf"enough without .*the network {LARGE}"):
        refuse(found)
    left = plan(seeds=[0])
    assert found["drops"]["hours"].iloc[-1] <= total(left, replace(SAMPLE, probe_rates=RATES))["wall_hours"]


def test_every_column_is_explained() -> None:
    found = foresee(plan(networks=[SMALL, LARGE]), ROOM, sample=SAMPLE)
    assert {name: list(table.columns) for name, table in found.tables.items()} == {
        name: list(table.columns) for name, table in PLAN.items()
    }


def test_a_sample_measures_what_is_there() -> None:
    images = [{"data": "drawn:pets", "per_class": 6, "name": "pets"}]
    found = take_sample(plan(images=images, probes=[{"probe": kind, "name": kind, "repeats": 1} for kind in RATES]))
    assert found.images["pets"].images == 12
    row = found.networks[SMALL]
    assert row.dimensions[PICK][-1] > 1
    assert 0 < row.per_image < 5
    assert found.probe_rates.keys() == RATES.keys()
    assert all(0 < rate < 1e-6 for rate in found.probe_rates.values())


def test_the_command_prints_and_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plan.toml").write_text(
        f'networks = ["{SMALL}"]\nimages = [{{ data = "drawn:pets", per_class = 6, name = "pets" }}]'
    )
    monkeypatch.setattr(foresight, "take_sample", lambda *_, **__: SAMPLE)
    assert main(["plan", str(tmp_path / "plan.toml"), "--price", "2"]) == 0
    out, err = capsys.readouterr()
    assert "1 unit, 1000 passes" in err
    assert re.search(rf"^{SMALL}.* [0-9.]+ seconds +[0-9.]+ seconds$", out, re.MULTILINE), "times as people read them"
    assert main(["plan", str(tmp_path / "plan.toml"), "--workers", "0"]) == 2
    assert "workers is 0" in capsys.readouterr().err
    assert main(["plan", str(tmp_path / "plan.toml"), "--memory", "1M", "--json"]) == 2
    assert "cannot fit" in capsys.readouterr().err
