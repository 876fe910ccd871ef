"""The ladder of networks of other families than the packaged one: maps, tokens, channels last, mixed tokens."""

from __future__ import annotations

import json

import pytest

from lab.cli.main import main
from lab.models import ModelRef

FAMILIES = ("test_resnet", "test_vit", "test_convnext", "mixer_s32_224")
RUNGS, PER_CLASS = ("hue", "shape"), 20


def test_one_command_asks_a_resnet_a_vit_a_convnext_and_a_mixer(capsys: pytest.CaptureFixture[str]) -> None:
    models = [f"{name}@untrained" for name in FAMILIES]
    words = [f"--model={name}" for name in models]
    assert main(["ladder", *words, f"--rungs={','.join(RUNGS)}", f"--per-class={PER_CLASS}", "--json"]) == 0
    tables = json.loads(capsys.readouterr().out)["tables"]
    for name in map(str, map(ModelRef.parse, models)):
        layers = [row["layer"] for row in tables["layers"] if row["model"] == name]
        assert len(layers) >= 3, name
        rows = [row for row in tables["accuracy"] if row["model"] == name and row["control"] == "probe"]
        assert {(row["rung"], row["layer"]) for row in rows} == {(rung, layer) for rung in RUNGS for layer in layers}
        best = {rung: max(row["accuracy"] for row in rows if row["rung"] == rung) for rung in RUNGS}
        assert best["hue"] > 0.6, name  # colours get through any network, trained or not
        assert best["shape"] < best["hue"], name
        assert {row["rung"] for row in tables["predictions"] if row["model"] == name} == set(RUNGS)
        assert {row["rung"] for row in tables["labels"] if row["model"] == name} == set(RUNGS)
    further = {row["model"] for row in tables["networks"]}
    assert further == set(map(str, map(ModelRef.parse, models[1:])))  # each against the first
