"""Finding models by size, cost, input and licence, and the tree of layers; what cannot be meant is told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lab.cli import main
from lab.errors import LabError
from lab.layers import Layer
from lab.layers.tree import layer_tree
from lab.models.search import (  # fmt: skip
    WELL_KNOWN,
    ModelFilter,
    architectures,
    families,
    meant,
    quantity,
    search_models,
)
from lab.weights import zoo
from lab.weights.trained import forget, keep_about


def test_the_table_knows_the_architectures_and_published_sizes() -> None:
    table = architectures()
    known = set(zoo.architectures())
    assert len(known & set(table)) > 0.8 * len(known)
    assert table["resnet50"].parameters == 25_557_032
    assert table["resnet50"].flops == pytest.approx(2 * 4.09e9, rel=0.01)  # 4.09 GMACs
    assert table["vit_base_patch16_224"].parameters == 86_567_656
    assert table["tf_efficientnet_lite0"].parameters == 4_652_008
    assert {"resnet", "swin_transformer", "vgg"} <= set(families())


def test_limits_hold_and_are_reached() -> None:
    wanted = ModelFilter(max_parameters=6_000_000, max_flops=800_000_000, input_size=224, licence="apache")
    rows = search_models("", wanted)
    assert 20 < len(rows) < len(search_models())
    assert rows[0]["name"] == "tf_efficientnet_lite0"
    for row in rows:
        assert row["parameters"] <= 6_000_000
        assert row["flops"] <= 800_000_000
        assert row["input_size"].endswith("×224")
        assert "apache" in row["licence"]
    assert {row["family"] for row in search_models("", ModelFilter(family="vgg"))} == {"vgg"}
    assert all(row["offline"] for row in search_models("", ModelFilter(offline=True)))


def test_what_was_trained_here_is_found(capsys: Any) -> None:
    keep_about("test_resnet", "mine", {"input": {"size": 96}, "parameters": 372_882, "flops": 44_000_000})
    (row,) = search_models("lab:mine")
    assert f"{row['name']}@{row['weights']}" == "test_resnet@lab:mine"
    assert (row["family"], row["parameters"], row["input_size"]) == ("resnet", 372_882, "3×96×96")
    assert row["flops"] == 44_000_000
    assert row in search_models("test_resnet", ModelFilter(offline=True, input_size=96, max_parameters=400_000))
    assert row not in search_models("test_resnet", ModelFilter(max_parameters=300_000))
    assert row not in search_models("test_vit")
    assert main(["models", "--search", "test_resnet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0] == row
    forget("test_resnet", "mine")
    assert search_models("lab:mine") == []


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("vit tiny", "vit_tiny_patch16_224"),
        ("tiny vit patch16", "vit_tiny_patch16_224"),
        ("ResNet-50", "resnet50"),
        ("resent50", "resnet50"),
        ("efficentnet b0", "efficientnet_b0"),
        ("mobilnetv3 small", "mobilenetv3_small_100"),
        ("swin", "swin_tiny_patch4_window7_224"),
        ("resnet", "resnet50"),
    ],
)
def test_a_search_forgives_and_begins_with_what_is_well_known(query: str, first: str) -> None:
    rows = [row["name"].partition(".")[0] for row in search_models(query) if not row["offline"]]
    assert rows[0] == first
    assert set(WELL_KNOWN) <= set(zoo.architectures())


def test_what_nothing_is_like_is_found_nowhere(capsys: Any) -> None:
    assert meant("resnet18") == {}
    assert search_models("qqqqqqqq") == []
    assert main(["models", "--search", "resent50", "--limit", "3"]) == 0
    assert "no model has 'resent50' in its name; shown: resnet50" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "number"), [("5M", 5_000_000), ("1.8g", 1_800_000_000), ("300000", 300_000)])
def test_quantities(text: str, number: int) -> None:
    assert quantity(text) == number


def test_what_cannot_be_meant_is_told() -> None:
    for bad in ("many", "5X", "-3", ""):
        with pytest.raises(LabError, match="is no number"):
            quantity(bad)
    with pytest.raises(LabError, match="nearest: resnet"):
        ModelFilter(family="resnett")


def test_the_command_line_searches(capsys: Any) -> None:
    arguments = ["models", "--family", "resnet", "--max-parameters", "12M", "--search", "resnet18", "--json"]
    assert main(arguments) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows
    assert all(row["family"] == "resnet" and "resnet18" in row["name"] for row in rows)
    assert main(["models", "--families"]) == 0
    assert "swin_transformer" in capsys.readouterr().out
    assert main(["models", "--max-flops", "lots"]) == 2
    assert "is no number" in capsys.readouterr().err


def test_a_tree_has_every_layer_below_what_holds_it() -> None:
    def layer(name: str, **more: Any) -> Layer:
        return Layer(name, more.pop("kind", "module"), 0.5, "NCHW", 8, 4, 4, 2, 0, "unknown", type="Conv2d", **more)

    lines = layer_tree([layer("stem"), layer("stages.0.conv"), layer("stages.0", kind="block", flops=2_500_000)])
    names = [line.strip().split("  ")[0] for line in lines]
    assert names == ["stem", "stages", "0", "conv"]
    assert lines[2].startswith("   0  Conv2d, block, 8 × 4 × 4")
    assert "2.5 MFLOPs" in lines[2]
    assert lines[3].startswith("      conv")
    (line,) = layer_tree([replace(layer("stem"), receptive_field=7, receptive_field_status="exact")])
    assert "sees 7 px" in line
    assert "sees" not in lines[0]


def test_the_page_finds_models_and_shows_layers() -> None:
    from pages_helpers import healthy, opened, said

    from lab.models import card

    app = healthy(opened("models"))
    (table,) = app.dataframe
    assert len(table.value) == len(search_models()), "every match can be reached"
    app.text_input(key="model_name").set_value("test_resnet").run()
    app.text_input(key="model_parameters").set_value("2M").run()
    assert "model" in said(healthy(app))
    app.text_input(key="model_parameters").set_value("lots").run()
    assert "is no number" in app.warning[0].value.replace("\\", "")
    card("test_resnet@untrained")
    lines = layer_tree(card("test_resnet@untrained").layers)
    assert any(line.strip().startswith("layer1") for line in lines)


def test_a_chosen_network_offers_its_layers_and_where_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.testing.v1 import AppTest

    from lab.models import card
    from lab.ui import model_search

    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(model_search, "in_own_process", lambda *words: (asked.append(words), "it is too wide")[1])
    monkeypatch.setattr(model_search, "_link", lambda *_: None)  # pages have no links outside the app

    def page() -> None:
        from lab.models import search_models
        from lab.ui.model_search import _chosen

        _chosen(next(row for row in search_models("test_resnet") if row["name"].startswith("test_resnet")))

    app = AppTest.from_function(page).run(timeout=30)
    app.button(key="model_layers").click().run()
    assert app.warning[0].value == "it is too wide"
    (words,) = asked
    assert (words[0], words[2]) == ("layers", "--json")
    card(words[1])
    app.run()
    assert any("layer1" in code.value for code in app.code)
    assert not app.button


def test_a_command_in_its_own_process_tells_its_problem() -> None:
    from lab.runs.jobs import in_own_process

    assert "timm has no family" in in_own_process("models", "--family", "resnett")
    assert in_own_process("models", "--search", "resnet18", "--offline") == ""
