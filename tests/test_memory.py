"""Memory that runs out in a forward pass, and memory that cannot suffice: batches halved, foreseen, told."""

from __future__ import annotations

from typing import Any

import numpy as np
import psutil
import pytest

from lab.activations import Extractor
from lab.embeddings import embed
from lab.images import open_image_set
from lab.models import load_model
from lab.shortages import MemoryShort

MODEL = "test_resnet@untrained:0"


class SmallMachine(Extractor):
    """An extractor on a machine that holds `room` images at most."""

    room = 4

    def read(self, module: Any, batch: Any) -> Any:
        if len(batch) > self.room:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 123 bytes.")
        return super().read(module, batch)


def pixels(count: int) -> Any:
    import torch

    return torch.randint(0, 256, (count, 3, 160, 160), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_a_batch_that_does_not_fit_is_halved_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    model = load_model(MODEL)
    roomy, small = Extractor(model, model.layers[:3]), SmallMachine(model, model.layers[:3])
    batch = pixels(7)
    expected, found = roomy(batch), small(batch)
    assert [record for record in caplog.records if "memory ran out" in record.message]
    for name, rows in expected.items():
        assert found[name].shape == rows.shape
        assert np.allclose(found[name], rows, atol=1e-5)
    caplog.clear()
    small(batch)  # goes on in halves, and does not try the whole again
    assert not caplog.records


def test_halves_that_do_not_fit_either_are_halved_again_until_none_does(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(MODEL)
    extract = SmallMachine(model, model.layers[:1])
    assert len(extract(pixels(9))[model.layers[0].name]) == 9
    assert extract.most == 4
    monkeypatch.setattr(SmallMachine, "room", 0)
    with pytest.raises(MemoryShort, match="a pass of a single image needs more memory"):
        extract(pixels(2))


def test_another_error_of_a_forward_pass_is_not_taken_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("shapes do not fit")

    model = load_model(MODEL)
    extract = Extractor(model, model.layers[:1])
    monkeypatch.setattr(extract, "read", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        extract(pixels(2))


def test_what_cannot_fit_is_foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    images = open_image_set("drawn:pets", per_class=4)
    model = load_model(MODEL)
    left = psutil.virtual_memory()._replace(available=100)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: left)
    with pytest.raises(MemoryShort, match="what is kept of the images needs"):
        embed(model, images, model.layers[:1])
    with pytest.raises(MemoryShort, match=r"5 million parameters\) needs"):
        load_model("efficientnet_lite0@untrained:0")
