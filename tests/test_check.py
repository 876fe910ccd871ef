"""Checks of a new network: outcomes with a planted truth, both kinds of side, and what CI reads."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from pages_helpers import healthy, opened, said

import lab
from lab.cli import main
from lab.errors import LabError
from lab.experiments.equivalence.request import CheckRequest, is_vectors
from lab.experiments.equivalence.run import run
from lab.experiments.result import Result
from lab.export.check_report import junit, markdown
from lab.registry import charts_of, request_from
from lab.runs.store import list_runs
from lab.stats.equivalence import decide, drop_at_every_layer, drop_test, images_for
from lab.stats.intervals import Interval, bootstrap
from lab.ui.notices import local_paths

IMAGES = 120
LABELS = np.arange(IMAGES) % 2
TINY = "test_resnet@untrained:0"


def write(path: Path, distances: Sequence[float], seed: int = 0, **more: Any) -> str:
    """A file of vectors whose layers show two classes at these distances; files share most of their noise."""
    shared, own = np.random.default_rng(99), np.random.default_rng(seed)
    layers = {}
    for k, distance in enumerate(distances):
        vectors = shared.standard_normal((IMAGES, 8)) + 0.1 * own.standard_normal((IMAGES, 8))
        vectors[:, 0] += distance * (LABELS - 0.5)
        layers[f"l{k}"] = vectors
    np.savez(path, **{"label": LABELS, **layers, **more})
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A network before, one as good, one whose last layer is much worse, one that knows nothing anywhere."""
    planted = {"before": (0.0, 2, 4), "same": (0.0, 2, 4), "worse": (0.0, 2, 1), "nothing": (0.0, 0, 0)}
    return {name: write(tmp_path / f"{name}.npz", d, seed) for seed, (name, d) in enumerate(planted.items())}


def checked(base: str, new: str, **fields: Any) -> Result:
    return run(CheckRequest(base=base, new=new, **fields).canonical())


def code(*words: str) -> int:
    """The exit code of `feature-lab check`."""
    try:
        return main(["check", *words])
    except SystemExit as ended:
        return int(str(ended.code))


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(-0.019, 0.1, "not worse"), (-0.02, 0.1, "cannot tell"), (-0.1, -0.021, "worse"), (-0.1, -0.02, "cannot tell")],
)
def test_the_interval_and_the_margin_decide(low: float, high: float, outcome: str) -> None:
    assert decide(Interval((low + high) / 2, low, high), 0.02) == outcome


def test_a_wider_margin_never_makes_a_network_worse() -> None:
    rng = np.random.default_rng(0)
    boot = bootstrap(np.arange(IMAGES), LABELS)
    order = {"worse": 0, "cannot tell": 1, "not worse": 2}
    for _ in range(20):
        values = rng.choice([-1.0, 0.0, 1.0], IMAGES, p=(0.2, 0.7, 0.1))
        found = [order[drop_test(boot, values, margin).outcome] for margin in (0.0, 0.05, 0.1, 0.2, 0.5)]
        assert found == sorted(found)


def test_more_images_see_a_smaller_drop() -> None:
    small, large = (
        drop_test(bootstrap(np.arange(n), np.arange(n) % 2), np.resize([-1.0, 0, 0, 1, 0, 0], n), 0.1).smallest_drop
        for n in (60, 240)
    )
    assert large == pytest.approx(small / 2, rel=0.15)
    assert images_for(240, large, large) == 240
    assert images_for(240, large, large / 2) == 960


def test_all_layers_are_no_worse_only_if_each_is() -> None:
    boot = bootstrap(np.arange(IMAGES), LABELS)
    good = np.zeros((3, IMAGES))
    one_bad = good.copy()
    one_bad[1, : IMAGES // 2] = -1
    assert drop_at_every_layer(boot, good, 0.05)[0] == "not worse"
    assert drop_at_every_layer(boot, one_bad, 0.05)[0] == "worse"
    slightly = good.copy()
    slightly[1, :8] = -1
    slightly[1, 8:10] = 1
    assert drop_at_every_layer(boot, slightly, 0.02)[0] == "cannot tell"  # 0.05 below, in no more than ten images


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    path = Path(__file__).parents[1] / "benchmarks" / "check.py"
    spec = importlib.util.spec_from_file_location("check_benchmark", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_benchmark"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["check_benchmark"]


def test_planted_drops_are_not_claimed_wrongly(benchmark: ModuleType) -> None:
    """The certificate in small (docs/check.md): at the true drop as the margin both claims are wrong."""
    found = {drop: [benchmark.simulate(60, drop, seed) for seed in range(12)] for drop in ("none", "large")}
    for drop, several in found.items():
        for where in ("last", "best"):
            gaps = [getattr(one, where) for one in several]
            truth = float(np.mean([gap.value for gap in gaps]))
            said = [decide(gap, -truth) for gap in gaps]
            assert said.count("cannot tell") >= 10, (drop, where, said)  # 95 % are promised
    assert sum(decide(one.last, 0.0) == "worse" for one in found["none"]) <= 1
    assert sum(decide(one.last, 0.0) == "worse" for one in found["large"]) >= 4
    assert sum(decide(one.last, 0.5) == "not worse" for one in found["none"]) == 12


def test_what_was_planted_is_decided(files: dict[str, str]) -> None:
    assert checked(files["before"], files["same"], max_drop=0.1).manifest["check"]["exit_code"] == 0
    worse = checked(files["before"], files["worse"])
    assert worse.manifest["check"] == {"outcome": "worse", "exit_code": 1, "base": "before", "new": "worse"}
    assert worse.findings[0].startswith("worse is worse than before by more than 0.02: at the best layer of each")
    assert checked(files["before"], files["same"], max_drop=0.0).manifest["check"]["exit_code"] == 3
    assert checked(files["before"], files["worse"], layer="l1", max_drop=0.2).manifest["check"]["exit_code"] == 0
    assert checked(files["before"], files["worse"], layer="all", max_drop=0.1)["decision"]["layer"].item() == "l2"


def test_to_be_no_worse_than_guessing_is_no_merit(files: dict[str, str]) -> None:
    found = checked(files["nothing"], files["before"], max_drop=0.3, layer="l0")
    assert found["decision"]["outcome"].item() == "cannot tell"
    assert "is not clearly above guessing" in found.findings[1]


def test_differences_are_those_of_two_probe_runs(files: dict[str, str]) -> None:
    found = checked(files["before"], files["worse"])
    accuracies = []
    for name in ("before", "worse"):
        with np.load(files[name]) as arrays:
            layers = {key: arrays[key] for key in arrays if key != "label"}
        probed = lab.probe_arrays(layers, LABELS, controls=())
        summary = probed["summary"]
        accuracies.append(summary[summary.control == "probe"].set_index("layer")["accuracy"])
    table = found["differences"].set_index("layer")
    assert table["difference"].to_dict() == pytest.approx((accuracies[1] - accuracies[0]).to_dict())
    counts = found["changed"].groupby(["layer", "change"]).size()
    for layer in table.index:
        for change in ("lost", "gained"):
            assert counts.get((layer, change), 0) == table.loc[layer, change]
    lost = found["changed"].query("change == 'lost'")
    assert (lost["predicted_base"] == lost["class"]).all()
    assert (lost["predicted_new"] != lost["class"]).all()
    assert table["cka"].between(0.3, 1).all()


def test_a_given_split_is_judged_by_its_test_part(tmp_path: Path) -> None:
    split = np.where(np.arange(IMAGES) < 80, "train", "test")
    base, new = (write(tmp_path / f"{name}.npz", (0, 3), seed, split=split) for seed, name in enumerate(("a", "b")))
    found = checked(base, new)
    assert found["decision"]["images"].item() == 40
    assert set(found["changed"]["image"]) <= {f"row {k:03d}" for k in range(80, IMAGES)}
    summary = found["summary"].query("control == 'probe'").set_index(["model", "layer"])["accuracy"]
    for side, model in (("base", "a"), ("new", "b")):
        by_layer = found["differences"].set_index("layer")[f"accuracy_{side}"]
        assert by_layer.to_dict() == pytest.approx(summary.loc[model].to_dict())


def test_layers_of_other_names_stand_beside_those_nearest_in_depth(tmp_path: Path) -> None:
    base = write(tmp_path / "a.npz", (1, 2, 3))
    rng = np.random.default_rng(0)
    deep = {f"m{k}": rng.standard_normal((IMAGES, 4)) for k in range(5)}
    np.savez(tmp_path / "b.npz", label=LABELS, **deep)
    found = checked(base, str(tmp_path / "b.npz"))["differences"]
    assert list(zip(found["layer"], found["layer_new"], strict=True)) == [("l0", "m0"), ("l1", "m2"), ("l2", "m4")]


@pytest.mark.parametrize("sides", [("a", "a"), ("a.npz", "resnet18")])
def test_sides_must_be_two_of_a_kind(sides: tuple[str, str]) -> None:
    with pytest.raises(LabError, match=r"base and new are both|two of a kind"):
        CheckRequest(base=sides[0], new=sides[1])


def test_rows_must_be_the_same(files: dict[str, str], tmp_path: Path) -> None:
    other = write(tmp_path / "other.npz", (0, 2, 4), label=1 - LABELS)
    with pytest.raises(LabError, match=f"differ in the labels of {IMAGES} of {IMAGES} rows, the first is row 0"):
        checked(files["before"], other)
    np.savez(tmp_path / "short.npz", label=LABELS[:-2], l0=np.random.default_rng(0).normal(size=(IMAGES - 2, 3)))
    with pytest.raises(LabError, match=f"has {IMAGES} rows and .* {IMAGES - 2}"):
        checked(files["before"], str(tmp_path / "short.npz"))
    with pytest.raises(LabError, match="no layer 'l9' among those that are read"):
        checked(files["before"], files["same"], layer="l9")


def test_the_command_asks_the_same(files: dict[str, str]) -> None:
    from lab.cli import check
    from lab.cli.main import parser

    for asked in (
        CheckRequest(),
        CheckRequest(TINY, "test_vit@untrained:1", max_drop=0.05, layer="all", classes=("cat", "dog, wet")),
        CheckRequest(files["before"], files["worse"], layer="l2", folds=3).canonical(),
    ):
        import shlex

        given = parser().parse_args(shlex.split(asked.command())[1:])
        assert check._request(given).canonical() == asked.canonical()
        assert request_from(asked.as_dict()) == asked


def test_the_exit_code_is_the_answer(files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code(files["before"], files["same"], "--max-drop", "0.1") == 0
    assert "not worse than before" in capsys.readouterr().out.strip().splitlines()[-1]
    xml, text = tmp_path / "check.xml", tmp_path / "check.md"
    assert code(files["before"], files["worse"], "--junit", str(xml), "--markdown", str(text)) == 1
    suite = ElementTree.parse(xml).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "0")
    assert suite.find("testcase/failure").get("type") == "worse"  # type: ignore[union-attr]
    assert text.read_text().startswith("## ❌ worse.npz checked against before.npz: worse")
    capsys.readouterr()
    assert code(files["before"], files["same"], "--max-drop", "0", "--json") == 3
    assert json.loads(capsys.readouterr().out)["check"]["exit_code"] == 3
    assert code(files["before"]) == 2
    assert code(files["before"], str(tmp_path / "gone.npz")) == 2
    assert code(files["before"], files["same"], "--layer", "l9") == 2


def test_where_all_layers_decide_each_can_fail(files: dict[str, str]) -> None:
    found = checked(files["before"], files["worse"], layer="all", max_drop=0.05)
    cases = ElementTree.fromstring(junit(found)).findall("testcase")
    assert [case.find("failure") is not None for case in cases] == [True, False, False, True]
    unsure = ElementTree.fromstring(junit(checked(files["before"], files["same"], max_drop=0.0)))
    assert unsure.get("errors") == "1"


def test_names_bring_no_markup_into_the_reports(tmp_path: Path) -> None:
    base = write(tmp_path / "a.npz", (1, 3))
    layers = {"x|y <b>\x07": np.random.default_rng(0).normal(size=(IMAGES, 3))}
    np.savez(tmp_path / "b.npz", label=LABELS, **layers)
    found = checked(str(tmp_path / "b.npz"), base)
    ElementTree.fromstring(junit(found))
    assert "<b>" not in markdown(found).replace("\\<b\\>", "")
    assert "| x\\|y" in markdown(found)


def test_runs_bring_what_they_were_asked(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    ids = []
    for name in ("before", "worse"):
        assert main(["probe", "--embeddings", files[name], "--controls", "none", "--folds", "4"]) == 0
        ids.append(list_runs()[0].id)
    assert code(*ids) == 1
    asked = list_runs()[0].request
    assert isinstance(asked, CheckRequest)
    assert (asked.base, asked.new, asked.folds) == (files["before"], files["worse"], 4)
    assert code(*ids, "--folds", "3") == 2
    assert "a run brings its own folds" in capsys.readouterr().err


def test_a_file_of_weights_is_one_of_bases_network(tmp_path: Path) -> None:
    import torch

    model = lab.load_model(TINY)
    weights = tmp_path / "new.pth"
    torch.save(model.module.state_dict(), weights)
    assert code(TINY, str(weights), "--per-class", "12", "--layers", "stages", "--folds", "3", "--max-drop", "0.3") == 3
    result = list_runs()[0].result()
    assert result.request.as_dict()["new"] == f"test_resnet@checkpoint:{weights}"
    assert result["differences"]["difference"].abs().max() == 0  # the very same weights
    assert result["differences"]["cka"].to_numpy() == pytest.approx(1)
    again = lab.diff(model, f"test_resnet@checkpoint:{weights}", per_class=12, layers="stages", folds=3, max_drop=0.3)
    assert again["differences"].equals(result["differences"])
    page = healthy(opened("check", run=list_runs()[0].id))
    assert "not clearly above guessing" in said(page) or "is not worse" in said(page)
    assert len(page.get("vega_lite_chart")) == 2


def test_own_modules_and_arrays_are_told_apart() -> None:
    import torch

    def network(seed: int) -> torch.nn.Module:
        torch.manual_seed(seed)
        return torch.nn.Sequential(torch.nn.Conv2d(1, 6, 3), torch.nn.ReLU(), torch.nn.Conv2d(6, 6, 3))

    pictures = np.random.default_rng(0).normal(size=(40, 1, 12, 12)).astype(np.float32)
    pictures[1::2] += 1.5
    found = lab.diff(network(0), network(1), (pictures, np.arange(40) % 2), layers="all", folds=3, max_drop=0.5)
    assert found.manifest["check"]["outcome"] == "not worse"
    assert list(found["differences"]["layer"]) == list(found["differences"]["layer_new"])
    assert found["differences"]["cka"].max() > 0.3  # both see how bright it is


def test_a_name_with_an_at_is_a_network() -> None:
    assert not is_vectors("resnet18@checkpoint:/tmp/a.safetensors")
    assert is_vectors("/tmp/folder")
    assert not is_vectors("timm/resnet18")


def test_a_link_to_files_of_vectors_waits_for_a_click(files: dict[str, str]) -> None:
    app = healthy(opened("check", base=files["before"], new=files["same"]))
    assert "Nothing was opened" in said(app)
    assert local_paths({"base": ["features.npz"], "new": ["resnet18@untrained:0"]}) == ["features.npz"]


def test_charts_show_the_margin(files: dict[str, str]) -> None:
    found = charts_of(checked(files["before"], files["worse"], max_drop=0.07))
    assert set(found) == {"change", "alikeness"}
    text = json.dumps(found["change"].to_dict(validate=False))
    assert "-0.07" in text
    assert "clearly higher at 0, lower at 1" in text
