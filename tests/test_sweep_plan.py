"""Plans: what they spell out to, and what they refuse, in one sentence each."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.errors import LabError
from lab.models.search import architectures, search_models
from lab.sweeps.folder import list_sweeps, plan_named, remember, sweeps_dir
from lab.sweeps.plan import read_plan

LITE = "tf_efficientnet_lite0@untrained:3"
WHOLE = """
name = "two and two"
networks = ["tf_efficientnet_lite0", "tf_efficientnet_lite0@untrained"]
images = ["drawn:pets", { data = "drawn:shapes", per_class = 30, name = "outlines" }]
layers = ["stages", "blocks"]
seeds = [0, 7]
[[probes]]
name = "quick"
controls = ["pixels"]
repeats = 1
[[probes]]
name = "wide"
pooling = "avg+max"
"""


def values(**changes: Any) -> dict[str, Any]:
    return {"networks": [LITE], "images": ["drawn:pets"], **changes}


def test_a_file_is_spelled_out_into_every_cell(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(WHOLE)
    plan = read_plan(tmp_path / "plan.toml")
    networks = ("tf_efficientnet_lite0@packaged", "tf_efficientnet_lite0@untrained:0")
    cells = itertools.product(networks, ("drawn:pets", "outlines"), ("stages", "blocks"), ("quick", "wide"), (0, 7))
    assert [tuple(unit.place.values()) for unit in plan.units] == list(cells)
    unit = plan.units[-1]
    assert unit.request.command() == (
        "feature-lab probe --model=tf_efficientnet_lite0@untrained:0 --data=drawn:shapes --per-class=30 "
        "--pooling=avg+max --seed=7"
    )
    assert plan.units[0].request.controls == ("pixels",)
    assert plan.units[0].request.layers == "stages"


def test_a_plan_comes_back_from_what_is_kept_of_it_and_from_its_id(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(WHOLE)
    plan = read_plan(tmp_path / "plan.toml")
    assert read_plan(json.loads(json.dumps(plan.as_dict()))) == plan
    remember(plan)
    (sweeps_dir() / "sweep-000000000000").mkdir()
    (sweeps_dir() / "sweep-000000000000" / "plan.json").write_text("{}")  # of another version: hides no other
    assert list_sweeps() == [plan]
    assert plan_named(plan.id) == plan


def test_the_id_is_that_of_the_cells_alone() -> None:
    assert read_plan(values(name="a")).id == read_plan(values(name="b", layers=["stages"])).id
    assert read_plan(values()).id != read_plan(values(seeds=[1])).id


def test_wild_cards_stand_for_what_the_search_finds() -> None:
    plan = read_plan(values(networks=["test_resne*", "test_vit*@untrained:2"]))
    found = {f"{row['name']}@{row['weights']}" for row in search_models("test_resne*")}
    random = {f"{name}@untrained:2" for name in architectures() if name.startswith("test_vit")}
    assert len(found) > 0 < len(random)
    assert set(plan.networks) == found | random
    small = read_plan(values(networks=[{"family": "resnet", "max_parameters": "1M", "weights": "untrained"}]))
    rows = {name for name, row in architectures().items() if row.family == "resnet" and row.parameters <= 10**6}
    assert set(small.networks) == {f"{name}@untrained:0" for name in rows}


def test_a_folder_is_known_by_its_name_and_read_from_wherever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    (unit,) = read_plan(values(images=["photos"])).units
    assert unit.images == "photos"
    assert unit.request.data == str(tmp_path / "photos")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"networks": []}, r"networks is \[\]; write a list, such as networks = \["),
        ({"networks": "resnet18"}, "networks is 'resnet18'; write a list"),
        ({"networks": [3]}, r"3 is no table; write \{ match = ... \}"),
        ({"networks": ["zzz*"]}, r"'zzz\*' fits no network of timm"),
        ({"networks": [LITE, LITE]}, "networks has .* twice; name each once"),
        ({"networks": ["tf_efficientnet_lite0@untraned"]}, "no weight source 'untraned'; nearest: untrained"),
        ({"networks": [{"familly": "resnet"}]}, "no entry 'familly'; nearest: family"),
        ({"networks": [{"family": "resnett"}]}, "no family 'resnett'; nearest: resnet"),
        ({"networks": [{"max_parameters": "many"}]}, "'many' is no number"),
        ({"images": ["drawn:pets", {"data": "drawn:pets"}]}, "'drawn:pets' twice; give each a name of its own"),
        ({"images": [{"name": "a"}]}, "has no data"),
        ({"images": [{"data": "drawn:pets", "per_class": "9"}]}, "per_class is '9'; it must be a whole number"),
        ({"images": [{"data": "drawn:pets", "per_class": 1}]}, "per-class is 1; it must be from 2"),
        ({"layers": [1]}, "layers is 1; it must be a text"),
        ({"seeds": [0, True]}, "seeds is True; it must be a whole number"),
        ({"seeds": [0, 0]}, "seeds has 0 twice"),
        ({"probes": [{"folds": 1}]}, "folds is 1; it must be from 2 to 20"),
        ({"probes": [{"seed": 1}]}, "no entry 'seed'"),
        ({"probes": [{"controls": ["magic"]}]}, "no control 'magic'"),
        ({"probes": [{"controls": "pixels"}]}, "controls is 'pixels'; it must be a list of texts"),
        ({"probs": []}, "no entry 'probs'; nearest: probes"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_told_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        read_plan(values(**changes))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"networks": ["resnet81@untrained"]}, "resnet81@untrained:0 on drawn:pets: .*resnet"),
        ({"networks": ["resnet18@checkpoint:nowhere.pth"]}, "no checkpoint .*nowhere.pth"),
        ({"networks": ["module:nowhere.py:make"]}, "code, which is run only where it was allowed"),
        ({"images": ["drawn:pet"]}, "on drawn:pet: 'drawn:pet' is neither .*nearest: drawn:pets"),
        ({"images": [{"data": "drawn:pets", "classes": ["cow"]}]}, "drawn:pets has no class 'cow'"),
        ({"probes": [{"groups": "nowhere.csv"}]}, "nowhere.csv"),
    ],
    ids=str,
)
def test_what_is_not_there_is_told_before_any_work(changes: dict[str, Any], sentence: str, lab_home: Path) -> None:
    with pytest.raises(LabError, match=sentence):
        read_plan(values(**changes)).check()
    assert not (lab_home / "runs").exists()


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"networks = [", "is no TOML file"), (b"\xff\xfe", "is no TOML file"), (b"", "networks")]
)
def test_a_file_that_is_no_plan(
    content: bytes, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.toml").write_bytes(content)
    assert main(["sweep", str(tmp_path / "plan.toml")]) == 2
    assert sentence in capsys.readouterr().err
    assert main(["sweep", str(tmp_path / "nowhere.toml")]) == 2
    assert "nowhere.toml cannot be read" in capsys.readouterr().err
