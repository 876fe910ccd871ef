"""What can be told to be wrong is told before any work, for every question: no image is made or passed through."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.errors import LabError
from lab.experiments.channels.channel_names import channel_words
from lab.experiments.early import card_at_hand
from lab.progress import silent
from lab.registry import EXPERIMENTS, request_from
from lab.runs import jobs
from lab.runs.store import open_run
from lab.settings import Compute, runs_dir

MODEL = "test_resnet@untrained:0"
# What each field may be told to be that is not there, and what the sentence must name.
WRONG: dict[str, tuple[Any, str]] = {
    "model": ("resnet51@untrained", "resnet51"),
    "models": (["resnet51@untrained", "resnet52@untrained"], "resnet51"),
    "data": ("drawn:petz", "drawn:petz"),
    "probe_data": ("drawn:petz", "drawn:petz"),
    "concepts": (["drawn:petz"], "drawn:petz"),
    "against": ("drawn:petz", "drawn:petz"),
    "picture": ("photo:nothing", "nothing"),
    "layers": ("nowhere.9", "nowhere.9"),
    "layer": ("nowhere.9", "nowhere.9"),
    "channel": (99_999, "99999"),
    "channels": ("99999", "99999"),
    "classes": ("unicorn,cat", "unicorn"),
    "pooling": ("median", "median"),
    "only": ("nonsense", "nonsense"),
    "early": ("nowhere.9", "nowhere.9"),
    "stage": ("nowhere.9", "nowhere.9"),
    "target": ("99999", "99999"),
    "method": ("sorcery", "sorcery"),
    "tasks": ("juggling", "juggling"),
    "controls": (["magic"], "magic"),
    "eyes_kernel": ("1 2; 3", "1 2; 3"),
    "mouth_kernel": ("1 2; 3", "1 2; 3"),
}
# Of these only the run itself knows what is there, and it looks first.
PLACES = {"row": (99_999, "99999"), "column": (99_999, "99999")}
DRAWN_FIRST = {("multilabel", "classes"), ("grades", "classes")}  # which drawings have is read off what is drawn


def cases() -> list[Any]:
    """Every field of every question that has a wrong value, and numbers beyond their limits."""
    found = []
    for name, row in EXPERIMENTS.items():
        for field in dataclasses.fields(row.request_type):
            if (name, field.name) in DRAWN_FIRST:
                continue
            if field.name in WRONG and field.type in ("str", "int | None", "tuple[str, ...]"):
                found.append(pytest.param(name, field.name, *WRONG[field.name], id=f"{name}-{field.name}"))
            elif field.name in PLACES and name == "filter":
                found.append(pytest.param(name, field.name, *PLACES[field.name], id=f"{name}-{field.name}"))
            if (most := field.metadata.get("most")) is not None:
                found.append(pytest.param(name, field.name, most + 1, str(most), id=f"{name}-{field.name}-most"))
            if (least := field.metadata.get("least")) is not None:
                found.append(pytest.param(name, field.name, least - 1, str(least - 1), id=f"{name}-{field.name}-least"))
    return found


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all these tests, which leave nothing but the cards of the networks in it."""
    return tmp_path_factory.mktemp("early")


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch, shared_home: Path) -> None:
    """Whatever draws, decodes a set, passes images through a network or trains one fails the test."""

    def works(*_: Any, **__: Any) -> Any:
        raise AssertionError("work was begun before the input was checked")

    monkeypatch.setenv("FEATURE_LAB_HOME", str(shared_home))
    # By module, since packages give some functions the names of the modules they come from.
    for module, name in (
        ("lab.images.named_sets", "draw_set"),
        ("lab.images.catalogue", "assemble"),
        ("lab.exemplars.scan", "one_pass"),
        ("lab.training.loop", "train"),
    ):
        monkeypatch.setattr(import_module(module), name, works)
    monkeypatch.setattr(import_module("lab.activations.extractor").Extractor, "__call__", works)


@pytest.mark.parametrize(("question", "field", "value", "said"), cases())
def test_a_wrong_value_is_told_before_any_work(question: str, field: str, value: Any, said: str, no_work: None) -> None:
    kind = EXPERIMENTS[question].request_type
    fields = {f.name for f in dataclasses.fields(kind)}
    given: dict[str, Any] = {"experiment": question}
    if "model" in fields and question not in ("train", "watch", "ladder_steps"):
        given["model"] = MODEL
    if "models" in fields:
        given["models"] = [MODEL, "test_vit@untrained:0"]
    if field == "probe_data":
        given["target"] = "probe"
    if question == "train" and field == "model":
        value = "resnet51"
    if question in ("watch", "ladder_steps") and field != "model":
        given["model"] = MODEL  # raises for it: nothing was trained here
        said = "not trained here" if field == "layers" else said
    if isinstance(value, str) and field == "classes" and kind.__dataclass_fields__[field].type != "str":
        value = value.split(",")
    with pytest.raises(LabError) as told:
        jobs.compute(open_run(request_from({**given, field: value}).canonical()), Compute(), silent)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_a_channel_beyond_the_layers_is_told_to_a_page_at_once(no_work: None) -> None:
    """With the card at hand nothing is started, and no run is left."""
    request = request_from({"experiment": "channel", "model": MODEL, "channel": 40_000}).canonical()
    from lab.models import card

    card(MODEL)
    assert card_at_hand(MODEL) is not None
    with pytest.raises(LabError, match="channel is 40000; layer"):
        jobs.start(request)
    assert not (runs_dir() / request.run_id).exists()


def test_a_device_that_is_not_there_is_told_before_any_work(no_work: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--model", MODEL, "--device", "cuda:63"]) == 2
    assert "no device 'cuda:63'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spec", "kinds"),
    [
        ("3", ["range"]),
        ("0-8, top:4 ,all", ["range", "top", "all"]),
        ("3@5x6,class:a:b,top:2:dog", ["position", "class", "top"]),
    ],
)
def test_words_for_channels_are_read(spec: str, kinds: list[str]) -> None:
    assert [word.kind for word in channel_words(spec)] == kinds


@pytest.mark.parametrize("spec", ["", " , ", "x", "top:0", "top:", "5-3", "-1", "1@2", "class:", "0-99999"])
def test_words_for_channels_that_mean_nothing_are_refused(spec: str) -> None:
    with pytest.raises(LabError):
        channel_words(spec)
